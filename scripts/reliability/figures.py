"""Runs tests, passes on what they print, and adds a last line with their figures: a result for the table.

    python3 scripts/reliability/figures.py COMMAND...

It counts the tests that passed, as cargo, pytest and the runner of .NET report them, and collects each line that
contains `Figure: `. Equal figures after their number are added up: `Figure: 30 processes killed` of two tests becomes
`60 processes killed`. A test of Rust prints one with println!; this program switches off that cargo hides it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable

PASSED = re.compile(r"^(?:test result: ok\. )?(\d+) passed\b")
FIGURE = re.compile(r"Figure: (?:(\d[\d,]*) )?(.*\S)")


def summary(lines: Iterable[str]) -> str:
    tests, figures = 0, {}
    for line in lines:
        if passed := PASSED.search(line):
            tests += int(passed[1])
        if figure := FIGURE.search(line):
            number = int(figure[1].replace(",", "")) if figure[1] else None
            figures[figure[2]] = number if number is None else figures.get(figure[2], 0) + number
    parts = [what if number is None else f"{number:,} {what}" for what, number in figures.items()]
    if tests:
        parts.append(f"{tests:,} tests passed" if tests > 1 else "1 test passed")
    return "; ".join(parts)


def main(command: list[str]) -> int:
    lines = []
    environment = os.environ | {"RUST_TEST_NOCAPTURE": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, errors="replace") as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    print(summary(lines))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
