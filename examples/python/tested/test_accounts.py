from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from accounts import Accounts, TryLater, trusting
from tango_token import Client, QuotaRefused
from tango_token.testing import FakeClient, Sandbox

FOUND = httpx.Response(200, json=[{"displayName": "Gifts"}])
REJECTED = httpx.Response(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def accounts(client: Client, *responses: httpx.Response) -> tuple[Accounts, list[str]]:
    """Returns what is tested, with responses in the place of the API, and the tokens that it sends."""
    tokens: list[str] = []
    queue = iter(responses)

    def respond(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers["Authorization"])
        return next(queue)

    return Accounts(client, "https://api.example/raas/v2", httpx.MockTransport(respond)), tokens


def test_one_token_serves_all_calls(tango_fake_client: FakeClient) -> None:
    tested, tokens = accounts(tango_fake_client, FOUND, FOUND)
    assert tested.names() == tested.names() == ["Gifts"]
    assert tokens == ["Bearer fake-token-1"] * 2


def test_daily_limit_is_reported_with_the_time_that_is_left(tango_fake_client: FakeClient) -> None:
    tango_fake_client.fail(QuotaRefused, retry_after=timedelta(hours=3))
    tested, tokens = accounts(tango_fake_client)
    with pytest.raises(TryLater, match="no accounts for 3:00:00"):
        tested.names()
    assert tokens == []


def test_token_that_the_api_rejects_is_replaced_once(tango_fake_client: FakeClient) -> None:
    tested, tokens = accounts(tango_fake_client, REJECTED, FOUND)
    assert tested.names() == ["Gifts"]
    assert tokens == ["Bearer fake-token-1", "Bearer fake-token-2"]


def test_accounts_of_the_sandbox(tango_client: Client, tango_sandbox: Sandbox) -> None:
    tested = Accounts(tango_client, tango_sandbox.api_url, trusting(tango_sandbox.ca_file))
    assert tested.names() == ["Sandbox Account"]
    assert tango_sandbox.stats()["token_requests"] == 1
