"""What the adapters have in common."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tango_token import Authorization, Client


def wants_another(
    client: Client, authorization: Authorization, http_status: int, header: Callable[[str], str | None]
) -> bool:
    """``observe`` with the headers of an answer, each with its values joined by ``", "``."""
    return client.observe(
        authorization,
        http_status,
        dpop_nonce=header("DPoP-Nonce"),
        www_authenticate=header("WWW-Authenticate"),
        date=header("Date"),
    )
