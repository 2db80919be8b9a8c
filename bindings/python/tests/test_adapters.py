"""The adapters for requests, httpx and aiohttp, against the sandbox."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import requests

import tango_token.httpx
import tango_token.requests
from support import callers
from support.callers import Caller
from support.sandbox import Sandbox
from tango_token import Client, ConnectFailed, ProofRefused, TokenRefused

ACCOUNTS = "/raas/v2/accounts"
CHALLENGE = {
    "path": ACCOUNTS,
    "status": 401,
    "headers": {"WWW-Authenticate": ['Basic realm="x"', 'DPoP error="use_dpop_nonce"'], "DPoP-Nonce": "nonce-1"},
    "body": "a challenge",
}
ACCEPTED = {"path": ACCOUNTS, "status": 200, "headers": {"DPoP-Nonce": "nonce-2"}, "body": "{}"}


@pytest.fixture(params=callers.ALL, ids=lambda caller: caller.__name__)
def call(request: pytest.FixtureRequest) -> Caller:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def bound(sandbox: Sandbox) -> Client:
    return Client(**sandbox.options, dpop="required")


def api_requests(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request for request in sandbox.requests() if request["path"] == ACCOUNTS]


def test_adapters_send_bearer_tokens_and_proofs(call: Caller, sandbox: Sandbox, client: Client, bound: Client) -> None:
    assert call(client, sandbox.ca_file, sandbox.accounts) == 200
    assert call(bound, sandbox.ca_file, sandbox.accounts + "?page=1") == 200
    bearer, dpop = (request["headers"] for request in sandbox.requests() if request["path"].startswith(ACCOUNTS))
    assert bearer["authorization"].startswith("Bearer ") and "dpop" not in bearer
    assert dpop["authorization"].startswith("DPoP ") and dpop["dpop"]


def test_invalid_http_status_is_returned_to_the_program(sandbox: Sandbox, client: Client) -> None:
    api = httpx.MockTransport(lambda request: httpx.Response(999))
    with httpx.Client(transport=api, auth=tango_token.httpx.TangoAuth(client)) as session:
        assert session.get(sandbox.accounts).status_code == 999


def test_nonces_are_learned_from_every_response(call: Caller, start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox("--dpop", "strict", "--dpop-nonce", "required")
    client = Client(**sandbox.options, dpop="required")
    for expected in [2, 3, 4]:
        assert call(client, sandbox.ca_file, sandbox.accounts) == 200
        assert len(api_requests(sandbox)) == expected, "one challenge; each response has the next nonce"
    sandbox.rotate_nonces()
    assert call(client, sandbox.ca_file, sandbox.accounts) == 200
    assert len(api_requests(sandbox)) == 6


def test_request_is_retried_while_others_use_up_the_nonces(call: Caller, start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox("--dpop", "strict", "--dpop-nonce", "single-use")
    client = Client(**sandbox.options, dpop="required")
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: call(client, sandbox.ca_file, sandbox.accounts), range(80)))
    assert statuses == [200] * 80
    assert len(api_requests(sandbox)) > 80


def test_rejected_token_is_replaced_once(call: Caller, sandbox: Sandbox, client: Client) -> None:
    assert call(client, sandbox.ca_file, sandbox.accounts) == 200
    sandbox.revoke()
    assert call(client, sandbox.ca_file, sandbox.accounts) == 200
    assert (sandbox.token_requests, len(api_requests(sandbox))) == (2, 3)
    sandbox.revoke()
    refusal = {"path": ACCOUNTS, "status": 401, "headers": {"WWW-Authenticate": 'Bearer error="invalid_token"'}}
    sandbox.script(refusal, refusal, refusal)
    with pytest.raises(TokenRefused):
        call(client, sandbox.ca_file, sandbox.accounts)
    assert len(api_requests(sandbox)) == 4, "a replacement that is rejected as well is not replaced"


def test_proof_refused_twice_raises_proof_refused(call: Caller, sandbox: Sandbox, bound: Client) -> None:
    second = {**CHALLENGE, "headers": {**CHALLENGE["headers"], "DPoP-Nonce": "nonce-2"}}  # type: ignore[dict-item]
    sandbox.script(CHALLENGE, second, ACCEPTED)
    with pytest.raises(ProofRefused):
        call(bound, sandbox.ca_file, sandbox.accounts)
    assert len(api_requests(sandbox)) == 2


def test_rejected_token_raises_token_refused_when_no_other_can_be_fetched(
    call: Caller, start_sandbox: Callable[..., Sandbox]
) -> None:
    sandbox = start_sandbox()
    client = Client(**sandbox.options)
    assert call(client, sandbox.ca_file, sandbox.accounts) == 200
    sandbox.revoke()
    with pytest.raises(TokenRefused, match="no replacement is requested: the daily limit"):
        call(client, sandbox.ca_file, sandbox.accounts)


@pytest.mark.parametrize("kind", ["bytes", "string", "file"])
def test_body_is_sent_again_in_full(call: Caller, sandbox: Sandbox, bound: Client, kind: str) -> None:
    body: Any = {"bytes": b"the body", "string": "the body", "file": io.BytesIO(b"the body")}[kind]
    if kind == "file" and call in (callers.with_httpx, callers.with_httpx_async):
        body = body.getvalue()  # httpx cannot rewind a file
    sandbox.script(CHALLENGE, ACCEPTED)
    assert call(bound, sandbox.ca_file, sandbox.accounts, method="POST", body=body) == 200
    assert [request["body"] for request in api_requests(sandbox)] == ["the body", "the body"]
    first, second = (request["headers"]["dpop"] for request in api_requests(sandbox))
    assert first != second


def test_refusal_is_returned_when_the_body_cannot_be_sent_again(call: Caller, sandbox: Sandbox, bound: Client) -> None:
    sandbox.script(CHALLENGE, ACCEPTED)
    assert call(bound, sandbox.ca_file, sandbox.accounts, method="POST", body=iter([b"the ", b"body"])) == 401
    assert [request["body"] for request in api_requests(sandbox)] == ["the body"]
    assert call(bound, sandbox.ca_file, sandbox.accounts, method="POST", body=b"next") == 200
    assert len(api_requests(sandbox)) == 2, "the next request has the nonce"


def test_other_error_responses_are_returned_to_the_program(call: Caller, sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"path": ACCOUNTS, "status": 403}, {"path": ACCOUNTS, "status": 500})
    assert call(client, sandbox.ca_file, sandbox.accounts) == 403
    assert call(client, sandbox.ca_file, sandbox.accounts) == 500


def test_error_of_the_network_is_a_tango_error_in_every_http_client(call: Caller, sandbox: Sandbox) -> None:
    client = Client(**{**sandbox.options, "token_url": "https://localhost:1/oauth/token"})
    with pytest.raises(ConnectFailed) as caught:
        call(client, sandbox.ca_file, sandbox.accounts)
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.retry_after
    assert type(pickle.loads(pickle.dumps(caught.value))) is ConnectFailed


def test_headers_of_a_request_are_those_that_httpx_sends(sandbox: Sandbox, client: Client) -> None:
    def change(request: httpx.Request) -> None:
        request.headers["X-Mine"] = "1"
        request.headers.update({"X-Other": "2"})
        del request.headers["User-Agent"]

    auth = tango_token.httpx.TangoAuth(client)
    hooks = {"request": [change]}
    with httpx.Client(auth=auth, verify=callers.trust(sandbox.ca_file), event_hooks=hooks) as session:
        request = session.get(sandbox.accounts, headers={"Authorization": "mine", "dpop": "mine"}).request
    [sent] = api_requests(sandbox)
    assert dict(request.headers) == sent["headers"]
    assert request.headers == httpx.Headers(request.headers.raw)
    assert request.headers["authorization"].startswith("Bearer ") and "DPoP" not in request.headers
    assert len(request.headers) == len(request.headers.multi_items()) == len([*request.headers.values()])
    assert request.headers.get_list("x-mine") == ["1"]
    assert client.acquire().value not in repr(request.headers)
    copied = request.headers.copy()
    assert {*request.headers} - {*copied} == {"authorization"}


def test_retry_reuses_the_connection(sandbox: Sandbox, bound: Client) -> None:
    with requests.Session() as session:
        session.auth = tango_token.requests.TangoAuth(bound)
        session.trust_env = False
        session.verify = sandbox.ca_file
        assert session.get(sandbox.accounts, timeout=10).status_code == 200
        before = sandbox.stats()["connections"]
        sandbox.script(CHALLENGE, ACCEPTED)
        assert session.get(sandbox.accounts, timeout=10).status_code == 200
        assert sandbox.stats()["connections"] == before


def test_package_imports_no_http_client_asyncio_or_logging() -> None:
    program = "import sys, tango_token; print({'requests', 'httpx', 'aiohttp', 'asyncio', 'logging'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"
