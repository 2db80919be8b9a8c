"""Calls the API with requests: ``session.auth = TangoAuth(client)``."""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response
from requests.auth import AuthBase
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body

from tango_token import Authorization, Client, InvalidArgument, ProofRefused
from tango_token._responses import HEADERS, is_refusal, should_retry

__all__ = ["TangoAuth"]


class TangoAuth(AuthBase):
    """Adds the headers, learns from responses, and sends a request again where that helps.

    Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    other requests use up the nonces. A refusal that it would not change is raised as a ``TangoError``. If the body cannot
    be sent again, the refusal is returned, and the next request uses what was learned.

    requests follows a redirect without the token. If the API refuses that request, it is sent once more, with the token
    and a proof of its own. Other origins get neither. The headers are valid for one request only, so a
    ``PreparedRequest`` must not be sent twice.

    Args:
        client: the client that provides the tokens; any number of sessions may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        # AuthBase calls the argument `r`.
        call = _Call(self._client, self._client.authorize(r.method or "", r.url or ""))
        r.headers.update(call.authorization.headers)
        r.register_hook("response", call.handle_response)
        return r


class _Call:
    """One call of the program: its request, and those that follow redirects."""

    def __init__(self, client: Client, authorization: Authorization) -> None:
        self._client = client
        self.authorization = authorization
        self._has_new_proof = False

    def handle_response(self, response: Response, **options: Any) -> Response:
        # requests makes the request that follows a redirect by copying this one, also if it was sent again meanwhile.
        request = response.request
        if not self._is_authorized(request):
            if not is_refusal(response.status_code) or not self._can_authorize(request):
                return response
            response = self._resend(response, options)
        while self._should_retry(response) and _can_resend(response.request):
            self.authorization = self._client.authorize_again(self.authorization)
            response = self._resend(response, options)
        if response.is_redirect:
            for name in HEADERS:
                request.headers.pop(name, None)
        return response

    def _is_authorized(self, request: PreparedRequest) -> bool:
        return all(request.headers.get(name) == value for name, value in self.authorization.headers.items())

    def _can_authorize(self, request: PreparedRequest) -> bool:
        if not _can_resend(request):
            return False
        try:
            self.authorization = self._client.authorize(request.method or "", request.url or "")
        except InvalidArgument:
            return False  # another origin, which must not receive tokens
        return True

    def _should_retry(self, response: Response) -> bool:
        if response.status_code == 401:
            # Reads the body to its end, so that the connection can be reused, also if `observe` raises.
            response.content  # noqa: B018
        try:
            return should_retry(self._client, self.authorization, response.status_code, response.headers.get)
        except ProofRefused:
            # urllib3 repeats a request with the same proof, which an API accepts only once: a new one may help.
            if self._has_new_proof or not _was_repeated(response):
                raise
            self._has_new_proof = True
            return True

    def _resend(self, refused: Response, options: dict[str, Any]) -> Response:
        request = refused.request.copy()
        request.headers.update(self.authorization.headers)
        response: Response = refused.connection.send(request, **options)
        response.history.extend([*refused.history, refused])
        response.request = request
        return response


def _was_repeated(response: Response) -> bool:
    """Whether urllib3 repeated the request, as its ``Retry`` says."""
    return bool(getattr(getattr(response.raw, "retries", None), "history", ()))


def _can_resend(request: PreparedRequest) -> bool:
    if request.body is None or isinstance(request.body, (bytes, str)):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True
