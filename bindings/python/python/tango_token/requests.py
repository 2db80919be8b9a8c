"""``session.auth = TangoAuth(client)``: calls of the API with requests."""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body

from tango_token import Client
from tango_token._answers import wants_another

__all__ = ["TangoAuth"]


class TangoAuth(AuthBase):
    """Adds the headers, learns from the answers, and sends a request once more where that makes it succeed.

    A refusal that sending it again would not change is raised as a ``TangoError``, which says why. A request is not
    repeated if its body cannot be: the next one has what was learned. A redirect is followed without the token. The
    headers are good for one sending, so a ``PreparedRequest`` is prepared anew for each.

    Args:
        client: gives the tokens; shared by any number of sessions.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        # The name of the argument is that of AuthBase.
        call = _Call(self._client, r)
        r.register_hook("response", call.answered)
        return r


class _Call:
    """One request: it knows the headers that it was sent with."""

    def __init__(self, client: Client, request: PreparedRequest) -> None:
        self._client = client
        self._authorization = client.authorize(request.method or "", request.url or "")
        self._is_answered = False
        request.headers.update(self._authorization.headers)

    def answered(self, response: Response, **options: Any) -> Response:
        # The answers after the first are those to redirects, and no longer to this request.
        if self._is_answered:
            return response
        self._is_answered = True
        if self._observe(response) and _can_repeat(response.request):
            return self._repeat(response, options)
        return response

    def _observe(self, response: Response) -> bool:
        if response.is_redirect:
            for name in ("Authorization", "DPoP"):
                response.request.headers.pop(name, None)
        if response.status_code == 401:
            # Read to its end, so that its connection serves the next request, also when this raises.
            response.content  # noqa: B018
        return wants_another(self._client, self._authorization, response.status_code, response.headers.get)

    def _repeat(self, refused: Response, options: dict[str, Any]) -> Response:
        self._authorization = self._client.authorize_again(self._authorization)
        request = refused.request.copy()
        request.headers.update(self._authorization.headers)
        response: Response = refused.connection.send(request, **options)
        response.history.append(refused)
        response.request = request
        self._observe(response)
        return response


def _can_repeat(request: PreparedRequest) -> bool:
    if request.body is None or isinstance(request.body, (bytes, str)):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True
