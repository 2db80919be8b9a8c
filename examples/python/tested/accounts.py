"""A part of a program that calls the Tango API. Its tests are beside it."""

from __future__ import annotations

import ssl

import httpx

from tango_token import Client, QuotaRefused
from tango_token.httpx import TangoAuth


class TryLater(Exception):
    """There is no token today."""


class Accounts:
    """The accounts of a Tango platform."""

    def __init__(self, client: Client, api_url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(auth=TangoAuth(client), base_url=api_url, transport=transport)

    def names(self) -> list[str]:
        try:
            response = self._http.get("/accounts")
        except QuotaRefused as error:
            raise TryLater(f"no accounts for {error.retry_after}") from error
        return [account["displayName"] for account in response.raise_for_status().json()]


def trusting(ca_file: str) -> httpx.BaseTransport:
    """Returns a transport for an API behind a private certificate authority, such as the sandbox's."""
    return httpx.HTTPTransport(verify=ssl.create_default_context(cafile=ca_file))
