"""Runs programs in processes of their own, for what a test cannot do to the process that it runs in."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from support.sandbox import Sandbox


def run_to_end(
    sandbox: Sandbox, program: str, *options: str, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", *options, "-c", textwrap.dedent(program)],
        env={**os.environ, **sandbox.environment, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run(sandbox: Sandbox, program: str, *options: str, timeout: float = 120, **environment: str) -> list[str]:
    """Returns the lines that a program prints; it must exit with 0 and print nothing to standard error."""
    result = run_to_end(sandbox, program, *options, timeout=timeout, **environment)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    return result.stdout.split("\n")[:-1]
