"""The exceptions: one for each status of the library, all of them a ``TangoError``."""

# Made from include/tango_token.json by scripts/interface: do not edit, run `make header`.

from __future__ import annotations

from tango_token._error import TangoError

__all__ = [
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
]


class InvalidArgument(TangoError, ValueError):
    """An argument is invalid: None, not UTF-8, a number outside its enum, or a URL whose origin may get no token. Also a ``ValueError``."""

    _status = 1


class InvalidConfiguration(TangoError, ValueError):
    """The configuration is incomplete or contradicts itself. The message names each setting to change. Also a ``ValueError``."""

    _status = 2


class ConnectFailed(TangoError, ConnectionError):
    """No connection to the server or the proxy could be made; nothing was sent. Check host name, network and proxy. Also a ``ConnectionError``."""

    _status = 3


class TlsFailed(TangoError, ConnectionError):
    """The TLS handshake failed: the certificate is not trusted, there is no common TLS version, or the server requires a client certificate. The server read no request. Also a ``ConnectionError``."""

    _status = 4


class TimedOut(TangoError, TimeoutError):
    """A deadline passed before a token arrived. If the request had been sent, the server may have issued a token anyway. Also a ``TimeoutError``."""

    _status = 5


class ConnectionLost(TangoError, ConnectionError):
    """The connection broke after the request was sent. The server may have issued a token anyway. Also a ``ConnectionError``."""

    _status = 6


class CredentialsRefused(TangoError):
    """The server does not accept the client ID, the client secret, the user name or the password, or does not let the client use the password grant."""

    _status = 7


class QuotaRefused(TangoError):
    """The daily limit of tokens is used up. Nothing is sent before the time that the error gives: when the limit resets or, if the library does not know when the last token was issued, about an hour later."""

    _status = 8


class RequestRefused(TangoError):
    """The server refuses the token request for another reason, such as an unknown audience."""

    _status = 9


class RateLimited(TangoError):
    """The server asks the client to send fewer requests (HTTP 429, or the code `slow_down`)."""

    _status = 10


class ServerError(TangoError):
    """The server or a gateway cannot serve the request now, and no retry within the call succeeded: HTTP 408, 421, 425 or 5xx, or the code `temporarily_unavailable` or `server_error`."""

    _status = 11


class UnexpectedResponse(TangoError):
    """The response is not that of a token endpoint: a redirect, for example, or not valid HTTP. Check the token URL."""

    _status = 12


class MalformedResponse(TangoError):
    """The response reports success, but contains neither a usable token nor an error code."""

    _status = 13


class Cancelled(TangoError):
    """The caller cancelled the request."""

    _status = 14


class WouldBlock(TangoError):
    """The call would block inside a callback that the library waits for. Use the asynchronous call there."""

    _status = 15


class Internal(TangoError):
    """The library has a defect, or the machine is out of resources. Please report the message."""

    _status = 16


class KeyRejected(TangoError, ValueError):
    """A DPoP key cannot be used: it is not a private key, is of an unsupported kind, or does not match its public key. Also a ``ValueError``."""

    _status = 17


class SigningFailed(TangoError):
    """A DPoP key could not sign. If a custom signer failed, the message contains its error."""

    _status = 18


class ProofRefused(TangoError):
    """The server refuses the DPoP proof or the nonce in it, or requires a proof and got none. The message names the DPoP mode, the clock, the header or the nonce."""

    _status = 19


class Downgraded(TangoError):
    """DPoP is required, but the server issued a Bearer token, which this client does not use."""

    _status = 20


class TokenRefused(TangoError):
    """The API rejects the token, and another attempt would not change that."""

    _status = 21


class CacheUnavailable(TangoError):
    """The shared cache cannot be used and no token is held. None is fetched, because that could use up the daily limit of all processes."""

    _status = 22
