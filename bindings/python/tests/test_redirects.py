"""Redirects and repetitions below the adapters: every request has a proof of its own, and other origins get none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import jwt
import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import tango_token.aiohttp
import tango_token.requests
from support import callers
from support.callers import Caller
from support.sandbox import Sandbox
from tango_token import Client, InvalidArgument, ProofRefused

API = "/raas/v2"
ACCOUNTS = API + "/accounts"


@pytest.fixture(params=callers.ALL, ids=lambda caller: caller.__name__)
def call(request: pytest.FixtureRequest) -> Caller:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def bound(sandbox: Sandbox) -> Client:
    return Client(**sandbox.options, dpop="required")


def moved(path: str, to: str, status: int = 301) -> dict[str, Any]:
    return {"path": path, "status": status, "headers": {"Location": to, "DPoP-Nonce": "nonce-of-the-redirect"}}


def proofs(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The payloads of the proofs that were sent; each of them was sent once."""
    sent = [request["headers"]["dpop"] for request in requests if "dpop" in request["headers"]]
    assert len({*sent}) == len(sent), "a proof was sent twice"
    return [jwt.decode(proof, options={"verify_signature": False}) for proof in sent]


def sent_to_api(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request for request in sandbox.requests() if request["path"].startswith(API)]


@pytest.fixture(params=["Bearer", "DPoP"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def server(scheme: str, start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return start_sandbox("--quota-window-seconds", "0", "--dpop", "strict" if scheme == "DPoP" else "off")


@pytest.fixture
def user(scheme: str, server: Sandbox) -> Client:
    return Client(**server.options, dpop="required" if scheme == "DPoP" else "off")


def test_redirect_within_the_api_has_an_authorization_of_its_own(
    call: Caller, server: Sandbox, user: Client, scheme: str
) -> None:
    server.script(moved(ACCOUNTS, API + "/catalogs?page=1"), moved(API + "/catalogs", ACCOUNTS + "/sandbox-account"))
    assert call(user, server.ca_file, server.accounts) == 200
    last = sent_to_api(server)[-1]
    assert last["path"] == ACCOUNTS + "/sandbox-account"
    assert last["headers"]["authorization"].startswith(scheme + " ")
    if scheme == "DPoP":
        used = {proof["htu"] for proof in proofs(sent_to_api(server))}
        assert used >= {server.accounts, server.accounts + "/sandbox-account"}
        assert server.stats()["dpop_proofs_refused"] == 0


@pytest.mark.parametrize(
    ("status", "location", "method"),
    [
        (303, ACCOUNTS, "GET"),
        (302, ACCOUNTS, "GET"),
        (301, ACCOUNTS, "GET"),
        (307, API + "/orders", "POST"),
        (308, API + "/orders", "POST"),
    ],
)
def test_proof_after_a_redirect_is_for_the_method_that_is_sent(
    call: Caller, start_sandbox: Callable[..., Sandbox], status: int, location: str, method: str
) -> None:
    sandbox = start_sandbox("--dpop", "strict")
    client = Client(**sandbox.options, dpop="required")
    sandbox.script(moved(API + "/old", location, status))
    url = sandbox.variables["TANGO_API_URL"] + "/old"
    expected = 201 if method == "POST" else 200
    assert call(client, sandbox.ca_file, url, method="POST", body=b"an order") == expected
    requests = sent_to_api(sandbox)
    assert (requests[-1]["method"], requests[-1]["body"]) == (method, "an order" if method == "POST" else "")
    assert [proof["htm"] for proof in proofs(requests)] == ["POST", method]
    assert sandbox.stats()["dpop_proofs_refused"] == 0


@pytest.mark.parametrize("after_a_retry", [False, True], ids=["at once", "after a retry"])
def test_redirect_to_another_origin_carries_no_token(
    call: Caller,
    server: Sandbox,
    scheme: str,
    start_sandbox: Callable[..., Sandbox],
    after_a_retry: bool,
    tmp_path: Path,
) -> None:
    other_origin = start_sandbox()
    authorities = authorities_of(tmp_path, server, other_origin)
    authority = urlsplit(other_origin.accounts).netloc
    own = urlsplit(server.accounts).netloc
    for location in [
        other_origin.accounts,
        f"//{authority}{ACCOUNTS}",
        other_origin.accounts.replace("https://", f"https://{own}@"),
        other_origin.accounts.replace("localhost", "127.0.0.1"),
    ]:
        other_origin.reset()
        user = Client(**server.options, dpop="required" if scheme == "DPoP" else "off")
        refusal = {"path": ACCOUNTS, "status": 401, "headers": {"WWW-Authenticate": f'{scheme} error="invalid_token"'}}
        server.script(*([refusal] if after_a_retry else []), moved(ACCOUNTS, location, 302))
        if call is callers.with_aiohttp:
            with pytest.raises(InvalidArgument, match="has the origin"):
                call(user, authorities, server.accounts)
            assert other_origin.requests() == []
        else:
            assert call(user, authorities, server.accounts) == 401, "of the other server"
            headers = [request["headers"] for request in other_origin.requests()]
            assert len(headers) == 1
            assert not headers[0].keys() & {"dpop"}
            assert not headers[0].get("authorization", "").startswith(("Bearer ", "DPoP ")), location
        assert len(proofs(sent_to_api(server))) == (1 + after_a_retry if scheme == "DPoP" else 0)
        server.reset()


def test_redirect_to_plain_http_carries_no_token(call: Caller, server: Sandbox, user: Client) -> None:
    got: list[dict[str, str]] = []

    class Downgraded(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Downgraded) as plain:
        Thread(target=plain.serve_forever, daemon=True).start()
        server.script(moved(ACCOUNTS, f"http://127.0.0.1:{plain.server_port}{ACCOUNTS}", 302))
        if call is callers.with_aiohttp:
            with pytest.raises(InvalidArgument):
                call(user, server.ca_file, server.accounts)
        else:
            assert call(user, server.ca_file, server.accounts) == 401
        plain.shutdown()
    assert not any({"authorization", "dpop"} & headers.keys() for headers in got)
    assert len(got) == (0 if call is callers.with_aiohttp else 1)


def test_redirect_to_an_allowed_origin_carries_a_token(
    call: Caller, start_sandbox: Callable[..., Sandbox]
) -> None:
    sandbox = start_sandbox("--dpop", "strict")
    # The same server by another name: the proof is for that name.
    other_name = sandbox.accounts.replace("localhost", "127.0.0.1")
    other_origin = other_name.removesuffix(ACCOUNTS)
    client = Client(**sandbox.options, dpop="required", allowed_origins=[other_origin])
    sandbox.script(moved(ACCOUNTS, other_name))
    assert call(client, sandbox.ca_file, sandbox.accounts) == 200
    assert [proof["htu"] for proof in proofs(sent_to_api(sandbox))] == [sandbox.accounts, other_name]


def test_nonce_of_a_redirect_is_learned(call: Caller, sandbox: Sandbox, bound: Client) -> None:
    sandbox.script(moved(ACCOUNTS, API + "/catalogs"))
    assert call(bound, sandbox.ca_file, sandbox.accounts) == 200
    assert [proof.get("nonce") for proof in proofs(sent_to_api(sandbox))] == [None, "nonce-of-the-redirect"]


def test_redirect_that_is_not_followed_is_returned(call: Caller, server: Sandbox, user: Client) -> None:
    server.script(moved(ACCOUNTS, API + "/catalogs"))
    assert call(user, server.ca_file, server.accounts, follow=False) == 301
    assert len(sent_to_api(server)) == 1


def test_endless_redirects_end_with_the_error_of_the_http_client(call: Caller, server: Sandbox, user: Client) -> None:
    server.script(*[moved(ACCOUNTS, ACCOUNTS)] * 100)
    with pytest.raises((requests.TooManyRedirects, httpx.TooManyRedirects, aiohttp.TooManyRedirects)):
        call(user, server.ca_file, server.accounts)
    proofs(sent_to_api(server))


def test_response_of_another_origin_changes_no_token_and_no_nonce(
    call: Caller, server: Sandbox, user: Client, start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    other_origin = start_sandbox()
    authorities = authorities_of(tmp_path, server, other_origin)
    token = user.acquire()
    server.script(moved(ACCOUNTS, other_origin.accounts, 302))
    headers = {"WWW-Authenticate": 'DPoP error="invalid_token"', "DPoP-Nonce": "of-another-origin"}
    other_origin.script({"path": ACCOUNTS, "status": 401, "headers": headers})
    if call is callers.with_aiohttp:
        with pytest.raises(InvalidArgument):
            call(user, authorities, server.accounts)
    else:
        assert call(user, authorities, server.accounts) == 401
    assert user.acquire() == token
    assert call(user, server.ca_file, server.accounts) == 200
    assert "of-another-origin" not in {proof.get("nonce") for proof in proofs(sent_to_api(server))}


def authorities_of(directory: Path, *sandboxes: Sandbox) -> str:
    """Writes a file with the certificate authorities of these sandboxes, and returns its path."""
    path = directory / "authorities.pem"
    path.write_text("".join(Path(one.ca_file).read_text() for one in sandboxes))
    return str(path)


# Repetitions below the adapters.


def test_repetition_by_urllib3_ends_with_a_new_proof(sandbox: Sandbox, bound: Client) -> None:
    reused = {"path": ACCOUNTS, "status": 401, "headers": {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'}}
    with requests.Session() as session:
        session.auth = tango_token.requests.TangoAuth(bound)
        session.trust_env = False
        session.verify = sandbox.ca_file
        session.mount("https://", HTTPAdapter(max_retries=Retry(1, status_forcelist=[503], backoff_factor=0)))
        sandbox.script({"path": ACCOUNTS, "status": 503}, reused)
        assert session.get(sandbox.accounts, timeout=10).status_code == 200
        first, second, third = (request["headers"]["dpop"] for request in sent_to_api(sandbox))
        assert (first == second, second == third) == (True, False)
        sandbox.script({"path": ACCOUNTS, "status": 503}, reused, {"path": ACCOUNTS, "status": 503}, reused, reused)
        with pytest.raises(ProofRefused):
            session.get(sandbox.accounts, timeout=10)


def test_repetition_on_a_new_connection_has_a_new_proof_with_aiohttp(sandbox: Sandbox, bound: Client) -> None:
    async def work() -> None:
        middleware = tango_token.aiohttp.TangoAuth(bound)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            for _ in range(2):
                async with session.get(sandbox.accounts, ssl=callers.trust(sandbox.ca_file)) as response:
                    assert response.status == 200
                sandbox.script({"path": ACCOUNTS, "fault": "close"})

    asyncio.run(work())
    assert len(proofs(sent_to_api(sandbox))) == 3
