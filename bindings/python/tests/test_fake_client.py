"""`tango_token.testing`: the fake client against the real one, which uses a sandbox."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

import tango_token.errors
import tango_token.httpx
from support import callers
from support.sandbox import Sandbox
from tango_token import (
    Authorization,
    Client,
    InvalidArgument,
    ProofRefused,
    QuotaRefused,
    TangoError,
    TimedOut,
    Token,
    TokenRefused,
)
from tango_token.testing import FakeClient, FakeClock, fake_authorization, fake_token

# What the fake inherits, because it calls methods that the fake has.
INHERITED = {"from_env", "__aenter__", "__aexit__", "__enter__"}
URL = "https://api.example/raas/v2/accounts"
INVALID_TOKEN = 'Bearer error="invalid_token", error_description="revoked"'
USE_NONCE = 'Basic realm="x", DPoP error="use_dpop_nonce"'


@pytest.fixture
def fake() -> FakeClient:
    return FakeClient()


@pytest.fixture(params=["fake", "real"])
def make(request: pytest.FixtureRequest, sandbox: Sandbox) -> Callable[..., Client]:
    """Makes clients of one kind: what a test finds has to be the same for both."""
    kind = FakeClient if request.param == "fake" else Client
    return lambda **options: kind(**sandbox.options, **options)


@pytest.fixture
def either(make: Callable[..., Client]) -> Iterator[Client]:
    with make() as client:
        yield client


def public(kind: type) -> Iterator[str]:
    entered = {"__enter__", "__exit__", "__aenter__", "__aexit__"}
    return (name for name in dir(kind) if not name.startswith("_") or name in entered)


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """The parameters after ``self``, which is positional only in native methods."""
    _, *others = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, one.default) for one in others]


def test_fake_has_every_method_of_the_client_with_its_signature() -> None:
    for name in public(Client):
        if name in INHERITED:
            continue
        assert name in FakeClient.__dict__, f"FakeClient lacks {name}, which Client has"
        real, fake = getattr(Client, name), getattr(FakeClient, name)
        assert parameters(fake) == parameters(real), name
        assert inspect.iscoroutinefunction(fake) == inspect.iscoroutinefunction(real), name


def test_fake_token_and_authorization_have_every_member_of_the_real_ones() -> None:
    for made, real in [(fake_token(), Token), (fake_authorization(), Authorization)]:
        assert isinstance(made, real)
        for name in public(real):
            assert hasattr(made, name), f"{type(made)} lacks {name}"


def test_error_knows_its_status_and_can_be_pickled() -> None:
    error = QuotaRefused("the daily limit", retry_after=timedelta(hours=1))
    assert error.status == 8
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.status, copied.retry_after) == (QuotaRefused, 8, timedelta(hours=1))


@pytest.mark.parametrize("kind", TangoError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_fake_raises_every_error(fake: FakeClient, kind: type[TangoError]) -> None:
    fake.fail(kind)
    calls: list[Callable[[], object]] = [
        fake.acquire,
        lambda: fake.headers("GET", URL),
        lambda: asyncio.run(fake.aauthorize("GET", URL)),
    ]
    for call in calls:
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.status and str(caught.value)


def test_fake_fails_as_often_as_it_is_told(fake: FakeClient) -> None:
    fake.fail(TimedOut("slow", retry_after=timedelta(seconds=1)), times=2)
    for _ in range(2):
        with pytest.raises(TimedOut, match="slow"):
            fake.acquire()
    assert fake.acquire().value == "fake-token-1"
    fake.fail(QuotaRefused)
    fake.succeed()
    assert fake.acquire().value == "fake-token-1"


def test_calls_and_tokens_are_counted(fake: FakeClient) -> None:
    fake.acquire()
    asyncio.run(fake.aacquire())
    fake.headers("POST", URL)
    assert (fake.tokens_issued, fake.count("acquire"), fake.count("aacquire")) == (1, 1, 1)
    assert fake.calls[-1] == ("headers", ("POST", URL))


def test_token_expires_by_the_clock_of_the_test() -> None:
    clock = FakeClock(datetime(2030, 1, 1, tzinfo=timezone.utc))
    fake = FakeClient(clock=clock, audience="5min")
    first = fake.acquire()
    assert (first.expires_in, first.expires_at) == (
        timedelta(minutes=5),
        datetime(2030, 1, 1, 0, 5, tzinfo=timezone.utc),
    )
    clock.advance(299)
    assert fake.acquire() == first and first.expires_in == timedelta(seconds=1)
    clock.advance(timedelta(seconds=2))
    assert first.expires_in == timedelta()
    assert fake.acquire() != first
    with pytest.raises(ValueError, match="time zone"):
        FakeClock(datetime(2030, 1, 1))


def test_token_of_the_test_is_served_without_being_shown(fake: FakeClient) -> None:
    token = fake.set_token("a-secret", scope="raas.read", lifetime=timedelta(hours=1))
    assert fake.headers("GET", URL) == {"Authorization": "Bearer a-secret"}
    assert fake.acquire() is token and fake.tokens_issued == 0
    assert repr(token) == "<Token: Bearer, raas.read, 3600 s left>"
    assert "a-secret" not in repr(fake.authorize("GET", URL)) + repr(fake)


def test_class_can_stand_in_the_place_of_client(fake: FakeClient) -> None:
    client: Client = FakeClient.from_env(dpop="required", scope="raas.read")
    assert isinstance(client, Client) and client.acquire().scope == "raas.read"
    assert sorted(client.headers("GET", URL)) == ["Authorization", "DPoP"]


# The same, with both clients.


def test_rejected_token_is_replaced_once(either: Client, sandbox: Sandbox) -> None:
    first = either.authorize("GET", sandbox.accounts)
    assert either.observe(first, 401, www_authenticate=INVALID_TOKEN)
    second = either.authorize_again(first)
    assert second.headers != first.headers
    with pytest.raises(TokenRefused) as caught:
        either.observe(second, 401, www_authenticate=INVALID_TOKEN)
    assert (caught.value.http_status, caught.value.oauth_error) == (401, "invalid_token")
    assert either.headers("GET", sandbox.accounts) == second.headers, "a suspect token is better than none"


def test_invalidated_token_is_replaced(either: Client) -> None:
    token = either.acquire()
    assert either.invalidate(token) and not either.invalidate(token)
    assert either.acquire() != token


def test_refusal_without_a_reason_is_an_error(either: Client, sandbox: Sandbox) -> None:
    authorization = either.authorize("GET", sandbox.accounts)
    for header in [None, "Bearer", 'Basic realm="x"']:
        with pytest.raises(TokenRefused):
            either.observe(authorization, 401, www_authenticate=header)
    for status in [200, 403, 500, 999]:
        assert either.observe(authorization, status) is False


def test_nonce_is_used_once(make: Callable[..., Client], sandbox: Sandbox) -> None:
    with make(dpop="required") as client:
        first = client.authorize("GET", sandbox.accounts)
        assert client.observe(first, 401, www_authenticate=USE_NONCE, dpop_nonce="one")
        second = client.authorize_again(first)
        assert second.headers["DPoP"] != first.headers["DPoP"]
        with pytest.raises(ProofRefused):
            client.observe(second, 401, www_authenticate=USE_NONCE, dpop_nonce="one")
        with pytest.raises(ProofRefused):
            client.observe(second, 401, www_authenticate='DPoP error="invalid_dpop_proof"')


def test_tokens_are_for_the_api_alone(make: Callable[..., Client], sandbox: Sandbox) -> None:
    with make(allowed_origins=["https://other.example"]) as client:
        client.headers("GET", sandbox.accounts)
        client.headers("GET", "https://other.example:443/accounts")
        for url in ["https://stranger.example/", "/accounts", "ftp://localhost"]:
            with pytest.raises(InvalidArgument):
                client.headers("GET", url)


def test_other_account_gets_another_token(either: Client, sandbox: Sandbox) -> None:
    token = either.acquire()
    either.set_credentials(username=sandbox.variables["TANGO_USERNAME"], password="changed")
    assert either.acquire() == token, "another password needs no other token"
    with pytest.raises(InvalidArgument):
        either.set_credentials(client_id="alone")


def test_closed_client_refuses_calls(either: Client, sandbox: Sandbox) -> None:
    token, authorization = either.acquire(), either.authorize("GET", sandbox.accounts)
    with either:
        pass
    calls: list[Callable[[], object]] = [
        either.acquire,
        lambda: either.invalidate(token),
        lambda: either.observe(authorization, 200),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument, match="closed"):
            call()
    with pytest.raises(InvalidArgument, match="closed"):
        asyncio.run(either.aacquire())


@pytest.mark.parametrize("call", callers.ALL, ids=lambda caller: caller.__name__)
def test_adapters_work_with_the_fake(call: callers.Caller, sandbox: Sandbox, fake: FakeClient) -> None:
    accepted = {"path": "/raas/v2/accounts", "status": 200, "body": "{}"}
    rejected = {"path": "/raas/v2/accounts", "status": 401, "headers": {"WWW-Authenticate": INVALID_TOKEN}}
    sandbox.respond(accepted, rejected, accepted)
    assert [call(fake, sandbox.ca_file, sandbox.accounts) for _ in range(2)] == [200, 200]
    sent = [request["headers"]["authorization"] for request in sandbox.requests()]
    assert sent == ["Bearer fake-token-1", "Bearer fake-token-1", "Bearer fake-token-2"]
    fake.fail(TimedOut)
    for _ in range(2):
        with pytest.raises(TimedOut):
            call(fake, sandbox.ca_file, sandbox.accounts)


def test_fake_starts_no_thread_and_opens_no_socket() -> None:
    program = """
import sys
def audit(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork")):
        sys.exit(f"{event} {arguments}")
from tango_token.testing import FakeClient
sys.addaudithook(audit)
fake = FakeClient()
fake.acquire()
fake.authorize("GET", "https://api.example/")
import os
print(len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 1)
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "1"


def test_mock_transport_of_httpx_needs_no_server(fake: FakeClient) -> None:
    api = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["Authorization"]))
    with httpx.Client(transport=api, auth=tango_token.httpx.TangoAuth(fake)) as session:
        assert session.get(URL).text == "Bearer fake-token-1"
