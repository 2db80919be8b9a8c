"""Programs of their own: what a test cannot do to the process that it runs in."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from support.sandbox import Sandbox


def run(sandbox: Sandbox, program: str, *options: str, timeout: float = 30, **environment: str) -> list[str]:
    """The lines that a program prints, which has to end well and say nothing else."""
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", *options, "-c", textwrap.dedent(program)],
        env={**os.environ, **sandbox.environment, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout.split("\n")[:-1]
