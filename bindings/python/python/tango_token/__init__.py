"""Gets, keeps and refreshes service-account tokens of the Tango API.

    from tango_token import Client

    client = Client.from_env()
    token = client.acquire()

Create one client for each set of credentials and share it between threads, coroutines and forked processes. The
adapters for HTTP clients are in tango_token.requests, tango_token.httpx and tango_token.aiohttp. Log records go to the
logger ``tango_token``, and to stderr with the environment variable ``TANGO_LOG=debug``. They never contain a secret.
"""

from tango_token._client import Client
from tango_token._native import Authorization, DpopKey, Sample, Stats, Token, __version__, dpop_proof, log_to_stderr
from tango_token.errors import (
    CacheUnavailable,
    Cancelled,
    ConnectFailed,
    ConnectionLost,
    CredentialsRefused,
    Downgraded,
    Internal,
    InvalidArgument,
    InvalidConfiguration,
    KeyRejected,
    MalformedResponse,
    ProofRefused,
    QuotaRefused,
    RateLimited,
    RequestRefused,
    ServerError,
    SigningFailed,
    TangoError,
    TimedOut,
    TlsFailed,
    TokenRefused,
    UnexpectedResponse,
    WouldBlock,
)

__all__ = [
    "Client",
    "Token",
    "Authorization",
    "DpopKey",
    "Stats",
    "Sample",
    "dpop_proof",
    "log_to_stderr",
    "TangoError",
    "InvalidArgument",
    "InvalidConfiguration",
    "ConnectFailed",
    "TlsFailed",
    "TimedOut",
    "ConnectionLost",
    "CredentialsRefused",
    "QuotaRefused",
    "RequestRefused",
    "RateLimited",
    "ServerError",
    "UnexpectedResponse",
    "MalformedResponse",
    "Cancelled",
    "WouldBlock",
    "Internal",
    "KeyRejected",
    "SigningFailed",
    "ProofRefused",
    "Downgraded",
    "TokenRefused",
    "CacheUnavailable",
    "__version__",
]
