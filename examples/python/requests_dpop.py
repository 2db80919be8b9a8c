"""Calls the API with requests; the token is bound to a key, and each call carries its own proof (RFC 9449).

Configured by the TANGO_* environment variables.
"""

from __future__ import annotations

import os

import requests

from tango_token import Client
from tango_token.requests import TangoAuth


def main() -> None:
    session = requests.Session()
    session.auth = TangoAuth(Client.from_env(dpop="required"))
    # For requests itself, because the sandbox has an authority of its own.
    trust = os.environ.get("TANGO_CA_FILE", True)
    for path in ("/accounts", "/catalogs"):
        response = session.get(os.environ["TANGO_API_URL"] + path, verify=trust, timeout=10)
        print(response.status_code, path, f"{len(response.content)} bytes")


if __name__ == "__main__":
    main()
