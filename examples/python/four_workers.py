"""A web application whose four gunicorn workers share one token, also with those that replace them.

    gunicorn --workers 4 --bind 127.0.0.1:8000 four_workers:application

Configured by the TANGO_* environment variables, and by ``TOKEN_CACHE``, a directory that only this application's user
can read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tango_token import Client, TangoError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

client = Client.from_env(cache=f"file:{os.environ['TOKEN_CACHE']}")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers with the worker's process id once it has a token."""
    try:
        client.acquire()
    except TangoError as error:
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [str(error).encode()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
