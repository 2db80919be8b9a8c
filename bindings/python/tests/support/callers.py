"""The HTTP clients of the adapters, each as one function that sends a request and returns the status."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import aiohttp
import httpx
import requests

import tango_token.aiohttp
import tango_token.httpx
import tango_token.requests
from tango_token import Client


class Caller(Protocol):
    def __call__(
        self, client: Client, ca_file: str, url: str, *, method: str = "GET", body: Any = None, follow: bool = True
    ) -> int: ...


def with_requests(
    client: Client, ca_file: str, url: str, *, method: str = "GET", body: Any = None, follow: bool = True
) -> int:
    with requests.Session() as session:
        session.auth = tango_token.requests.TangoAuth(client)
        session.verify = ca_file
        session.trust_env = False
        return session.request(method, url, data=body, timeout=10, allow_redirects=follow).status_code


def with_httpx(
    client: Client, ca_file: str, url: str, *, method: str = "GET", body: Any = None, follow: bool = True
) -> int:
    auth = tango_token.httpx.TangoAuth(client)
    with httpx.Client(auth=auth, verify=trust(ca_file), trust_env=False, follow_redirects=follow) as session:
        return session.request(method, url, content=body, timeout=10).status_code


def with_httpx_async(
    client: Client, ca_file: str, url: str, *, method: str = "GET", body: Any = None, follow: bool = True
) -> int:
    async def call() -> int:
        auth = tango_token.httpx.TangoAuth(client)
        async with httpx.AsyncClient(auth=auth, verify=trust(ca_file), trust_env=False) as session:
            response = await session.request(
                method, url, content=as_async(body), timeout=10, follow_redirects=follow
            )
            return response.status_code

    return asyncio.run(call())


def with_aiohttp(
    client: Client, ca_file: str, url: str, *, method: str = "GET", body: Any = None, follow: bool = True
) -> int:
    async def call() -> int:
        middleware = tango_token.aiohttp.TangoAuth(client)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            sending = session.request(
                method, url, data=as_async(body), ssl=trust(ca_file), allow_redirects=follow
            )
            async with sending as response:
                await response.read()
                return response.status

    return asyncio.run(call())


def trust(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def as_async(body: Any) -> Any:
    """Turns an iterator into an asynchronous one, which asynchronous clients need; returns other bodies as they are."""

    async def chunks(iterator: Iterator[bytes]) -> AsyncIterator[bytes]:
        for chunk in iterator:
            yield chunk

    is_file = hasattr(body, "read")
    return chunks(body) if isinstance(body, Iterator) and not is_file else body


ALL: list[Caller] = [with_requests, with_httpx, with_httpx_async, with_aiohttp]
