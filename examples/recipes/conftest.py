"""Fixtures for the tests of all recipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from testing import Command, Program, Sandbox, free_port  # noqa: E402


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    server = Sandbox(tmp_path)
    yield server
    server.close()


@pytest.fixture
def environment(sandbox: Sandbox) -> dict[str, str]:
    """What a program of a recipe sees: the variables of the sandbox, and none of this machine that concern it."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    return {**kept, **sandbox.variables}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts programs, which end with the test."""
    with ExitStack() as programs:

        def start(
            command: Command, environment: dict[str, str], cwd: Path, name: str = "program", **options: Any
        ) -> Program:
            program = Program(command, environment, tmp_path / f"{name}.log", cwd, **options)
            programs.callback(program.close)
            return program

        yield start


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """A Redis server of its own, by its address HOST:PORT."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = Program(command, os.environ, tmp_path / "redis.log", tmp_path)
    ping = ["redis-cli", "-p", str(port), "ping"]
    while subprocess.run(ping, capture_output=True, text=True, check=False).stdout != "PONG\n":
        server.check_that_it_runs()
    yield f"127.0.0.1:{port}"
    server.close()
