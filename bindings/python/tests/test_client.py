"""The client: its tokens, its configuration, and how it is closed."""

from __future__ import annotations

import pickle
import re
import threading
from datetime import datetime, timedelta, timezone

import pytest

import tango_token
from support.sandbox import ROOT, Sandbox
from tango_token import Client, InvalidArgument, InvalidConfiguration, Token


def _native_options() -> list[str]:
    """The names of all options, from the stub."""
    stub = (ROOT / "bindings/python/python/tango_token/_native.pyi").read_text()
    _, _, options = stub.partition("class Options(")
    return re.findall(r"^    (\w+): ", options.partition("\n\n")[0], re.MULTILINE)


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
    ("option", "value", "expected"),
    [
        ("environment", "moon", "environment must be `sandbox` or `production`"),
        ("dpop", "maybe", "dpop must be `off`, `optional` or `required`"),
        ("connect_timeout", -1.0, "connect_timeout must be between 1 ms and 10 min, not -1.0"),
        ("total_timeout", float("nan"), "total_timeout must be between 1 ms and 10 min, not nan"),
        ("total_timeout", float("inf"), "total_timeout must be between 1 ms and 10 min, not inf"),
        pytest.param("total_timeout", 10**400, "total_timeout must be between 1 ms and 10 min", id="large"),
        pytest.param("total_timeout", 10**5000, "total_timeout must be between 1 ms and 10 min", id="unprintable"),
        (
            "attempt_timeout",
            timedelta(-1),
            "attempt_timeout must be between 1 ms and 10 min, not datetime.timedelta(days=-1)",
        ),
        ("password", "secret\udcff", "password contains a surrogate, which UTF-8 cannot represent"),
    ],
)
def test_error_names_the_option_with_a_wrong_value(option: str, value: object, expected: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Client(**{option: value})  # type: ignore[arg-type]
    assert str(caught.value) == expected
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@pytest.mark.parametrize("value", [0, 601, timedelta(0), timedelta(days=999999999), 1e300, 2**63])
def test_timeout_out_of_range_is_a_value_error_that_names_the_option(value: object) -> None:
    with pytest.raises(ValueError, match="total_timeout must be between 1 ms and 10 min"):
        Client(total_timeout=value)  # type: ignore[arg-type]


STRING, PATH = "a str", "a str or an os.PathLike"
SECONDS = "a number of seconds or a datetime.timedelta"
EXPECTED = {
    "ca_file": PATH,
    "cache_ca_file": PATH,
    "dpop_key_file": PATH,
    "connect_timeout": SECONDS,
    "attempt_timeout": SECONDS,
    "total_timeout": SECONDS,
    "allow_plain_http": "a bool",
    "allow_fetch_without_cache": "a bool",
    "allowed_origins": "a sequence of str",
    "dpop_key": "a tango_token.DpopKey",
}


class Wrong:
    pass


@pytest.mark.parametrize("option", _native_options())
def test_wrong_type_of_an_option_is_a_type_error_that_names_it_and_what_it_takes(option: str) -> None:
    expected = EXPECTED.get(option, STRING)
    wrong: list[tuple[object, str]] = [(Wrong(), f"{__name__}.Wrong"), (b"bytes", "bytes")]
    if expected == PATH:
        wrong = wrong[:1]  # os.PathLike can be of bytes
    if expected == SECONDS:
        wrong += [("10", "str"), (True, "bool"), (False, "bool")]
    if expected == "a bool":
        wrong += [(1, "int"), ("yes", "str")]
    if expected == "a sequence of str":
        wrong = [*wrong[:1], ("https://other.example", "str")]
    for value, name in wrong:
        with pytest.raises(TypeError) as caught:
            Client(**{option: value})  # type: ignore[arg-type]
        assert str(caught.value) == f"{option} must be {expected}, not {name}"


def test_none_is_an_option_that_is_not_given(sandbox: Sandbox) -> None:
    nothing = dict.fromkeys([*EXPECTED, "environment", "dpop", "cache", "user_agent"])
    assert Client(**{**nothing, **sandbox.options}).acquire().value


def test_error_names_the_wrong_item_of_a_sequence() -> None:
    with pytest.raises(TypeError, match=r"^allowed_origins\[1\] must be a str, not int$"):
        Client(allowed_origins=["https://other.example", 1])  # type: ignore[list-item]


def test_unknown_and_positional_options_raise_type_error() -> None:
    with pytest.raises(TypeError, match="client_idd"):
        Client(client_idd="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Client("sandbox")  # type: ignore[arg-type, call-arg]


def test_wrong_credentials_are_refused_without_the_secret_in_the_error(client: Client) -> None:
    surrogate = {"username": "name", "password": "secret\udcff"}
    for credentials, kind, expected in [
        ({"client_id": "id", "client_secret": 1}, TypeError, "client_secret must be a str, not int"),
        (surrogate, InvalidArgument, "password contains a surrogate, which UTF-8 cannot represent"),
        ({"username": "name"}, InvalidArgument, "username was given without password: give both or neither"),
        ({"client_secret": "x"}, InvalidArgument, "client_secret was given without client_id: give both or neither"),
    ]:
        with pytest.raises(kind) as caught:
            client.set_credentials(**credentials)  # type: ignore[arg-type]
        assert str(caught.value) == expected
        assert caught.value.__cause__ is None and caught.value.__context__ is None


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
