"""The client's coroutines. All else of it is native."""

from __future__ import annotations

from tango_token import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from tango_token._native import Authorization, Options, Token


class Client(_native.Client):
    """Gets tokens for one set of credentials, and keeps the current one for every caller in the process.

    Make one and share it: it is safe in threads and coroutines, and a forked child can go on using it. Making one checks
    the configuration; it starts no thread and sends nothing. As a context manager it is closed at the end.

    Args:
        environment: ``"sandbox"`` or ``"production"``. Needed unless ``token_url`` is given.
        client_id, client_secret: from the Tango portal, OAuth client credentials.
        username, password: from the Tango portal, OAuth service accounts.
        audience: ``"24h"`` (the default) or ``"5min"`` for a token of that life, or any other, sent as it is written.
        scope: ``"raas.all"`` unless given.
        dpop: ``"off"`` (the default), ``"optional"`` or ``"required"``: whether tokens are bound to a key (RFC 9449).
        dpop_key: the key; each client makes an ES256 key of its own unless one is given.
        dpop_key_file: the same from a file, in PEM or as a JWK.
        token_url: the token endpoint, instead of the environment's.
        api_url: the API that tokens are for, instead of the environment's.
        allowed_origins: URLs of further origins that may get tokens.
        ca_file: a PEM file of the certification authorities to trust instead of the system's.
        proxy: ``"system"`` (the default: ``HTTPS_PROXY`` and the like), ``"none"``, or the URL of a proxy.
        user_agent: ``tango-token/VERSION`` unless given.
        connect_timeout: for one connection, TLS included; in seconds, or a ``timedelta``. 5 s unless given.
        attempt_timeout: for one request, answer included. 10 s unless given.
        total_timeout: for one call, retries included. 30 s unless given.
        allow_plain_http: allows URLs without TLS on hosts that are not loopback. Secrets then cross the network readable.
        cache: where the token outlives the process and is shared: ``"memory"`` (the default: nowhere), ``"file"`` (a folder
            in the user's cache directory), ``"file:/a/folder"``, or the URL of a Redis server (``rediss://...``).
        cache_ca_file: a PEM file of the certification authorities to trust for ``rediss://`` instead of the system's.
        allow_fetch_without_cache: fetches past a cache that cannot be used, instead of ``CacheUnavailable``.
        load_env: begins with the ``TANGO_*`` environment variables, as ``from_env`` does.

    Raises:
        InvalidConfiguration: names everything that is missing or wrong.
        InvalidArgument: a value is not one of those above.
    """

    __slots__ = ()

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> Self:
        """A client from the ``TANGO_*`` environment variables, one for each option. What is given here comes first."""
        return cls(load_env=True, **options)

    async def aacquire(self) -> Token:
        """``acquire`` for asyncio. A task that is cancelled stops waiting and disturbs nobody else."""
        return await self._acquire()

    async def aauthorize(self, method: str, url: str) -> Authorization:
        """``authorize`` for asyncio."""
        return await self._authorize(method, url)

    async def aauthorize_again(self, refused: Authorization) -> Authorization:
        """``authorize_again`` for asyncio."""
        return await self._authorize_again(refused)

    async def aheaders(self, method: str, url: str) -> dict[str, str]:
        """``headers`` for asyncio."""
        return (await self._authorize(method, url)).headers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()
