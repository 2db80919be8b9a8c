"""Starts npm's oidc-provider (tests/oidc-provider) with a new certificate."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import trustme

from support.sandbox import ROOT

DIRECTORY = ROOT / "tests/oidc-provider"
CREDENTIALS = {
    "client_id": "the-client",
    "client_secret": "s3cret+&=% '\"~",
    "username": "sérvice@example.com",
    "password": "pässwörd+&=% €\U0001f511",
}


class Provider:
    def __init__(self, directory: Path, *options: str) -> None:
        authority = trustme.CA()
        server = authority.issue_cert("localhost")
        self.ca_file = str(directory / "ca.pem")
        certificate, key = directory / "server.pem", directory / "server.key"
        authority.cert_pem.write_to_path(self.ca_file)
        server.private_key_pem.write_to_path(str(key))
        certificate.write_bytes(b"".join(part.bytes() for part in server.cert_chain_pems))
        variables = {f"TANGO_{name.upper()}": value for name, value in CREDENTIALS.items()}
        self._process = subprocess.Popen(
            ["node", DIRECTORY / "server.mjs", *options, "--cert", certificate, "--key", key],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout
        self.addresses: dict[str, str] = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()

    @property
    def accounts(self) -> str:
        return self.addresses["accounts_url"]

    @property
    def options(self) -> dict[str, Any]:
        """The options of a client for this server."""
        addresses = {"token_url": self.addresses["token_url"], "api_url": self.accounts}
        return {**CREDENTIALS, **addresses, "ca_file": self.ca_file, "proxy": "none"}
