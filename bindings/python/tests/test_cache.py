"""The shared cache, and a change of credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.programs import run
from support.sandbox import Sandbox
from tango_token import CacheUnavailable, Client, InvalidArgument, InvalidConfiguration

ACQUIRE = "from tango_token import Client; print(Client.from_env().acquire().value)"


def test_processes_share_one_token_through_a_file_cache(sandbox: Sandbox, tmp_path: Path) -> None:
    cache = f"file:{tmp_path}/cache"
    tokens = {run(sandbox, ACQUIRE, TANGO_CACHE=cache)[0] for _ in range(3)}
    tokens.add(Client(cache=cache, **sandbox.options).acquire().value)
    assert (len(tokens), sandbox.token_requests) == (1, 1)


def test_bound_token_is_shared_with_its_key(sandbox: Sandbox, tmp_path: Path) -> None:
    options = {"cache": f"file:{tmp_path}/cache", "dpop": "required", **sandbox.options}
    first, second = Client(**options).acquire(), Client(**options).acquire()
    assert first.dpop_key and second.dpop_key
    assert first.dpop_key.thumbprint == second.dpop_key.thumbprint
    assert sandbox.token_requests == 1


def test_acquire_raises_cache_unavailable_unless_fetching_without_cache_is_allowed(sandbox: Sandbox) -> None:
    options = {"cache": "redis://127.0.0.1:1", **sandbox.options}
    with pytest.raises(CacheUnavailable, match="127.0.0.1:1") as caught:
        Client(**options).acquire()
    assert caught.value.retry_after
    assert sandbox.token_requests == 0
    assert Client(allow_fetch_without_cache=True, **options).acquire().value


def test_error_for_an_unknown_cache_does_not_repeat_its_password(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidConfiguration, match="cache must be") as caught:
        Client(cache="memcached://me:hush@host", **sandbox.options)
    assert "hush" not in str(caught.value)


def test_acquire_uses_the_credentials_of_set_credentials(sandbox: Sandbox) -> None:
    client = Client(**{**sandbox.options, "password": "wrong"})
    client.set_credentials(username=sandbox.options["username"], password=sandbox.options["password"])
    assert client.acquire().value
    with pytest.raises(InvalidArgument, match="client_id was given without client_secret"):
        client.set_credentials(client_id="half of a pair")
