"""``aiohttp.ClientSession(middlewares=[TangoAuth(client)])``: calls of the API with aiohttp."""

from __future__ import annotations

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

from tango_token import Authorization, Client
from tango_token._answers import wants_another

__all__ = ["TangoAuth"]


class TangoAuth:
    """Adds the headers, learns from the answers, and sends a request once more where that makes it succeed.

    A refusal that sending it again would not change is raised as a ``TangoError``, which says why. A request is not
    repeated if its body cannot be: the next one has what was learned. A redirect to an origin that may not get tokens
    raises ``InvalidArgument``.

    Args:
        client: gives the tokens; shared by any number of sessions.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        authorization = await self._client.aauthorize(request.method, str(request.url))
        response = await _send(request, handler, authorization)
        if self._wants_another(authorization, response) and not getattr(request.body, "consumed", False):
            authorization = await self._client.aauthorize_again(authorization)
            response = await _send(request, handler, authorization)
            self._wants_another(authorization, response)
        return response

    def _wants_another(self, authorization: Authorization, response: ClientResponse) -> bool:
        def header(name: str) -> str | None:
            return ", ".join(response.headers.getall(name, [])) or None

        return wants_another(self._client, authorization, response.status, header)


async def _send(request: ClientRequest, handler: ClientHandlerType, authorization: Authorization) -> ClientResponse:
    request.headers.update(authorization.headers)
    response = await handler(request)
    if response.status == 401:
        # Read to its end, so that its connection serves the next request.
        await response.read()
    return response
