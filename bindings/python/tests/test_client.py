"""The client: its tokens, its configuration, and how it is closed."""

from __future__ import annotations

import pickle
import threading
from datetime import datetime, timedelta, timezone

import pytest

import tango_token
from support.sandbox import Sandbox
from tango_token import Client, InvalidArgument, InvalidConfiguration, Token


def test_token_is_fetched_once_and_then_served_from_memory(sandbox: Sandbox, client: Client) -> None:
    tokens = [client.acquire() for _ in range(100)]
    assert sandbox.token_requests == 1
    assert all(token == tokens[0] for token in tokens)
    assert (tokens[0].token_type, tokens[0].scope, tokens[0].dpop_key) == ("Bearer", "raas.all", None)
    assert tokens[0].value.count(".") == 2


def test_expires_at_is_in_utc(client: Client) -> None:
    token = client.acquire()
    day = timedelta(days=1)
    assert day - timedelta(minutes=1) < token.expires_in <= day
    assert token.expires_at.tzinfo == timezone.utc
    assert abs(token.expires_at - datetime.now(timezone.utc) - day) < timedelta(minutes=1)


def test_threads_share_one_token_request(sandbox: Sandbox, client: Client) -> None:
    tokens: list[Token] = []
    threads = [threading.Thread(target=lambda: tokens.append(client.acquire())) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 32
    assert len({token.value for token in tokens}) == 1
    assert sandbox.token_requests == 1


def test_gil_is_released_while_a_call_waits(sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 300})
    thread = threading.Thread(target=client.acquire)
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
    assert turns > 1_000
    thread.join()


def test_every_option_takes_effect(sandbox: Sandbox) -> None:
    client = Client(
        **sandbox.options,
        environment="sandbox",
        audience="5min",
        scope="raas.all",
        dpop="optional",
        dpop_key=tango_token.DpopKey.generate(),
        allowed_origins=["https://other.example"],
        user_agent="tests/1",
        connect_timeout=5,
        attempt_timeout=2.5,
        total_timeout=timedelta(seconds=20),
        allow_plain_http=True,
    )
    assert timedelta(minutes=4) < client.acquire().expires_in <= timedelta(minutes=5)
    request = sandbox.requests()[-1]
    assert request["headers"]["user-agent"] == "tests/1"
    assert "audience=api.bhn.com%2Ffiveminute" in request["body"]
    assert client.headers("GET", "https://other.example/x")["Authorization"].startswith("DPoP ")


def test_keywords_take_precedence_over_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TANGO_USER_AGENT", "from-env/1")
    assert Client.from_env().acquire().token_type == "Bearer"
    assert Client.from_env(user_agent="given/1").acquire().token_type == "Bearer"
    agents = [request["headers"]["user-agent"] for request in sandbox.requests()]
    assert agents == ["from-env/1", "given/1"]


def test_one_error_names_every_missing_setting() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Client()
    for name in ["environment", "client_id", "client_secret", "username", "password"]:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("environment", "moon", "environment must be `sandbox` or `production`"),
        ("dpop", "maybe", "dpop must be `off`, `optional` or `required`"),
        ("connect_timeout", -1.0, "timeout"),
        ("total_timeout", float("nan"), "timeout"),
    ],
)
def test_error_names_the_option_with_a_wrong_value(option: str, value: object, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        Client(**{option: value})  # type: ignore[arg-type]


def test_wrong_types_and_unknown_options_raise_type_error() -> None:
    with pytest.raises(TypeError, match="'int'"):
        Client(client_id=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="client_idd"):
        Client(client_idd="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Client("sandbox")  # type: ignore[arg-type, call-arg]


def test_closed_client_raises_and_its_tokens_stay_readable(sandbox: Sandbox) -> None:
    with Client(**sandbox.options) as client:
        token = client.acquire()
    with pytest.raises(InvalidArgument, match="closed"):
        client.acquire()
    assert "closed" in repr(client)
    assert token.value
    client.close()


def test_objects_with_secrets_do_not_show_them_and_cannot_be_pickled(sandbox: Sandbox) -> None:
    client = Client(**sandbox.options, dpop="required")
    authorization = client.authorize("GET", sandbox.accounts)
    token = client.acquire()
    key = token.dpop_key
    assert key
    hidden = [*sandbox.secrets, token.value, authorization.headers["DPoP"], key.to_pem()]
    for item in [client, authorization, token, key]:
        assert not any(secret in shown for secret in hidden for shown in [repr(item), str(item), format(item)])
        with pytest.raises(TypeError):
            pickle.dumps(item)


def test_invalidate_drops_the_current_token_only(sandbox: Sandbox, client: Client) -> None:
    first = client.acquire()
    assert client.invalidate(first)
    assert not client.invalidate(first)
    assert client.acquire() != first
    assert sandbox.token_requests == 2
