"""A web application of which any number of workers share one token: each call of it calls the Tango API.

    TANGO_CACHE=file gunicorn --workers 4 gunicorn_app:application

Configured by the TANGO_* environment variables.
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
session.verify = os.environ.get("TANGO_CA_FILE", True)
session.trust_env = False


def application(_: object, start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    answer = session.get(URL, timeout=30)
    start_response(f"{answer.status_code} {answer.reason}", [("Content-Type", "application/json")])
    return [answer.content]
