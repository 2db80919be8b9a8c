"""A running tango-sandbox of the test's own, which ends with it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


class Sandbox:
    def __init__(self, *options: str) -> None:
        command: list[str | Path] = [TARGET / "release/tango-sandbox", "--until-stdin-closes", *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.variables: dict[str, str] = {}
        assert self._process.stdout
        for line in self._process.stdout:
            name, _, value = line.strip().partition("=")
            self.variables[name] = "".join(shlex.split(value))
            if name == "TANGO_SANDBOX_CONTROL_URL":
                break
        assert "TANGO_SANDBOX_CONTROL_URL" in self.variables, "the sandbox ended before it was ready"

    def close(self) -> None:
        # It ends with its standard input and takes its files along.
        self._process.communicate()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """What a program of its own needs to use it."""
        return {**self.variables, "TANGO_PROXY": "none"}

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of a client that uses it."""
        names = ["token_url", "api_url", "ca_file", "client_id", "client_secret", "username", "password"]
        return {"proxy": "none", **{name: self.variables["TANGO_" + name.upper()] for name in names}}

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

    def script(self, *answers: dict[str, Any]) -> None:
        """Gives these answers next, each to the next request of its path."""
        self.control("/answers", list(answers))

    def revoke(self) -> None:
        self.control("/revoke", "")

    def reset(self) -> None:
        self.control("/reset", "")

    def rotate_nonces(self) -> None:
        self.control("/rotate-nonces", "")

    def control(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.variables["TANGO_SANDBOX_CONTROL_URL"] + path, data, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None
