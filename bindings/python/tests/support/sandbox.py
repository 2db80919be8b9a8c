"""Starts tango-sandbox for a test, and calls its control API."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


class Sandbox:
    """A server that ends with its test."""

    def __init__(self, *options: str) -> None:
        program = os.environ.get("TANGO_SANDBOX", TARGET / "release/tango-sandbox")
        command: list[str | Path] = [program, "--until-stdin-closes", "--format", "json", *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the sandbox ended before it was ready"
        self.variables: dict[str, str] = json.loads(line)

    def close(self) -> None:
        # The end of its standard input ends the server, which removes its files.
        self._process.communicate()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a program needs to use the server."""
        return self.variables

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of a client that uses the server."""
        names = ["token_url", "api_url", "ca_file", "client_id", "client_secret", "username", "password", "proxy"]
        return {name: self.variables["TANGO_" + name.upper()] for name in names}

    @property
    def ca_file(self) -> str:
        return self.variables["TANGO_CA_FILE"]

    @property
    def secrets(self) -> list[str]:
        return [self.variables["TANGO_CLIENT_SECRET"], self.variables["TANGO_PASSWORD"]]

    @property
    def accounts(self) -> str:
        return self.variables["TANGO_API_URL"] + "/accounts"

    def stats(self) -> dict[str, int]:
        stats: dict[str, int] = self.control("/stats")
        return stats

    @property
    def token_requests(self) -> int:
        return self.stats()["token_requests"]

    def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = self.control("/requests")
        return requests

    def script(self, *responses: dict[str, Any]) -> None:
        """Queues responses, each for the next request of its path."""
        self.control("/responses", list(responses))

    def hold(self) -> None:
        """Holds every response until `release`."""
        self.control("/hold", "")

    def release(self) -> None:
        self.control("/release", "")

    def revoke(self) -> None:
        self.control("/revoke", "")

    def reset(self) -> None:
        self.control("/reset", "")

    def rotate_nonces(self) -> None:
        self.control("/rotate-nonces", "")

    def control(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.variables["TANGO_SANDBOX_CONTROL_URL"] + path, data, timeout=10) as response:
            content = response.read()
        return json.loads(content) if content else None
