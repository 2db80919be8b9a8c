#!/usr/bin/env python3
"""Writes THIRD-PARTY-LICENSES.txt: the licenses of the crates whose code is in the wheel, as their authors ship them.

With ``--check`` it writes nothing, and fails if the file is not up to date.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FILE = HERE / "THIRD-PARTY-LICENSES.txt"
PLATFORM = "x86_64-unknown-linux-gnu"
NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "COPYRIGHT*", "UNLICENSE*")


def main() -> int:
    text = document(bundled(metadata()))
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != text:
            print(f"{FILE.name} is not up to date: run {Path(__file__).name} and commit the file", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(text)
    return 0


def metadata() -> dict[str, Any]:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", PLATFORM]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, cwd=HERE))
    return found


def bundled(cargo: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the packages that are linked into the wheel's library, without build and test dependencies and our own."""
    packages = {package["id"]: package for package in cargo["packages"]}
    needs = {
        node["id"]: [
            dependency["pkg"]
            for dependency in node["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
        ]
        for node in cargo["resolve"]["nodes"]
    }
    [start] = [package["id"] for package in cargo["packages"] if package["name"] == "tango-token-python"]
    seen, waiting = set(), [start]
    while waiting:
        package = waiting.pop()
        if package not in seen and not is_macro(packages[package]):
            seen.add(package)
            waiting.extend(needs[package])
    foreign = [packages[package] for package in seen if packages[package]["source"]]
    return sorted(foreign, key=lambda package: (package["name"], package["version"]))


def is_macro(package: dict[str, Any]) -> bool:
    """Returns whether the package is a macro, which runs in the compiler and is not linked."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def document(packages: list[dict[str, Any]]) -> str:
    """Lists each license text once, under the names of all packages that have it."""
    lines = ["This package contains code of the following Rust crates, each under its own licence.", ""]
    texts: dict[str, list[str]] = {}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {package['license'] or 'see below'}; {package['repository'] or ''}".rstrip("; "))
        for text in license_texts(Path(package["manifest_path"]).parent):
            texts.setdefault(text, []).append(name)
    for text, names in texts.items():
        lines += ["", "=" * 100, ", ".join(names), "=" * 100, "", text]
    return "\n".join(lines) + "\n"


def license_texts(directory: Path) -> list[str]:
    files = {file for name in NAMES for file in directory.glob(name) if file.is_file()}
    texts = (file.read_text(errors="replace") for file in sorted(files))
    return ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in texts]


if __name__ == "__main__":
    sys.exit(main())
