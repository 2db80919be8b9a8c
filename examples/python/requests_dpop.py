"""Calls the API with requests. The token is bound to a key, and each call has its own proof (RFC 9449).

The TANGO_* environment variables configure it.
"""

from __future__ import annotations

import os

import requests

from tango_token import Client
from tango_token.requests import TangoAuth


def main() -> None:
    session = requests.Session()
    session.auth = TangoAuth(Client.from_env(dpop="required"))
    # TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
    verify = os.environ.get("TANGO_CA_FILE", True)
    for path in ("/accounts", "/catalogs"):
        response = session.get(os.environ["TANGO_API_URL"] + path, verify=verify, timeout=10)
        print(response.status_code, path, f"{len(response.content)} bytes")


if __name__ == "__main__":
    main()
