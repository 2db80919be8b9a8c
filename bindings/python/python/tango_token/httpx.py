"""Calls the API with httpx: ``httpx.Client(auth=TangoAuth(client))``, or the same with ``httpx.AsyncClient``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import httpx

from tango_token import Authorization, Client
from tango_token._responses import should_retry

__all__ = ["TangoAuth"]


class TangoAuth(httpx.Auth):
    """Adds the headers, learns from responses, and sends a request again where that helps.

    Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    other requests use up the nonces. A refusal that it would not change is raised as a ``TangoError``. If the body cannot
    be sent again, the refusal is returned, and the next request uses what was learned.

    ``httpx.AsyncClient`` has to run on asyncio.

    Args:
        client: the client that provides the tokens; any number of httpx clients may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        authorization = self._client.authorize(request.method, str(request.url))
        request.headers.update(authorization.headers)
        response = yield request
        while self._should_retry(authorization, request, response):
            authorization = self._client.authorize_again(authorization)
            request.headers.update(authorization.headers)
            response = yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        authorization = await self._client.aauthorize(request.method, str(request.url))
        request.headers.update(authorization.headers)
        response = yield request
        while self._should_retry(authorization, request, response):
            authorization = await self._client.aauthorize_again(authorization)
            request.headers.update(authorization.headers)
            response = yield request

    def _should_retry(self, authorization: Authorization, request: httpx.Request, response: httpx.Response) -> bool:
        # After a redirect the response belongs to another request.
        if response.request is not request:
            return False
        would_help = should_retry(self._client, authorization, response.status_code, response.headers.get)
        return would_help and isinstance(request.stream, httpx.ByteStream)
