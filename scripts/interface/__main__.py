"""Writes every file that says what the interface is: one table of options and one parser of the header make them all.

    python3 scripts/interface --rust     the options in Rust and C: src/config/options.toml -> src
    python3 scripts/interface            the rest: include/tango_token.h -> include/tango_token.json -> bindings, docs
    python3 scripts/interface --check    writes nothing, and fails if a file is not what this program writes

`make header` runs the first, builds the header with cbindgen, and runs the second.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cli
import cpp
import docs
import dotnet
import go
import header
import options
import python
import rust
from words import json_text

ROOT = Path(__file__).resolve().parents[2]
HEADER = Path("include/tango_token.h")
JSON = Path("include/tango_token.json")
TABLE = Path("src/config/options.toml")


def main(arguments: list[str]) -> str | None:
    os.chdir(ROOT)
    table = options.load(TABLE)
    if arguments == ["--rust"]:
        return write(rust.files(table))
    try:
        interface = header.parse(HEADER.read_text())
    except header.NotUnderstood as problem:
        return f"scripts/interface does not understand {problem}"
    if arguments == ["--check"]:
        return compare(rust.files(table) | made(interface, table))
    return f"unknown arguments: {arguments}" if arguments else write(made(interface, table))


def made(interface: dict, table: list[options.Option]) -> dict[Path, str]:
    options.compare(table, interface)
    files = {JSON: json_text(interface)}
    for language in (cli, cpp, docs, dotnet, go, python):
        files |= language.files(interface, table)
    return files


def write(files: dict[Path, str]) -> None:
    for path, content in files.items():
        if not path.exists() or path.read_text() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


def compare(files: dict[Path, str]) -> str | None:
    stale = [str(path) for path, content in files.items() if not path.exists() or path.read_text() != content]
    return f"{', '.join(stale)}: not what scripts/interface writes: run `make header` and commit" if stale else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
