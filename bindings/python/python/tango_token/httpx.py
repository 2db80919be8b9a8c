"""``httpx.Client(auth=TangoAuth(client))``, or ``httpx.AsyncClient``: calls of the API with httpx."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from tango_token import Authorization, Client
from tango_token._answers import wants_another

__all__ = ["TangoAuth"]


class TangoAuth(httpx.Auth):
    """Adds the headers, learns from the answers, and sends a request once more where that makes it succeed.

    A refusal that sending it again would not change is raised as a ``TangoError``, which says why. A request is not
    repeated if its body cannot be: the next one has what was learned. ``AsyncClient`` needs asyncio.

    Args:
        client: gives the tokens; shared by any number of httpx clients.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        authorization = self._client.authorize(request.method, str(request.url))
        request.headers.update(authorization.headers)
        response = yield request
        if self._wants_another(authorization, request, response):
            authorization = self._client.authorize_again(authorization)
            request.headers.update(authorization.headers)
            response = yield request
            self._wants_another(authorization, request, response)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        authorization = await self._client.aauthorize(request.method, str(request.url))
        request.headers.update(authorization.headers)
        response = yield request
        if self._wants_another(authorization, request, response):
            authorization = await self._client.aauthorize_again(authorization)
            request.headers.update(authorization.headers)
            response = yield request
            self._wants_another(authorization, request, response)

    def _wants_another(self, authorization: Authorization, request: httpx.Request, response: httpx.Response) -> bool:
        # After a redirect it is the answer to another request.
        if response.request is not request:
            return False
        is_wanted = wants_another(self._client, authorization, response.status_code, response.headers.get)
        return is_wanted and isinstance(request.stream, httpx.ByteStream)
