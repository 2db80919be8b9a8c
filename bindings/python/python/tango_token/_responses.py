"""The part that the adapters share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tango_token import Authorization, Client


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
