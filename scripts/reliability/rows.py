"""Rows: rows/NAME.toml says what is tried to break the library, and which command tries it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

DIRECTORY = Path("scripts/reliability/rows")
MAKEFILE = Path("Makefile")
CI = Path(".ci/run")
REQUIRED = {"area": str, "tried": str, "command": str}


class InvalidEntry(Exception):
    """A row or a fault that is not written as the README says."""


@dataclass(frozen=True)
class Row:
    file: str
    """The name of its file, by which ROWS selects it."""
    area: str
    tried: str
    command: str
    short: str | None
    """The command that CI runs, or None where another part of CI tries the same."""
    covered_by: str | None
    """That part, as in `make test-c`."""

    @property
    def key(self) -> str:
        """Names the row's result. A row that says something else has no result yet."""
        digest = sha256("\0".join((self.area, self.tried, self.command)).encode()).hexdigest()
        return f"row-{self.file}-{digest[:12]}"


def load(selected: list[str] | None = None) -> list[Row]:
    """Returns the rows of the selected files, or of all files."""
    files = sorted(DIRECTORY.glob("*.toml"))
    unknown = set(selected or []) - {file.stem for file in files}
    if unknown:
        raise InvalidEntry(f"{DIRECTORY} has no {', '.join(f'{name}.toml' for name in sorted(unknown))}")
    chosen = [file for file in files if not selected or file.stem in selected]
    return [row for file in chosen for row in parse(file.stem, file.read_text())]


def parse(name: str, text: str) -> list[Row]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InvalidEntry(f"{name}.toml: {problem}") from problem
    if set(table) != {"row"}:
        raise InvalidEntry(f"{name}.toml: it needs [[row]] tables, and nothing else")
    return [row(name, values) for values in table["row"]]


def row(name: str, values: dict) -> Row:
    here = f"{name}.toml, row {values.get('tried', '')!r}"
    for key, kind in REQUIRED.items():
        if not isinstance(values.get(key), kind) or not values[key].strip():
            raise InvalidEntry(f"{here}: `{key}` is missing or no string")
    unknown = set(values) - set(REQUIRED) - {"short", "covered_by"}
    if unknown:
        raise InvalidEntry(f"{here}: unknown: {', '.join(sorted(unknown))}")
    short, covered_by = values.get("short", values["command"]), values.get("covered_by")
    if short is False:
        short = None
    elif not isinstance(short, str):
        raise InvalidEntry(f"{here}: `short` is a command or false")
    if (short is None) != (covered_by is not None):
        raise InvalidEntry(f"{here}: `covered_by` belongs to `short = false`, and says where CI runs it")
    return Row(name, values["area"], values["tried"], values["command"], short, covered_by)


def check_covered(row: Row, makefile: str, ci: str) -> None:
    """Fails if CI does not run what the row names: a make target of .ci/run, or a part of `make test`."""
    if row.covered_by is None:
        return
    found = re.fullmatch(r"make ([a-z-]+)", row.covered_by)
    if not found or found[1] not in targets_of_ci(makefile, ci):
        raise InvalidEntry(f"{row.file}.toml, row {row.tried!r}: CI does not run `{row.covered_by}`")


def targets_of_ci(makefile: str, ci: str) -> set[str]:
    targets = set(re.findall(r"^\s*make ([a-z-]+)", ci, re.MULTILINE))
    if "test" in targets:
        parts = re.search(r"^TEST_PARTS := (.*)$", makefile, re.MULTILINE)
        targets |= {f"test-{part}" for part in parts[1].split()} if parts else set()
    return targets
