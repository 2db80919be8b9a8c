"""The sandbox of this clone, and the directories."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tango_token import testing

ROOT = Path(__file__).resolve().parents[4]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# The programs that tests start find it as well.
os.environ.setdefault("TANGO_SANDBOX", str(TARGET / "release/tango-sandbox"))


class Sandbox(testing.Sandbox):
    """A server that ends with its test."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a program needs to use the server."""
        return self.variables

    @property
    def secrets(self) -> list[str]:
        return [self.variables["TANGO_CLIENT_SECRET"], self.variables["TANGO_PASSWORD"]]

    @property
    def accounts(self) -> str:
        return self.api_url + "/accounts"

    @property
    def token_requests(self) -> int:
        return self.stats()["token_requests"]

    def script(self, *responses: dict[str, Any]) -> None:
        """Queues responses, each for the next request of its path."""
        self.respond(*responses)
