"""Calls the API with requests: ``session.auth = TangoAuth(client)``."""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body

from tango_token import Client
from tango_token._responses import should_retry

__all__ = ["TangoAuth"]


class TangoAuth(AuthBase):
    """Adds the headers, learns from responses, and sends a request again where that helps.

    Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    other requests use up the nonces. A refusal that it would not change is raised as a ``TangoError``. If the body cannot
    be sent again, the refusal is returned, and the next request uses what was learned.

    Redirects are followed without the token. The headers are valid for one request only, so a ``PreparedRequest`` must
    not be sent twice.

    Args:
        client: the client that provides the tokens; any number of sessions may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        # AuthBase calls the argument `r`.
        call = _Call(self._client, r)
        r.register_hook("response", call.handle_response)
        return r


class _Call:
    """One request, with the authorization that it was sent with."""

    def __init__(self, client: Client, request: PreparedRequest) -> None:
        self._client = client
        self._authorization = client.authorize(request.method or "", request.url or "")
        self._has_response = False
        request.headers.update(self._authorization.headers)

    def handle_response(self, response: Response, **options: Any) -> Response:
        # Later responses belong to the requests that follow redirects.
        if self._has_response:
            return response
        self._has_response = True
        while self._observe(response) and _can_resend(response.request):
            response = self._resend(response, options)
        return response

    def _observe(self, response: Response) -> bool:
        if response.is_redirect:
            for name in ("Authorization", "DPoP"):
                response.request.headers.pop(name, None)
        if response.status_code == 401:
            # Reads the body to its end, so that the connection can be reused, also if `observe` raises.
            response.content  # noqa: B018
        return should_retry(self._client, self._authorization, response.status_code, response.headers.get)

    def _resend(self, refused: Response, options: dict[str, Any]) -> Response:
        self._authorization = self._client.authorize_again(self._authorization)
        request = refused.request.copy()
        request.headers.update(self._authorization.headers)
        response: Response = refused.connection.send(request, **options)
        response.history.extend([*refused.history, refused])
        response.request = request
        return response


def _can_resend(request: PreparedRequest) -> bool:
    if request.body is None or isinstance(request.body, (bytes, str)):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True
