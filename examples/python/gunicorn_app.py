"""A web application that calls the Tango API for each request. All its workers share one token.

    TANGO_CACHE=file gunicorn --workers 4 gunicorn_app:application

The TANGO_* environment variables configure it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import requests

from tango_token import Client
from tango_token.requests import TangoAuth

URL = os.environ["TANGO_API_URL"] + "/accounts"

session = requests.Session()
session.auth = TangoAuth(Client.from_env())
# TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
session.verify = os.environ.get("TANGO_CA_FILE", True)
session.trust_env = False


def application(_: object, start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    response = session.get(URL, timeout=30)
    start_response(f"{response.status_code} {response.reason}", [("Content-Type", "application/json")])
    return [response.content]
