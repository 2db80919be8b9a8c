"""`Sandbox`: the program tango-sandbox, a local Tango server, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

_START_SECONDS = 30
_OPTIONS = ["token_url", "api_url", "ca_file", "client_id", "client_secret", "username", "password", "proxy"]
_NOT_FOUND = """\
the program tango-sandbox was not found. Install it with

    pip install "tango-token[sandbox]"

or set TANGO_SANDBOX to its path. Other packages that have it:
https://github.com/tango-token/tango-token/blob/main/sandbox/README.md#where-to-get-it"""


class SandboxError(RuntimeError):
    """The sandbox was not found or did not start, or its control API refused a call."""


class Sandbox:
    """A local Tango server with an API, over TLS, which ends with ``close`` or with the process.

    The program is the one that the variable ``TANGO_SANDBOX`` names. Without it, that is ``tango-sandbox``: first where
    pip installs the programs of this Python, then on the ``PATH``.

    Args:
        arguments: options of the program, such as ``"--dpop", "strict"``; ``tango-sandbox --help`` lists them.

    Attributes:
        variables: the ``TANGO_*`` variables for a program that uses the server.

    Raises:
        SandboxError: the program was not found, or did not start.
    """

    def __init__(self, *arguments: str) -> None:
        command = [find(), "--until-stdin-closes", "--format", "json", *arguments]
        # A pipe that nobody reads would fill up: a file takes the log. A TemporaryDirectory would do more, and remove
        # it at the exit of a forked child as well.
        descriptor, path = tempfile.mkstemp(prefix="tango-sandbox-", suffix=".log")
        self._log = Path(path)
        try:
            self._start(command, descriptor)
        except BaseException:
            self._log.unlink()
            raise

    def _start(self, command: list[str], log: int) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, encoding="utf-8"
            )
        except OSError as error:
            raise SandboxError(f"{command[0]} cannot be executed: {error}") from error
        finally:
            os.close(log)
        assert self._process.stdout
        limit = threading.Timer(_START_SECONDS, self._process.kill)
        limit.start()
        line = self._process.stdout.readline()
        limit.cancel()
        # Python warns of a fork beside a thread that is about to end.
        limit.join()
        if not line:
            self._process.communicate()
            raise SandboxError(f"{' '.join(command)} ended before it was ready: {self.log().strip() or 'no reason'}")
        self.variables: dict[str, str] = json.loads(line)

    def close(self) -> None:
        """Stops the server, which removes its files."""
        # The end of its standard input ends the server.
        self._process.communicate()
        self._log.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def options(self) -> dict[str, Any]:
        """The options of a client of this server: ``Client(**sandbox.options, dpop="required")``."""
        return {name: self.variables[f"TANGO_{name.upper()}"] for name in _OPTIONS}

    @property
    def api_url(self) -> str:
        """The URL of the API, without a slash at its end."""
        return self.variables["TANGO_API_URL"]

    @property
    def ca_file(self) -> str:
        """The file of the certificate authority, which the program's own HTTP client has to trust."""
        return self.variables["TANGO_CA_FILE"]

    def stats(self) -> dict[str, int]:
        """Returns the counters of the server, such as ``token_requests`` and ``api_requests``."""
        stats: dict[str, int] = self.control("/stats")
        return stats

    def requests(self) -> list[dict[str, Any]]:
        """Returns the requests that arrived: ``method``, ``path``, ``headers``, ``body``. They contain the secrets."""
        requests: list[dict[str, Any]] = self.control("/requests")
        return requests

    def respond(self, *responses: dict[str, Any]) -> None:
        """Queues responses and faults, each for the next request of its path; default: ``/oauth/token``.

        For example ``{"status": 503}``, ``{"fault": "close"}`` or ``{"path": "/raas/v2/accounts", "status": 500}``.
        """
        self.control("/responses", list(responses))

    def break_connections(self, *faults: Any) -> None:
        """Queues faults of the next connections, such as ``"client-certificate"`` or ``{"raw": "..."}``."""
        self.control("/connections", list(faults))

    def hold(self) -> None:
        """Holds every response until ``release``."""
        self.control("/hold", "")

    def release(self) -> None:
        """Lets the held responses go."""
        self.control("/release", "")

    def revoke(self) -> None:
        """Makes the API reject every token that was issued so far."""
        self.control("/revoke", "")

    def rotate_nonces(self) -> None:
        """Makes every nonce stale."""
        self.control("/rotate-nonces", "")

    def reset(self) -> None:
        """Clears counters, requests, queued responses and faults, and the daily limit."""
        self.control("/reset", "")

    def log(self) -> str:
        """Returns the log of the server: a line for each request, without secrets."""
        return self._log.read_text(errors="replace")

    def control(self, path: str, body: Any = None) -> Any:
        """Calls the control API: GET, or POST if there is a body. sandbox/README.md describes it."""
        data = None if body is None else json.dumps(body).encode()
        url = self.variables["TANGO_SANDBOX_CONTROL_URL"] + path
        # Proxies are for other servers.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, data, timeout=_START_SECONDS) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(f"{path}: {error.read().decode(errors='replace')}") from None
        return json.loads(content) if content else None


def find() -> str:
    """Returns the path of tango-sandbox.

    Raises:
        SandboxError: it was not found. The message says how to get it.
    """
    named = os.environ.get("TANGO_SANDBOX")
    if named:
        if not Path(named).is_file():
            raise SandboxError(f"TANGO_SANDBOX names {named}, and there is no such file")
        return named
    # pytest is often started by its path, without the environment's directory in the PATH.
    name = "tango-sandbox.exe" if sys.platform == "win32" else "tango-sandbox"
    installed = Path(sysconfig.get_path("scripts"), name)
    found = str(installed) if installed.is_file() else shutil.which(name)
    if found is None:
        raise SandboxError(_NOT_FOUND)
    return found
