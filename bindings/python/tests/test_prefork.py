"""Servers that fork: gunicorn, also while workers are killed under load, and Celery."""

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
def server(command: list[str | Path], folder: Path, sandbox: Sandbox, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    variables = {**os.environ, **sandbox.environment, **environment}
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def gunicorn(module: str, *options: str, folder: Path, sandbox: Sandbox, **environment: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command: list[str | Path] = [sys.executable, "-m", "gunicorn", "--workers", "4", "--bind", address, *options, module]
    with server(command, folder, sandbox, **environment) as process:
        url = f"http://{address}/"
        deadline = time.monotonic() + 30
        while True:
            try:
                answer(url)
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < deadline, (folder / "server.log").read_text()
                time.sleep(0.05)
        yield url


def answer(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        content: bytes = response.read()
    return content


def booted(folder: Path) -> list[int]:
    """The process ids of the workers so far."""
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", (folder / "server.log").read_text())]


def under_load(url: str, folder: Path) -> str:
    """What wrk says of ten seconds; after the first third of it a worker is killed."""
    wrk = subprocess.Popen(
        ["wrk", "--threads", "2", "--connections", "8", "--duration", f"{SECONDS}s", url],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(SECONDS / 3)
    os.kill(booted(folder)[-1], signal.SIGKILL)
    report, _ = wrk.communicate(timeout=60)
    return report


def assert_served(report: str, folder: Path, at_least: int) -> None:
    requests = re.search(r"(\d+) requests in", report)
    assert requests and int(requests[1]) > at_least, report
    assert "Non-2xx" not in report, report
    assert "was sent SIGKILL" in (folder / "server.log").read_text()


def test_workers_of_a_preloaded_application_share_its_token(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    with gunicorn("application:application", "--preload", folder=tmp_path, sandbox=sandbox) as url:
        report = under_load(url, tmp_path)
        assert len({answer(url) for _ in range(100)}) > 1
    assert_served(report, tmp_path, at_least=1_000)
    assert sandbox.token_requests == 1


def test_workers_that_each_start_anew_share_one_token_through_a_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    options = ["--chdir", str(ROOT / "examples/python")]
    cache = f"file:{tmp_path}/cache"
    with gunicorn("gunicorn_app:application", *options, folder=tmp_path, sandbox=sandbox, TANGO_CACHE=cache) as url:
        report = under_load(url, tmp_path)
    assert len(booted(tmp_path)) > 4, "the one that was killed has a successor"
    assert_served(report, tmp_path, at_least=500)
    assert sandbox.token_requests == 1


def test_celery(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    for folder in ("queue", "results"):
        (tmp_path / folder).mkdir()
    command: list[str | Path] = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork", "-c", "4"]
    ask = "import tasks; print({result.get(timeout=60) for result in [tasks.token_type.delay() for _ in range(20)]})"
    with server(command, tmp_path, sandbox):
        said = subprocess.run(
            [sys.executable, "-c", ask],
            cwd=tmp_path,
            env={**os.environ, **sandbox.environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert said.stdout == "{'Bearer'}\n", said.stderr + (tmp_path / "server.log").read_text()
    assert sandbox.token_requests == 2, "one of the worker, one of the program that asked it"
