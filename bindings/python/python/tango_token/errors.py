"""The exceptions: one for each status of the library, all of them a ``TangoError``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta

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
    "UnexpectedAnswer",
    "MalformedAnswer",
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


class TangoError(Exception):
    """Why there is no token, and what to do about it. No field ever holds a secret or a token.

    Attributes:
        status: the number of the cause, the same in every language that this library is used from.
        retry_after: how long to wait before another call makes sense; ``None`` where waiting does not help.
        http_status: the HTTP status of the server's answer, if one arrived.
        oauth_error: the ``error`` code of RFC 6749 section 5.2, such as ``invalid_grant``.
        oauth_error_description: the ``error_description`` of RFC 6749 section 5.2.
        i18n_key: Tango's ``i18nKey``, a stable name of the failure.
        server_message: the server's own words: Tango's ``message``, or the text of an answer that is not JSON.
        request_id: the id of the request in the server's logs (``X-REQUEST-ID``), which support asks for.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        retry_after: timedelta | None = None,
        http_status: int | None = None,
        oauth_error: str | None = None,
        oauth_error_description: str | None = None,
        i18n_key: str | None = None,
        server_message: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.http_status = http_status
        self.oauth_error = oauth_error
        self.oauth_error_description = oauth_error_description
        self.i18n_key = i18n_key
        self.server_message = server_message
        self.request_id = request_id

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is made anew from its arguments alone; this one has a keyword without which it cannot be.
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[TangoError], args: tuple[object, ...], fields: dict[str, object]) -> TangoError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class InvalidArgument(TangoError):
    """An argument cannot be used; the message names it. Correct the call."""


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


class UnexpectedAnswer(TangoError):
    """An answer that this endpoint never gives, such as a redirect. Check the token URL."""


class MalformedAnswer(TangoError):
    """The server's answer says success but holds no usable token."""


class Cancelled(TangoError):
    """The caller cancelled the request."""


class WouldBlock(TangoError):
    """The call would have to wait, on the one thread that must not: the library's own, inside a callback."""


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
    """The shared cache cannot be used, no token is held, and fetching past it could cost the fleet its token."""
