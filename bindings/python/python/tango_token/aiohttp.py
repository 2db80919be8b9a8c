"""Calls the API with aiohttp: ``aiohttp.ClientSession(middlewares=[TangoAuth(client)])``."""

from __future__ import annotations

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from tango_token import Authorization, Client
from tango_token._responses import should_retry

__all__ = ["TangoAuth"]


class TangoAuth:
    """Adds the headers, learns from responses, and sends a request again where that helps.

    Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    other requests use up the nonces. A refusal that it would not change is raised as a ``TangoError``. If the body cannot
    be sent again, the refusal is returned, and the next request uses what was learned.

    A redirect to an origin that must not receive tokens raises ``InvalidArgument``.

    Args:
        client: the client that provides the tokens; any number of sessions may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        authorization = await self._client.aauthorize(request.method, str(request.url))
        response = await _send(request, handler, authorization)
        while self._should_retry(authorization, response) and not getattr(request.body, "consumed", False):
            authorization = await self._client.aauthorize_again(authorization)
            response = await _send(request, handler, authorization)
        return response

    def _should_retry(self, authorization: Authorization, response: ClientResponse) -> bool:
        def header(name: str) -> str | None:
            return ", ".join(response.headers.getall(name, [])) or None

        return should_retry(self._client, authorization, response.status, header)


async def _send(request: ClientRequest, handler: ClientHandlerType, authorization: Authorization) -> ClientResponse:
    request.headers.update(authorization.headers)
    response = await handler(request)
    if response.status == 401:
        # Reads the body to its end, so that the connection can be reused.
        await response.read()
    return response
