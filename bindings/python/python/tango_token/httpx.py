"""Calls the API with httpx: ``httpx.Client(auth=TangoAuth(client))``, or the same with ``httpx.AsyncClient``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, ItemsView, KeysView, ValuesView
from typing import Any

import httpx

from tango_token import Authorization, Client, InvalidArgument
from tango_token._responses import HEADERS, is_refusal, should_retry

__all__ = ["TangoAuth"]


class TangoAuth(httpx.Auth):
    """Adds the headers, learns from responses, and sends a request again where that helps.

    Another request helps after a new nonce, a corrected clock or a rejected token: usually once, more often only while
    other requests use up the nonces. A refusal that it would not change is raised as a ``TangoError``. If the body cannot
    be sent again, the refusal is returned, and the next request uses what was learned.

    With ``follow_redirects=True`` httpx follows a redirect without the token. If the API refuses that request, it is
    sent once more, with the token and a proof of its own. Other origins get neither.

    ``httpx.AsyncClient`` has to run on asyncio.

    Args:
        client: the client that provides the tokens; any number of httpx clients may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        authorization = self._client.authorize(request.method, str(request.url))
        while True:
            request.headers = _AuthorizedHeaders(request.headers, authorization)
            response = yield request
            if self._should_retry(authorization, request, response):
                authorization = self._client.authorize_again(authorization)
            elif _is_refused_redirect(request, response):
                request = response.request
                try:
                    authorization = self._client.authorize(request.method, str(request.url))
                except InvalidArgument:
                    return  # another origin, which must not receive tokens
            else:
                return

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        authorization = await self._client.aauthorize(request.method, str(request.url))
        while True:
            request.headers = _AuthorizedHeaders(request.headers, authorization)
            response = yield request
            if self._should_retry(authorization, request, response):
                authorization = await self._client.aauthorize_again(authorization)
            elif _is_refused_redirect(request, response):
                request = response.request
                try:
                    authorization = await self._client.aauthorize(request.method, str(request.url))
                except InvalidArgument:
                    return
            else:
                return

    def _should_retry(self, authorization: Authorization, request: httpx.Request, response: httpx.Response) -> bool:
        # After a redirect the last response belongs to another request, which was sent without the token.
        own = next((one for one in [response, *reversed(response.history)] if one.request is request), None)
        if own is None or not should_retry(self._client, authorization, own.status_code, own.headers.get):
            return False
        return own is response and _can_resend(request)


def _is_refused_redirect(request: httpx.Request, response: httpx.Response) -> bool:
    return response.request is not request and is_refusal(response.status_code) and _can_resend(response.request)


def _can_resend(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)


class _AuthorizedHeaders(httpx.Headers):
    """The headers of one request, with a token and a proof that copies lack.

    httpx follows redirects where an ``Auth`` does not see it, and gives the next request a copy of the headers: with a
    proof that was used and is for another URL, and for another origin as well. So the headers of the base class, which
    are those that are copied, contain neither; ``_sent`` contains all.
    """

    def __init__(self, headers: httpx.Headers, authorization: Authorization) -> None:
        bare = httpx.Headers(headers)
        for name in HEADERS:
            bare.pop(name, None)
        super().__init__(bare)
        self._sent = bare
        self._sent.update(authorization.headers)

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        return self._sent.raw

    def keys(self) -> KeysView[str]:
        return self._sent.keys()

    def values(self) -> ValuesView[str]:
        return self._sent.values()

    def items(self) -> ItemsView[str, str]:
        return self._sent.items()

    def multi_items(self) -> list[tuple[str, str]]:
        return self._sent.multi_items()

    def get_list(self, key: str, split_commas: bool = False) -> list[str]:
        return self._sent.get_list(key, split_commas)

    def update(self, headers: Any = None) -> None:  # type: ignore[override]
        self._sent.update(headers)
        super().update(headers)

    def __getitem__(self, key: str) -> str:
        return self._sent[key]

    def __setitem__(self, key: str, value: str) -> None:
        self._sent[key] = value
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        del self._sent[key]
        if key in httpx.Headers(self):
            super().__delitem__(key)

    def __contains__(self, key: Any) -> bool:
        return key in self._sent

    def __len__(self) -> int:
        return len(self._sent)

    def __eq__(self, other: Any) -> bool:
        return bool(self._sent == other)

    def __repr__(self) -> str:
        return repr(self._sent)
