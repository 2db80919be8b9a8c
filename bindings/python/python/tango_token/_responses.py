"""The part that the adapters share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tango_token import Authorization, Client

# The headers of an authorization, which are valid for one request.
HEADERS = ("Authorization", "DPoP")


def should_retry(
    client: Client, authorization: Authorization, http_status: int, header: Callable[[str], str | None]
) -> bool:
    """Calls ``observe`` for a response. ``header`` returns a header's values joined by ``", "``."""
    return client.observe(
        authorization,
        http_status,
        dpop_nonce=header("DPoP-Nonce"),
        www_authenticate=header("WWW-Authenticate"),
        date=header("Date"),
    )


def is_refusal(http_status: int) -> bool:
    """Whether a request may have been refused because it had no token: servers do not always respond with 401."""
    return 400 <= http_status < 500
