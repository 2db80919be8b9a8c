"""What the tests of the recipes share: a sandbox, the programs of a recipe, and what is asserted of every recipe."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).resolve().parent
ROOT = RECIPES.parent.parent
Command = Sequence["str | Path"]

# Nothing is on the way to a program of a test, whatever the environment says of proxies.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Response:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


def request(url: str, body: Any = None, timeout: float = 30) -> Response:
    """Sends a GET, or a POST with a JSON body. A refusal is a response like any other."""
    data = None if body is None else json.dumps(body).encode()
    prepared = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with _opener.open(prepared, timeout=timeout) as response:
            return Response(response.status, response.headers, response.read())
    except urllib.error.HTTPError as refusal:
        return Response(refusal.code, refusal.headers, refusal.read())


def request_many(urls: Iterable[str], at_once: int = 16) -> list[Response]:
    """Sends many requests, some at once, in the order of the URLs."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(request, urls))


class Sandbox:
    """A Tango server, which ends with its test."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.log = directory / "sandbox.log"
        command = [os.environ["TANGO_SANDBOX"], "--until-stdin-closes", "--format", "json", "--log-file", self.log]
        self._process = subprocess.Popen(
            [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the sandbox ended before it was ready"
        self.variables: dict[str, str] = json.loads(line)

    def close(self) -> None:
        self._process.communicate()

    def control(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with _opener.open(self.variables["TANGO_SANDBOX_CONTROL_URL"] + path, data, timeout=30) as response:
            content = response.read()
        return json.loads(content) if content else None

    def stats(self) -> dict[str, int]:
        stats: dict[str, int] = self.control("/stats")
        return stats

    @property
    def token_requests(self) -> int:
        return self.stats()["token_requests"]

    @property
    def api_requests(self) -> int:
        return self.stats()["api_requests"]

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """Returns what was sent, secrets included; of one path if it is named."""
        return [one for one in self.control("/requests") if path in (None, one["path"])]

    def respond(self, *responses: dict[str, Any]) -> None:
        """Queues responses, each for the next request of its path."""
        self.control("/responses", list(responses))

    def hold(self) -> None:
        """Holds every response until `release`."""
        self.control("/hold", "")

    def release(self) -> None:
        self.control("/release", "")

    def revoke(self) -> None:
        """Makes every token that was issued so far invalid."""
        self.control("/revoke", "")

    def secrets(self) -> set[str]:
        """Returns the credentials as configured and as sent, and every token and proof that a program has sent."""
        found = {self.variables["TANGO_CLIENT_SECRET"], self.variables["TANGO_PASSWORD"]}
        found |= {urllib.parse.quote_plus(one) for one in found}
        for sent in self.requests():
            headers = sent["headers"]
            for value in (headers.get("authorization", ""), headers.get("dpop", "")):
                if value.startswith(("Bearer ", "DPoP ", "ey")):
                    found.add(value.split()[-1])
        return found


class Program:
    """A program of a recipe. Its output goes to a file, and it ends with its test."""

    def __init__(self, command: Command, environment: Mapping[str, str], log: Path, cwd: Path, **options: Any) -> None:
        self.log = log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env=dict(environment),
                stdout=output,
                stderr=output,
                start_new_session=True,
                **options,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, text: str) -> None:
        """Writes to the standard input of a program that was started with `stdin=subprocess.PIPE`."""
        assert self._process.stdin
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def end_input(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()

    def wait_until_it_serves(self, url: str, seconds: float = 120) -> None:
        """Waits until the URL can be reached, whatever its response is."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                request(url)
                return
            except OSError:
                self.check_that_it_runs()
                assert time.monotonic() < deadline, f"{url} is not served:\n{self.log.read_text()}"
                time.sleep(0.05)

    def check_that_it_runs(self) -> None:
        assert self._process.poll() is None, f"the program ended:\n{self.log.read_text()}"

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float = 60) -> int:
        return self._process.wait(seconds)

    def stop(self) -> int:
        self.terminate()
        return self.wait()

    def close(self) -> None:
        """Ends the program and all that it has started, also after a test that failed."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until(what: str, is_so: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def assert_no_secrets(sandbox: Sandbox, *files: Path) -> None:
    """Asserts that the files have lines, and that none of them has a secret, a token or a proof."""
    secrets = sandbox.secrets()
    assert len(secrets) > 4, "no token was sent, so nothing could be found"
    for file in files:
        content = file.read_text(errors="replace")
        assert content.strip(), f"{file.name} is empty, so nothing could be found"
        for secret in secrets:
            assert secret not in content, f"{file.name} has a secret"
