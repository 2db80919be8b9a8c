"""The client of the Tango API, which views and tasks share.

The client is made when this module is imported: in a prefork worker before the fork, so that all its children have the
same one, with the token that it holds then. Making it checks the configuration and sends nothing. TANGO_CACHE names a
Redis, so the web processes and the workers of other machines have the same token too.
"""

from __future__ import annotations

import os
from functools import cache

import requests

from tango_token import Client
from tango_token.requests import TangoAuth

client = Client.from_env()
auth = TangoAuth(client)


def session() -> requests.Session:
    """Returns the session of this process: connections, unlike the client, must not be shared with a child."""
    return _session_of(os.getpid())


@cache
def _session_of(_: int) -> requests.Session:
    made = requests.Session()
    made.auth = auth
    # TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
    made.verify = os.environ.get("TANGO_CA_FILE", True)
    made.trust_env = False
    return made


def url(path: str) -> str:
    return f"{os.environ['TANGO_API_URL']}/{path}"
