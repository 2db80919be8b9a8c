"""Servers that fork: gunicorn, whose workers are killed under load, and Celery."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.sandbox import ROOT, Sandbox

SECONDS = 10

APPLICATION = """
import os
from tango_token import Client
client = Client.from_env()
client.acquire()

def application(environ, start_response):
    client.acquire()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

TASKS = """
from celery import Celery
from tango_token import Client
app = Celery("tasks", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"}
app.conf.broker_connection_retry_on_startup = True
client = Client.from_env()
client.acquire()

@app.task
def token_type():
    return client.acquire().token_type
"""


@contextmanager
def server(
    command: list[str | Path], directory: Path, sandbox: Sandbox, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    variables = {**os.environ, **sandbox.environment, **environment}
    with open(directory / "server.log", "wb") as log:
        process = subprocess.Popen(command, cwd=directory, env=variables, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def gunicorn(module: str, *options: str, directory: Path, sandbox: Sandbox, **environment: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command: list[str | Path] = [sys.executable, "-m", "gunicorn", "--workers", "4", "--bind", address, *options, module]
    with server(command, directory, sandbox, **environment) as process:
        url = f"http://{address}/"
        deadline = time.monotonic() + 30
        while True:
            try:
                response_body(url)
                break
            except OSError:
                assert process.poll() is None, (directory / "server.log").read_text()
                assert time.monotonic() < deadline, (directory / "server.log").read_text()
                time.sleep(0.05)
        yield url


def response_body(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        content: bytes = response.read()
    return content


def worker_pids(directory: Path) -> list[int]:
    """Returns the process IDs of all workers that were started."""
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", (directory / "server.log").read_text())]


def load_and_kill_a_worker(url: str, directory: Path) -> str:
    """Runs wrk for ten seconds, kills a worker after a third of that, and returns wrk's report."""
    wrk = subprocess.Popen(
        ["wrk", "--threads", "2", "--connections", "8", "--duration", f"{SECONDS}s", url],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(SECONDS / 3)
    os.kill(worker_pids(directory)[-1], signal.SIGKILL)
    report, _ = wrk.communicate(timeout=60)
    return report


def assert_served(report: str, directory: Path, at_least: int) -> None:
    requests = re.search(r"(\d+) requests in", report)
    assert requests and int(requests[1]) > at_least, report
    assert "Non-2xx" not in report, report
    assert "was sent SIGKILL" in (directory / "server.log").read_text()


def test_workers_of_a_preloaded_application_share_its_token(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    with gunicorn("application:application", "--preload", directory=tmp_path, sandbox=sandbox) as url:
        report = load_and_kill_a_worker(url, tmp_path)
        assert len({response_body(url) for _ in range(100)}) > 1
    assert_served(report, tmp_path, at_least=1_000)
    assert sandbox.token_requests == 1


def test_workers_without_preload_share_one_token_through_a_file_cache(sandbox: Sandbox, tmp_path: Path) -> None:
    options = ["--chdir", str(ROOT / "examples/python")]
    cache = f"file:{tmp_path}/cache"
    with gunicorn("gunicorn_app:application", *options, directory=tmp_path, sandbox=sandbox, TANGO_CACHE=cache) as url:
        report = load_and_kill_a_worker(url, tmp_path)
    assert len(worker_pids(tmp_path)) > 4, "the killed worker was replaced"
    assert_served(report, tmp_path, at_least=500)
    assert sandbox.token_requests == 1


def test_celery_workers_share_the_token_of_their_parent(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    for directory in ("queue", "results"):
        (tmp_path / directory).mkdir()
    command: list[str | Path] = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork", "-c", "4"]
    ask = "import tasks; print({result.get(timeout=60) for result in [tasks.token_type.delay() for _ in range(20)]})"
    with server(command, tmp_path, sandbox):
        result = subprocess.run(
            [sys.executable, "-c", ask],
            cwd=tmp_path,
            env={**os.environ, **sandbox.environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert result.stdout == "{'Bearer'}\n", result.stderr + (tmp_path / "server.log").read_text()
    assert sandbox.token_requests == 2, "one by the worker, one by the program that sent the tasks"
