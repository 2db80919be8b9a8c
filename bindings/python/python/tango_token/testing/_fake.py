"""`FakeClient`: a `Client` that sends nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from tango_token import Authorization, Client, InvalidArgument, Stats, TangoError, Token, _native
from tango_token.testing._clock import FakeClock
from tango_token.testing._issuer import Issuer

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from tango_token._native import Options

_T = TypeVar("_T")


class Call(NamedTuple):
    """A call of a method of ``Client``, with its arguments."""

    name: str
    arguments: tuple[object, ...]


class FakeClient(Client):
    """A ``Client`` for unit tests: it sends nothing, starts no thread and needs no server.

    It issues tokens by itself, one for all calls until it has expired or was rejected. The adapters for requests, httpx
    and aiohttp accept it, and so does ``isinstance(client, Client)``. It takes the options of a ``Client``, so that a
    test can put the class in the place of ``Client``. Some have an effect: ``api_url`` and ``allowed_origins``, without
    which each origin may receive tokens, ``audience``, ``scope`` and ``dpop``.

    Args:
        clock: the clock that measures the lifetimes of the tokens. Default: one of its own, ``fake.clock``.
        load_env: has no effect.

    Attributes:
        clock: the clock, which stands still until the test moves it.
        calls: the calls of the methods of ``Client``, in order. A coroutine has its own name, such as ``"aacquire"``.
        options: the options that the client was created with.
    """

    def __new__(cls, *, load_env: bool = False, clock: FakeClock | None = None, **options: Unpack[Options]) -> Self:
        # The native half is closed as soon as it exists, so that nothing can reach a network through it.
        client = super().__new__(
            cls,
            token_url="https://tango.invalid/oauth/token",
            client_id="fake",
            client_secret="fake",
            username="fake",
            password="fake",
            proxy="none",
        )
        # Only native code makes Stats; those of a client that has sent nothing are all zero.
        client._stats = _native.Client.stats(client)
        _native.Client.close(client)
        return client

    def __init__(self, *, load_env: bool = False, clock: FakeClock | None = None, **options: Unpack[Options]) -> None:
        self.clock = clock or FakeClock()
        self.calls: list[Call] = []
        self.options = options
        self._issuer = Issuer(self.clock, options)
        self._lock = threading.Lock()
        self._is_closed = False

    _stats: Stats

    # What a test sets and reads.

    @property
    def tokens_issued(self) -> int:
        """How many tokens a server would have issued."""
        return self._issuer.tokens_issued

    def count(self, name: str) -> int:
        """Returns how often a method was called, such as ``"acquire"`` or ``"aacquire"``."""
        return sum(call.name == name for call in self.calls)

    def set_token(
        self,
        value: str,
        *,
        token_type: Literal["Bearer", "DPoP"] | None = None,
        scope: str | None = None,
        lifetime: timedelta | None = None,
    ) -> Token:
        """Makes the client hold a token, as if it had been issued now, and returns it."""
        with self._lock:
            return self._issuer.hold(value, token_type, scope, lifetime)

    def fail(
        self, error: TangoError | type[TangoError], *, retry_after: timedelta | None = None, times: int | None = None
    ) -> None:
        """Makes the calls that need a token raise an error, also while a token is held.

        Args:
            error: the error, or its class, such as ``QuotaRefused``.
            retry_after: the attribute of that name, where ``error`` is a class.
            times: how many calls raise it. Default: all, until ``succeed``.
        """
        if isinstance(error, type):
            meaning = (error.__doc__ or error.__name__).partition(" Also a ``")[0]
            error = error(meaning, retry_after=retry_after)
        with self._lock:
            self._issuer.fail(error, times)

    def succeed(self) -> None:
        """Ends what ``fail`` began."""
        with self._lock:
            self._issuer.fail(None, None)

    # The methods of Client.

    def acquire(self) -> Token:
        return self._call("acquire", self._issuer.acquire)

    def authorize(self, method: str, url: str) -> Authorization:
        return self._call("authorize", self._issuer.authorize, method, url)

    def authorize_again(self, refused: Authorization) -> Authorization:
        return self._call("authorize_again", self._issuer.authorize_again, refused)

    def headers(self, method: str, url: str) -> dict[str, str]:
        return self._call("headers", self._issuer.authorize, method, url).headers

    async def aacquire(self) -> Token:
        return self._call("aacquire", self._issuer.acquire)

    async def aauthorize(self, method: str, url: str) -> Authorization:
        return self._call("aauthorize", self._issuer.authorize, method, url)

    async def aauthorize_again(self, refused: Authorization) -> Authorization:
        return self._call("aauthorize_again", self._issuer.authorize_again, refused)

    async def aheaders(self, method: str, url: str) -> dict[str, str]:
        return self._call("aheaders", self._issuer.authorize, method, url).headers

    def observe(
        self,
        authorization: Authorization,
        http_status: int,
        *,
        dpop_nonce: str | None = None,
        www_authenticate: str | None = None,
        date: str | None = None,
    ) -> bool:
        """``Client.observe``, for the error codes of tokens, nonces and proofs. ``date`` has no effect."""
        return self._call("observe", self._issuer.observe, authorization, http_status, dpop_nonce, www_authenticate)

    def invalidate(self, token: Token) -> bool:
        return self._call("invalidate", self._issuer.reject, token)

    def stats(self) -> Stats:
        """``Client.stats`` of a client that has sent nothing: each count is zero."""
        return self._call("stats", lambda: self._stats)

    def set_credentials(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        """``Client.set_credentials``. Another client ID or user name gets another token. ``calls`` has no secret."""
        if (client_id is None) != (client_secret is None) or (username is None) != (password is None):
            raise InvalidArgument("client_id and client_secret, username and password: give both of a pair or neither")
        self._call("set_credentials", self._replace_account, client_id, username)

    def close(self) -> None:
        self._is_closed = True

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tango_token.testing.FakeClient{', closed' if self._is_closed else ''}>"

    def _call(self, name: str, work: Callable[..., _T], *arguments: object) -> _T:
        with self._lock:
            if self._is_closed:
                raise InvalidArgument("the client is closed; create another one")
            self.calls.append(Call(name, arguments))
            return work(*arguments)

    def _replace_account(self, client_id: str | None, username: str | None) -> None:
        before = self.options.get("client_id"), self.options.get("username")
        after = client_id or before[0], username or before[1]
        self.options["client_id"], self.options["username"] = after
        if after != before:
            self._issuer.drop()
