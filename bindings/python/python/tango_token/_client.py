"""The client's coroutines; the rest of the client is native."""

from __future__ import annotations

from tango_token import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from tango_token._native import Authorization, Options, Token


class Client(_native.Client):
    """Gets tokens for one set of credentials, and keeps the current one for all callers in the process.

    Create one client and share it: threads and coroutines may use it at once, and a forked child can go on using it.
    The constructor checks the configuration; it starts no thread and sends nothing. Used as a context manager, the
    client is closed at the end of the block.

    Args:
        environment: ``"sandbox"`` or ``"production"``. Required unless ``token_url`` is given.
        client_id, client_secret: from the Tango portal, OAuth client credentials.
        username, password: from the Tango portal, OAuth service accounts.
        audience: ``"24h"`` (the default) or ``"5min"`` for a token of that lifetime; any other is sent as it is.
        scope: the requested scope; ``"raas.all"`` by default.
        dpop: ``"off"`` (the default), ``"optional"`` or ``"required"``: whether tokens are bound to a key (RFC 9449).
        dpop_key: the key to bind tokens to; by default each client generates an ES256 key.
        dpop_key_file: a file with that key, in PEM or as a JWK.
        token_url: the token endpoint, instead of the environment's.
        api_url: the API that tokens are for, instead of the environment's.
        allowed_origins: URLs of further origins that may receive tokens.
        ca_file: a PEM file of the certificate authorities to trust at the token endpoint, instead of the system's. The
            HTTP client with which a program calls the API has a setting of its own.
        proxy: ``"system"`` (the default: ``HTTPS_PROXY`` and the like), ``"none"``, or the URL of a proxy.
        user_agent: the ``User-Agent`` of token requests; ``tango-token/VERSION`` by default.
        connect_timeout: limit for one connection, TLS included; in seconds, or a ``timedelta``. 5 s by default.
        attempt_timeout: limit for one request, response included. 10 s by default.
        total_timeout: limit for one call, retries included. 30 s by default.
        allow_plain_http: allows URLs without TLS on hosts other than loopback. Anyone on the network can then read the
            secrets.
        cache: where tokens are kept for other processes: ``"memory"`` (the default: nowhere), ``"file"`` (a directory
            in the user's cache directory), ``"file:/a/directory"``, or the URL of a Redis server (``rediss://...``).
        cache_ca_file: a PEM file of the certificate authorities to trust for ``rediss://``, instead of the system's.
        allow_fetch_without_cache: fetches a token if the cache is unavailable, instead of raising ``CacheUnavailable``.
        load_env: reads the ``TANGO_*`` environment variables too, as ``from_env`` does. Arguments take precedence.

    Raises:
        InvalidConfiguration: settings are missing or wrong; the message names all of them.
        InvalidArgument: the value of an argument is not valid.
    """

    __slots__ = ()

    @classmethod
    def from_env(cls, **options: Unpack[Options]) -> Self:
        """Creates a client from the ``TANGO_*`` environment variables. Arguments take precedence over them."""
        return cls(load_env=True, **options)

    async def aacquire(self) -> Token:
        """``acquire`` for asyncio. Cancelling the task does not affect others that wait for the same token."""
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
