"""The package against an independent authorization server and API: npm's oidc-provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import callers
from support.callers import Caller
from support.provider import Provider
from tango_token import Client, CredentialsRefused, DpopKey, RequestRefused


@pytest.fixture
def start_provider(tmp_path: Path) -> Iterator[Callable[..., Provider]]:
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(Provider(tmp_path, *options))


@pytest.fixture(params=callers.ALL, ids=lambda caller: caller.__name__)
def call(request: pytest.FixtureRequest) -> Caller:
    return request.param  # type: ignore[no-any-return]


def test_provider_accepts_bearer_tokens_and_proofs(call: Caller, start_provider: Callable[..., Provider]) -> None:
    provider = start_provider()
    bearer = Client(**provider.options)
    bound = Client(**provider.options, dpop="required")
    for client in [bearer, bound]:
        assert call(client, provider.ca_file, provider.accounts) == 200
    assert (bearer.acquire().token_type, bound.acquire().token_type) == ("Bearer", "DPoP")


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "EdDSA", "RS256", "PS256"])
def test_provider_that_requires_nonces_accepts_every_algorithm(
    algorithm: str, start_provider: Callable[..., Provider]
) -> None:
    provider = start_provider("--dpop", "--require-nonce", "--dpop-bound")
    key = DpopKey.generate(algorithm)  # type: ignore[arg-type]
    client = Client(**provider.options, dpop="required", dpop_key=key)
    for call in callers.ALL:
        assert call(client, provider.ca_file, provider.accounts) == 200
    assert client.acquire().dpop_key is not None


def test_refusals_of_the_provider_raise_different_exceptions(start_provider: Callable[..., Provider]) -> None:
    provider = start_provider()
    for option, kind, oauth_error in [
        ("client_secret", CredentialsRefused, "invalid_client"),
        ("password", CredentialsRefused, "invalid_grant"),
        ("scope", RequestRefused, "invalid_scope"),
        ("audience", RequestRefused, "invalid_target"),
    ]:
        with pytest.raises(kind) as caught:
            Client(**{**provider.options, option: "wrong"}).acquire()
        assert caught.value.oauth_error == oauth_error
