"""The service as a process: what is repeated, with which proofs, and what is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from testing import Program, Sandbox, assert_no_secrets, free_port, request, request_many

HERE = Path(__file__).parent
Serve = Callable[..., "tuple[Program, str]"]
UNAVAILABLE = {"status": 503, "body": "later"}


@pytest.fixture
def serve(start: Callable[..., Program], environment: dict[str, str], tmp_path: Path) -> Serve:
    environment["TANGO_CACHE"] = f"file:{tmp_path}/cache"
    # Traces of the HTTP clients: they show headers, except for those that the token handler hides.
    environment["Logging__LogLevel__System.Net.Http.HttpClient"] = "Trace"

    def serve(**more: str) -> tuple[Program, str]:
        url = f"http://127.0.0.1:{free_port()}"
        command = ["dotnet", os.environ["RECIPE_ASPNETCORE"], "--urls", url]
        program = start(command, {**environment, **more}, HERE, "rewards")
        program.wait_until_it_serves(f"{url}/health")
        return program, url

    return serve


def test_each_attempt_of_polly_has_a_proof_of_its_own_and_the_same_token(serve: Serve, sandbox: Sandbox) -> None:
    _, url = serve(TANGO_DPOP="required")
    catalogs = "/raas/v2/catalogs"
    sandbox.respond({"path": catalogs, **UNAVAILABLE}, {"path": catalogs, **UNAVAILABLE})
    assert request(f"{url}/catalogs").status == 200
    sent = [one["headers"] for one in sandbox.requests(catalogs)]
    assert len(sent) == 3
    assert len({headers["dpop"] for headers in sent}) == 3, "the token handler is inside of the retries"
    assert len({headers["authorization"] for headers in sent}) == 1
    assert sandbox.stats()["dpop_proofs_refused"] == 0
    assert sandbox.token_requests == 1


def test_order_is_not_repeated(serve: Serve, sandbox: Sandbox) -> None:
    _, url = serve()
    orders = "/raas/v2/orders"
    sandbox.respond({"path": orders, **UNAVAILABLE})
    assert request(f"{url}/orders", {"amount": 5}).status == 502
    assert len(sandbox.requests(orders)) == 1, "an order that is sent again can be placed twice"
    assert request(f"{url}/orders", {"amount": 5}).status == 200


def test_order_whose_proof_is_challenged_is_sent_again_because_nothing_was_ordered(
    serve: Serve, sandbox: Sandbox
) -> None:
    _, url = serve(TANGO_DPOP="required")
    orders = "/raas/v2/orders"
    challenge = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "next"}
    sandbox.respond({"path": orders, "status": 401, "headers": challenge})
    assert request(f"{url}/orders", {"amount": 5}).status == 200
    assert [one["body"] for one in sandbox.requests(orders)] == ['{"amount": 5}'] * 2


def test_requests_at_once_share_one_token_which_a_restart_finds_again(serve: Serve, sandbox: Sandbox) -> None:
    program, url = serve()
    assert request(f"{url}/health").status == 204
    assert sandbox.token_requests == 0, "a service that starts, and its probe, spend no token"
    assert {one.status for one in request_many([f"{url}/catalogs"] * 60)} == {200}
    assert request(f"{url}/orders", {"amount": 5}).status == 200
    assert (sandbox.token_requests, sandbox.api_requests) == (1, 61), "both named clients have the same token"
    assert program.stop() == 0

    again, url = serve()
    assert request(f"{url}/catalogs").status == 200
    assert sandbox.token_requests == 1, "a restart finds the token in the cache"
    assert again.stop() == 0
    assert "Authorization: *" in program.log.read_text(), "the log has the headers, without their values"
    assert_no_secrets(sandbox, sandbox.log, program.log)


def test_daily_limit_is_a_503_which_polly_does_not_repeat(serve: Serve, sandbox: Sandbox) -> None:
    sandbox.respond({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    program, url = serve()
    refusals = request_many([f"{url}/catalogs"] * 20)
    assert {one.status for one in refusals} == {503}
    assert all(int(one.headers["Retry-After"]) > 3_000 for one in refusals)
    assert sandbox.token_requests == 1
    assert "QuotaRefused" in program.log.read_text() or "daily limit" in program.log.read_text()
