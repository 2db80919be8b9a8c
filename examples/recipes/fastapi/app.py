"""A FastAPI service in front of the Tango API. All workers of uvicorn share one token.

The TANGO_* environment variables configure the client; README.md has the commands.
"""

from __future__ import annotations

import logging
import math
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from tango_token import Client, TangoError
from tango_token.httpx import TangoAuth

# The process ID, because several workers write to one log.
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
logger = logging.getLogger("rewards")


class State(TypedDict):
    api: httpx.AsyncClient


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[State]:
    # One of each for each worker. Making the client checks the configuration and sends nothing, so a worker that
    # starts, or starts again, spends no token.
    with Client.from_env() as client:
        # TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
        trust = ssl.create_default_context(cafile=os.environ.get("TANGO_CA_FILE"))
        async with httpx.AsyncClient(
            base_url=os.environ["TANGO_API_URL"], auth=TangoAuth(client), verify=trust, timeout=30
        ) as api:
            yield {"api": api}


app = FastAPI(lifespan=lifespan)


@app.get("/accounts")
async def accounts(request: Request) -> Response:
    api: httpx.AsyncClient = request.state.api
    response = await api.get("accounts")
    response.raise_for_status()
    return Response(response.content, media_type="application/json")


@app.get("/health")
async def health() -> dict[str, str]:
    # A probe runs every few seconds in each worker: it neither asks for a token nor calls the API.
    return {"status": "ok"}


@app.exception_handler(TangoError)
async def no_token(_: Request, error: TangoError) -> Response:
    # The message of a TangoError says what to do and contains no secret, but it is for the operator, not for callers.
    logger.error("no token: %s", error)
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after.total_seconds()))
    return JSONResponse({"detail": "rewards are not available"}, 503, headers)


@app.exception_handler(httpx.HTTPError)
async def no_response(_: Request, error: httpx.HTTPError) -> Response:
    logger.error("the API failed: %s", error)
    return JSONResponse({"detail": "rewards are not available"}, 502)
