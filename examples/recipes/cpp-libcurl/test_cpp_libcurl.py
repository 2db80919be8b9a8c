"""The service while its token request is held back, with DPoP and nonces, and when the API refuses its token."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from testing import Program, Sandbox, assert_no_secrets, wait_until

HERE = Path(__file__).parent


@pytest.fixture
def service(start: Callable[..., Program], environment: dict[str, str], tmp_path: Path) -> Program:
    return serve(start, environment, tmp_path)


def serve(start: Callable[..., Program], environment: dict[str, str], cache: Path, **more: str) -> Program:
    variables = {**environment, "TANGO_CACHE": f"file:{cache}/cache", **more}
    return start([os.environ["RECIPE_CPP"]], variables, HERE, "service", stdin=subprocess.PIPE)


def lines(service: Program) -> list[str]:
    return service.log.read_text().splitlines()


def ping(service: Program, seconds: float = 60) -> None:
    """Waits for the response of the loop, which shows that nothing blocks its thread."""
    before = lines(service).count("pong")
    service.write("ping\n")
    wait_until("the loop runs", lambda: lines(service).count("pong") > before, seconds)


def call(service: Program) -> str:
    before = len(lines(service))
    service.write("/accounts\n")
    wait_until("the call has ended", lambda: len(lines(service)) > before)
    return lines(service)[-1]


def test_loop_runs_while_fifty_calls_wait_for_one_token(
    service: Program, start: Callable[..., Program], environment: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.hold()
    service.write("/accounts\n" * 50)
    wait_until("the token request has arrived", lambda: sandbox.token_requests == 1)
    ping(service)
    assert lines(service) == ["pong"], "no call has ended"
    sandbox.release()
    service.end_input()
    assert service.wait() == 0
    ends = [line.split()[:2] for line in lines(service)[1:]]
    assert ends == [["200", "/accounts"]] * 50
    assert (sandbox.token_requests, sandbox.api_requests) == (1, 50)

    again = serve(start, environment, tmp_path)
    again.write("/catalogs\n")
    again.end_input()
    assert again.wait() == 0
    assert lines(again)[-1].startswith("200 /catalogs")
    assert sandbox.token_requests == 1, "a restart finds the token in the cache"
    assert_no_secrets(sandbox, service.log, sandbox.log)


def test_calls_with_proofs_are_sent_again_with_each_new_nonce(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    sandbox = Sandbox(tmp_path, "--dpop", "strict", "--dpop-nonce", "single-use")
    try:
        service = serve(start, {**os.environ, **sandbox.variables}, tmp_path, TANGO_DPOP="required")
        service.write("/accounts\n/catalogs\n" * 5)
        service.end_input()
        assert service.wait() == 0
        assert [line.split()[0] for line in lines(service)] == ["200"] * 10
        stats = sandbox.stats()
        assert stats["tokens_issued"] == 1 and stats["nonce_challenges"] > 1 and stats["dpop_proofs_refused"] == 0
    finally:
        sandbox.close()


def test_loop_runs_while_a_refused_token_is_replaced(start: Callable[..., Program], tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, "--quota-window-seconds", "0")
    try:
        variables = {**os.environ, **sandbox.variables}
        service = serve(start, variables, tmp_path, TANGO_ATTEMPT_TIMEOUT_MS="5000")
        service.write("/accounts\n")
        wait_until("the first call has ended", lambda: len(lines(service)) == 1)
        sandbox.revoke()
        sandbox.respond({"fault": "hang"})
        service.write("/accounts\n")
        wait_until("the second token is requested", lambda: sandbox.token_requests == 2)
        # After two seconds the library serves the refused token again, because the API may have been wrong. A loop that
        # had waited for it would respond only then.
        ping(service, seconds=1.5)
        wait_until("the second call has ended", lambda: len(lines(service)) == 3)
        assert lines(service)[-1].startswith("failed /accounts the API rejects the token")
        wait_until("the refresh, which goes on, brings a token", lambda: call(service).startswith("200 /accounts"))
        assert sandbox.stats()["tokens_issued"] == 2
    finally:
        sandbox.close()
