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


class InvalidArgument(TangoError):
    """An argument is None, is not UTF-8, or is a number outside its enum. Correct the call."""


class InvalidConfiguration(TangoError):
    """The configuration is incomplete or contradicts itself. The message names each setting to change."""


class ConnectFailed(TangoError):
    """No connection to the server or the proxy; nothing was sent. Check host name, network and proxy."""


class TlsFailed(TangoError):
    """The server could not prove who it is, or no common TLS version was found; nothing was sent."""


class TimedOut(TangoError):
    """A deadline passed before the answer was there."""


class ConnectionLost(TangoError):
    """The connection broke after the request was sent: the server may or may not have issued a token."""


class CredentialsRefused(TangoError):
    """The server does not accept the client's or the service account's credentials."""


class QuotaRefused(TangoError):
    """The daily limit of tokens is used up. Nothing is sent again until the time the error gives."""


class RequestRefused(TangoError):
    """The server refuses this request for another reason, such as an audience it does not know."""


class RateLimited(TangoError):
    """The server asks to slow down (HTTP 429)."""


class ServerError(TangoError):
    """The server failed (HTTP 5xx), after the retries that make sense."""


class UnexpectedResponse(TangoError):
    """An answer that this endpoint never gives, such as a redirect. Check the token URL."""


class MalformedResponse(TangoError):
    """The server's answer says success but holds no usable token."""


class Cancelled(TangoError):
    """The caller cancelled the request."""


class WouldBlock(TangoError):
    """The call would have to wait inside a callback that the library waits for. Use the asynchronous call there."""


class Internal(TangoError):
    """A defect of this library or a machine out of resources. Please report it with the message."""


class KeyRejected(TangoError):
    """A DPoP key cannot be used: it is no private key, of an unknown kind, or not the pair of its public key."""


class SigningFailed(TangoError):
    """A DPoP key made no signature; a signer of the program's own says why."""


class ProofRefused(TangoError):
    """The server refuses the DPoP proof, or wants one that was not sent."""


class Downgraded(TangoError):
    """A proof was sent and DPoP is required, and the server answered with a Bearer token, which was discarded."""


class TokenRefused(TangoError):
    """The API refuses the token, and asking again would not change that."""


class CacheUnavailable(TangoError):
    """The shared cache cannot be used, no token is held, and fetching one past it could cost the fleet its token."""
