"""The part that the adapters share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tango_token import Authorization, Client


def should_retry(
    client: Client, authorization: Authorization, http_status: int, header: Callable[[str], str | None]
) -> bool:
    """Calls ``observe`` for a response. ``header`` returns a header's values joined by ``", "``.

    A status outside 100 to 599 is observed as 500, as RFC 9110 section 15 asks; the program sees the original.
    """
    return client.observe(
        authorization,
        http_status if 100 <= http_status <= 599 else 500,
        dpop_nonce=header("DPoP-Nonce"),
        www_authenticate=header("WWW-Authenticate"),
        date=header("Date"),
    )
