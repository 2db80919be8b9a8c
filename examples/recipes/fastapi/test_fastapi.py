"""uvicorn with several workers and a cache in a directory, against the sandbox."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from testing import Program, Sandbox, assert_no_secrets, free_port, request, request_many, wait_until

HERE = Path(__file__).parent
WORKERS = 3


class Service:
    def __init__(self, start: Callable[..., Program], environment: dict[str, str]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [os.environ["RECIPE_PYTHON"], "-m", "uvicorn", "app:app", "--workers", WORKERS, "--port", port]
        self.program = start(command, environment, HERE, "uvicorn")

    def wait_until_all_workers_run(self) -> None:
        self.program.wait_until_it_serves(f"{self.url}/health")
        wait_until("all workers run", lambda: self._text().count("Application startup complete") >= WORKERS)

    def _text(self) -> str:
        return self.program.log.read_text()

    def workers_that_called_the_api(self) -> set[str]:
        return set(re.findall(r" (\d+) INFO httpx: HTTP Request: GET .*/accounts", self._text()))


@pytest.fixture
def service(start: Callable[..., Program], environment: dict[str, str], tmp_path: Path) -> Service:
    environment["TANGO_CACHE"] = f"file:{tmp_path}/cache"
    return Service(start, environment)


def test_workers_share_one_token_which_a_restart_finds_again(
    service: Service, start: Callable[..., Program], environment: dict[str, str], sandbox: Sandbox
) -> None:
    service.wait_until_all_workers_run()
    assert sandbox.token_requests == 0, "a worker that starts spends no token"

    sent = 0
    while len(service.workers_that_called_the_api()) < WORKERS:
        assert sent < 2_000, "some workers got no request"
        assert {one.status for one in request_many([f"{service.url}/accounts"] * 50)} == {200}
        sent += 50
    assert (sandbox.token_requests, sandbox.api_requests) == (1, sent)

    assert service.program.stop() == 0
    again = Service(start, environment)
    again.wait_until_all_workers_run()
    assert request(f"{again.url}/accounts").json() == request(f"{again.url}/accounts").json()
    assert sandbox.token_requests == 1, "a restart finds the token in the cache"
    assert_no_secrets(sandbox, service.program.log, sandbox.log)


def test_daily_limit_is_a_503_with_the_time_of_the_next_attempt(service: Service, sandbox: Sandbox) -> None:
    sandbox.respond({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    service.wait_until_all_workers_run()
    refusals = request_many([f"{service.url}/accounts"] * 30)
    assert {one.status for one in refusals} == {503}
    assert all(int(one.headers["Retry-After"]) > 3_000 for one in refusals)
    assert b"limit" not in refusals[0].body, "the reason is for the log"
    assert "no token: " in service.program.log.read_text()
    assert sandbox.token_requests == 1, "the refusal is remembered for all workers"
    assert request(f"{service.url}/health").status == 200
