"""Tokens and authorizations that no server issued.

`Token` and `Authorization` are native and final. So these classes only look like them, to `isinstance` as well; a test
compares their members. The functions return them as what they stand for, so that type checkers accept them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast

from tango_token import Authorization, DpopKey, Token
from tango_token.testing._clock import FakeClock

# What Tango's documentation says of the audience 24h.
LIFETIME = timedelta(hours=24)
SCOPE = "raas.all"


def fake_token(
    value: str = "fake-token",
    *,
    token_type: Literal["Bearer", "DPoP"] = "Bearer",
    scope: str = SCOPE,
    lifetime: timedelta = LIFETIME,
    dpop_key: DpopKey | None = None,
    clock: FakeClock | None = None,
) -> Token:
    """Returns a token that no server issued.

    Args:
        value, token_type, scope, dpop_key: the attributes of the token.
        lifetime: the time until it expires.
        clock: the clock that measures the lifetime. Default: one that stands still.
    """
    return cast(Token, FakeToken(value, token_type, scope, lifetime, dpop_key, clock or FakeClock()))


def fake_authorization(token: Token | None = None, *, proof: str | None = None) -> Authorization:
    """Returns the headers of one request.

    Args:
        token: the token in the ``Authorization`` header. Default: that of ``fake_token()``.
        proof: the ``DPoP`` header. Default: ``"fake-proof"`` for a token of type DPoP, and none for a Bearer token.
    """
    token = token or fake_token()
    if proof is None and token.token_type == "DPoP":
        proof = "fake-proof"
    return cast(Authorization, FakeAuthorization(token, proof))


class FakeToken:
    """The members of a ``Token``."""

    if not TYPE_CHECKING:
        __class__ = property(lambda _: Token)
        __hash__ = None

    def __init__(
        self,
        value: str,
        token_type: Literal["Bearer", "DPoP"],
        scope: str,
        lifetime: timedelta,
        key: DpopKey | None,
        clock: FakeClock,
    ) -> None:
        self._value = value
        self._token_type: Literal["Bearer", "DPoP"] = token_type
        self._scope = scope
        self._key = key
        self._clock = clock
        self._expires_at = clock.now() + lifetime

    @property
    def value(self) -> str:
        return self._value

    @property
    def token_type(self) -> Literal["Bearer", "DPoP"]:
        return self._token_type

    @property
    def scope(self) -> str:
        return self._scope

    @property
    def expires_in(self) -> timedelta:
        return max(self._expires_at - self._clock.now(), timedelta())

    @property
    def expires_at(self) -> datetime:
        # As a Token: one that has expired says now.
        return self._clock.now() + self.expires_in

    @property
    def dpop_key(self) -> DpopKey | None:
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and other.value == self._value

    def __repr__(self) -> str:
        return f"<Token: {self._token_type}, {self._scope}, {int(self.expires_in.total_seconds())} s left>"


class FakeAuthorization:
    """The headers of one request, with what ``observe`` and ``authorize_again`` need to know of it.

    ``retried`` says why the request was sent again: each reason counts once.
    """

    if not TYPE_CHECKING:
        __class__ = property(lambda _: Authorization)

    def __init__(
        self,
        token: Token,
        proof: str | None,
        target: tuple[str, str] = ("GET", "https://tango.invalid/"),
        nonce: str | None = None,
        retried: frozenset[str] = frozenset(),
    ) -> None:
        self.token = token
        self.target = target
        self.nonce = nonce
        self.retried = retried
        self._proof = proof

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Authorization": f"{self.token.token_type} {self.token.value}"}
        if self._proof is not None:
            headers["DPoP"] = self._proof
        return headers

    def __repr__(self) -> str:
        return f"<Authorization: {'Bearer' if self._proof is None else 'DPoP'}>"
