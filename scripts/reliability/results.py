"""Runs commands, and keeps what they printed, how long they took and how they ended."""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

DIRECTORY = Path("target/reliability")


@dataclass(frozen=True)
class Run:
    status: int
    seconds: float
    last_line: str
    log: Path


@dataclass(frozen=True)
class Result:
    """What the document says of a row or a fault."""

    result: str
    seconds: float
    date: str
    commit: str


def run(
    command: str, log: Path, limit_seconds: float, directory: Path | None = None, settings: dict[str, str] | None = None
) -> Run:
    """Runs a command by bash. Its stdout stays in `log`, and its stderr is appended there at the end.

    Both go to files, because a process that it leaves behind would keep a pipe open.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    errors = log.with_suffix(".stderr")
    environment = {name: value for name, value in os.environ.items() if not directory or name != "CARGO_TARGET_DIR"}
    environment |= {"CARGO_INCREMENTAL": "0"} | (settings or {})
    start = time.monotonic()
    with log.open("wb") as stdout, errors.open("wb") as stderr:
        # A session of its own, so that all of it can be killed.
        process = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], cwd=directory, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True)
        try:
            status = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            status = -signal.SIGKILL
            stderr.write(f"killed after {format_duration(limit_seconds)}\n".encode())
        finally:
            kill_session(process)
    seconds = time.monotonic() - start
    last = last_line(log.read_text(errors="replace"))
    with log.open("ab") as both:
        both.write(errors.read_bytes())
    errors.unlink()
    return Run(status, seconds, last, log)


def kill_session(process: subprocess.Popen) -> None:
    """Kills the command, if it still runs, and every process that it left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]) if lines else ""


def end_of(log: Path, count: int = 40) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-count:])


def format_duration(seconds: float) -> str:
    """Returns a duration as a person says it."""
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def save(key: str, result: str, seconds: float, commit: str) -> None:
    directory = DIRECTORY / "results"
    directory.mkdir(parents=True, exist_ok=True)
    kept = Result(result, seconds, datetime.now(UTC).strftime("%Y-%m-%d"), commit)
    (directory / f"{key}.json").write_text(json.dumps(asdict(kept), indent=4) + "\n")


def forget(key: str) -> None:
    (DIRECTORY / "results" / f"{key}.json").unlink(missing_ok=True)


def load(key: str) -> Result | None:
    file = DIRECTORY / "results" / f"{key}.json"
    return Result(**json.loads(file.read_text())) if file.exists() else None


def commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()

    # The document itself is written by this program.
    changed = git("status", "--porcelain", "--", ".", ":!docs/reliability.md")
    return git("rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")


def machine() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    model = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release().split('-')[0]}"
