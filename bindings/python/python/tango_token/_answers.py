"""What the adapters have in common."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tango_token import Authorization, Client


def wants_another(
    client: Client, authorization: Authorization, http_status: int, header: Callable[[str], str | None]
) -> bool:
    """``observe`` with the headers of an answer, each with its values joined by ``", "``.

    A status that is none of HTTP's counts as a failure of the server (RFC 9110 section 15), and is the program's to see.
    """
    return client.observe(
        authorization,
        http_status if 100 <= http_status <= 599 else 500,
        dpop_nonce=header("DPoP-Nonce"),
        www_authenticate=header("WWW-Authenticate"),
        date=header("Date"),
    )
