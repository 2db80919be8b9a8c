"""The gin service as a process: many requests at once, SIGTERM in the middle of one, and a restart."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from testing import Program, Sandbox, assert_no_secrets, free_port, request, request_many, wait_until

HERE = Path(__file__).parent
Serve = Callable[[], "tuple[Program, str]"]


@pytest.fixture
def serve(start: Callable[..., Program], environment: dict[str, str], tmp_path: Path) -> Serve:
    environment["TANGO_CACHE"] = f"file:{tmp_path}/cache"

    def serve() -> tuple[Program, str]:
        address = f"127.0.0.1:{free_port()}"
        program = start([os.environ["RECIPE_GIN"]], {**environment, "LISTEN": address}, HERE, "rewards")
        program.wait_until_it_serves(f"http://{address}/healthz")
        return program, f"http://{address}"

    return serve


def test_requests_at_once_share_one_token_which_a_restart_finds_again(serve: Serve, sandbox: Sandbox) -> None:
    program, url = serve()
    assert request(f"{url}/healthz").status == 204
    assert sandbox.token_requests == 0, "a service that starts, and its probe, spend no token"
    assert {one.status for one in request_many([f"{url}/accounts"] * 200, at_once=50)} == {200}
    assert (sandbox.token_requests, sandbox.api_requests) == (1, 200)
    assert program.stop() == 0

    again, url = serve()
    assert request(f"{url}/accounts").status == 200
    assert sandbox.token_requests == 1, "a restart finds the token in the cache"
    assert again.stop() == 0
    assert_no_secrets(sandbox, program.log, sandbox.log)


@pytest.mark.parametrize("awaited", ["the token", "the API"])
def test_signal_lets_a_request_that_has_begun_end(serve: Serve, sandbox: Sandbox, awaited: str) -> None:
    program, url = serve()
    if awaited == "the API":
        assert request(f"{url}/accounts").status == 200
    before = len(sandbox.requests())
    sandbox.hold()
    with ThreadPoolExecutor(1) as pool:
        response = pool.submit(request, f"{url}/accounts")
        wait_until("the request has arrived", lambda: len(sandbox.requests()) > before)
        program.terminate()
        wait_until("the service has begun to end", lambda: b"when its requests" in program.log.read_bytes())
        sandbox.release()
        assert response.result().status == 200
    assert program.wait() == 0
    assert sandbox.token_requests == 1


def test_daily_limit_is_a_503_with_the_time_of_the_next_attempt(serve: Serve, sandbox: Sandbox) -> None:
    sandbox.respond({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    _, url = serve()
    refusals = request_many([f"{url}/accounts"] * 20)
    assert {one.status for one in refusals} == {503}
    assert all(int(one.headers["Retry-After"]) > 3_000 for one in refusals)
    assert sandbox.token_requests == 1
