"""The base class of the package's exceptions. Its subclasses, one for each status, are in ``tango_token.errors``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta


class TangoError(Exception):
    """An error of the library. Its message says what happened and what to do; no field contains a secret.

    Attributes:
        status: the number of the status, the same in every language.
        retry_after: how long to wait before the next call makes sense; ``None`` where waiting does not help.
        http_status: the HTTP status of the server's response, if there was one.
        oauth_error: the ``error`` code of RFC 6749 section 5.2, such as ``invalid_grant``, or the code of a gateway.
        oauth_error_description: the ``error_description`` of RFC 6749 section 5.2.
        i18n_key: Tango's ``i18nKey``, a stable identifier of the failure.
        server_message: Tango's ``message``, the sentence of another error, or plain text.
        request_id: the request's ID in the server's logs (``X-REQUEST-ID``), which Tango's support asks for.
    """

    _status: int

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
        http_status: int | None = None,
        oauth_error: str | None = None,
        oauth_error_description: str | None = None,
        i18n_key: str | None = None,
        server_message: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        # A test that raises an error of the library need not know the number.
        self.status = self._status if status is None else status
        self.retry_after = retry_after
        self.http_status = http_status
        self.oauth_error = oauth_error
        self.oauth_error_description = oauth_error_description
        self.i18n_key = i18n_key
        self.server_message = server_message
        self.request_id = request_id

    def __reduce__(self) -> tuple[object, ...]:
        # By default pickle would call the class with `args` alone, without the required keyword.
        return restore, (type(self), self.args, self.__dict__)


def restore(kind: type[TangoError], args: tuple[object, ...], fields: dict[str, object]) -> TangoError:
    """Returns a pickled exception."""
    error = kind.__new__(kind, *args)
    error.args = args  # OSError sets it in __init__ only
    error.__dict__.update(fields)
    return error
