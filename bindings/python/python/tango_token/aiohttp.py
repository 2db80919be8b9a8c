"""Calls the API with aiohttp: ``aiohttp.ClientSession(middlewares=[TangoAuth(client)])``."""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import ClientError, ClientHandlerType, ClientRequest, ClientResponse

from tango_token import Authorization, Client, TangoError
from tango_token._error import restore
from tango_token._responses import should_retry

__all__ = ["TangoAuth"]


class TangoAuth:
    """Adds the headers, learns from responses, and sends a request again where that helps.

    Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    other requests use up the nonces. A refusal that it would not change is raised as a ``TangoError``. If the body cannot
    be sent again, the refusal is returned, and the next request uses what was learned.

    Each request that follows a redirect has a proof of its own. A redirect to an origin that must not receive tokens
    raises ``InvalidArgument``. Where there is no token because of the network, the error is a ``TangoError`` and also an
    ``aiohttp.ClientError``.

    Args:
        client: the client that provides the tokens; any number of sessions may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        authorization = await _result(self._client.aauthorize(request.method, str(request.url)))
        response = await _send(request, handler, authorization)
        while self._should_retry(authorization, response) and not getattr(request.body, "consumed", False):
            authorization = await _result(self._client.aauthorize_again(authorization))
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


async def _result(authorizing: Awaitable[Authorization]) -> Authorization:
    """Waits for an authorization. aiohttp replaces every ``OSError`` of a middleware that is no error of its own."""
    try:
        return await authorizing
    except TangoError as error:
        error.__class__ = _CLIENT_ERRORS.get(type(error), type(error))
        raise


def _as_client_error(kind: type[TangoError]) -> type[TangoError]:
    def reduce(error: TangoError) -> tuple[object, ...]:
        return restore, (kind, error.args, error.__dict__)  # pickle finds only classes that a module contains

    names = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__reduce__": reduce}
    return type(kind.__name__, (kind, ClientError), names)


_CLIENT_ERRORS = {kind: _as_client_error(kind) for kind in TangoError.__subclasses__() if OSError in kind.__mro__}
