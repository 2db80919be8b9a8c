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
        environment: Tango's environment. Required unless ``token_url`` is set. ``"sandbox"`` or ``"production"``.
            Variable: ``TANGO_ENVIRONMENT``.
        token_url: The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts.
            Default: that of the environment. Variable: ``TANGO_TOKEN_URL``.
        client_id: The client ID, from the Tango portal under OAuth client credentials. Required. Variable:
            ``TANGO_CLIENT_ID``.
        client_secret: The client secret that belongs to the client ID. Required. Variable: ``TANGO_CLIENT_SECRET``, or
            ``TANGO_CLIENT_SECRET_FILE`` for a file that holds the value.
        username: The user name of the service account, from the Tango portal under OAuth service accounts. Required.
            Variable: ``TANGO_USERNAME``.
        password: The password of the service account. Required. Variable: ``TANGO_PASSWORD``, or
            ``TANGO_PASSWORD_FILE`` for a file that holds the value.
        audience: The audience: ``24h`` or ``5min`` for a token of that lifetime; any other audience is sent exactly as
            written. Default: ``24h``. Variable: ``TANGO_AUDIENCE``.
        scope: The scope to request (RFC 6749 section 3.3). Default: ``raas.all``. Variable: ``TANGO_SCOPE``.
        ca_file: A PEM file of the certificate authorities to trust for the token endpoint. The HTTP client that calls
            the API has a setting of its own. Default: the system's certificates. Variable: ``TANGO_CA_FILE``.
        proxy: ``system`` (``HTTPS_PROXY``, ``NO_PROXY`` and the like), ``none``, or the URL of an HTTP or SOCKS5 proxy,
            which can contain a user name and a password. Default: ``system``. Variable: ``TANGO_PROXY``.
        user_agent: The ``User-Agent`` header to send, in ASCII. Default: ``tango-token/VERSION``. Variable:
            ``TANGO_USER_AGENT``.
        connect_timeout: The time limit for one connection to be established, TLS included. In seconds or as a
            ``timedelta``, 1 ms to 10 min. Default: 5 seconds. Variable: ``TANGO_CONNECT_TIMEOUT_MS``.
        attempt_timeout: The time limit for one request, response included. In seconds or as a ``timedelta``, 1 ms to 10
            min. Default: 10 seconds. Variable: ``TANGO_ATTEMPT_TIMEOUT_MS``.
        total_timeout: The time limit for one call, retries included. In seconds or as a ``timedelta``, 1 ms to 10 min.
            Default: 30 seconds. Variable: ``TANGO_TOTAL_TIMEOUT_MS``.
        allow_plain_http: Allows URLs without TLS on hosts that are not loopback. Secrets then cross the network
            unencrypted. Default: no. Variable: ``TANGO_ALLOW_PLAIN_HTTP``.
        api_url: The API that tokens are for, as an absolute URL. Headers are made for its origin only. Default: that of
            the environment. Variable: ``TANGO_API_URL``.
        allowed_origins: Further origins that may receive tokens, such as ``https://api.example``, without a path. In
            code they replace those of the variable. Variable: ``TANGO_ALLOWED_ORIGINS``.
        dpop: Whether tokens are bound to a key (RFC 9449). ``"off"``, ``"optional"`` or ``"required"``. Default:
            ``off``. Variable: ``TANGO_DPOP``.
        dpop_key_file: A file with the key to which tokens are bound, in PEM or as a JWK. ``dpop`` has to be set as
            well. A file that every user of the machine can write to is refused; one that every user can read causes a
            warning in the log. Default: each client generates an ES256 key. Variable: ``TANGO_DPOP_KEY_FILE``.
        dpop_key: The key to which tokens are bound, instead of ``dpop_key_file``. ``dpop`` has to be set as well.
            Default: each client generates an ES256 key.
        cache: Where the token outlives the process and is shared: ``memory`` (nowhere), ``file`` (a directory in the
            user's cache directory), ``file:/another/directory``, or the URL of a Redis server, ``redis://`` or
            ``rediss://[user:password@]host[:port][/db]``. With ``?cluster=true`` the server is a node of a cluster, and
            the URLs of further nodes can follow after spaces; with ``?prefix=`` keys begin with another string than
            ``tango-token:``. Default: ``memory``. Variable: ``TANGO_CACHE``.
        cache_ca_file: A PEM file of the certificate authorities to trust for a ``rediss://`` cache. Default: the
            system's certificates. Variable: ``TANGO_CACHE_CA_FILE``.
        allow_fetch_without_cache: Requests a token even if the cache cannot be used, instead of failing with
            ``CacheUnavailable``. Each process then requests a token of its own, which the server's daily limit may
            refuse. Default: no. Variable: ``TANGO_ALLOW_FETCH_WITHOUT_CACHE``.
        load_env: reads the options that are not given from the ``TANGO_*`` environment variables, as ``from_env`` does.

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
