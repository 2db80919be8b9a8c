#!/usr/bin/env python3
"""Writes the licences of the crates whose code is in a package, as their authors ship them.

    scripts/licenses.py [--check] python|dotnet
    scripts/licenses.py TRIPLE FILE CRATE...

With ``--check`` it writes nothing, and fails if the file is not up to date. The second form is for the packages of
scripts/dist.sh: the crates that are linked with these crates for a platform.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# For each package: the crate that is linked, and the file that is in the package.
PACKAGES = {
    "python": ("tango-token-python", ROOT / "bindings/python/THIRD-PARTY-LICENSES.txt"),
    "dotnet": ("tango-token", ROOT / "bindings/dotnet/THIRD-PARTY-NOTICES.txt"),
}
PLATFORM = "x86_64-unknown-linux-gnu"
NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "COPYRIGHT*", "UNLICENSE*")


def main() -> int:
    arguments = sys.argv[1:]
    is_check = arguments[:1] == ["--check"]
    if arguments[-1] not in PACKAGES:
        platform, output, *crates = arguments
        Path(output).write_text(document(bundled(metadata(platform), *crates)))
        return 0
    crate, file = PACKAGES[arguments[-1]]
    text = document(bundled(metadata(PLATFORM), crate))
    if not is_check:
        file.write_text(text)
    elif not file.exists() or file.read_text() != text:
        print(f"{file.name} is not up to date: run scripts/licenses.py {arguments[-1]} and commit it", file=sys.stderr)
        return 1
    return 0


def metadata(platform: str) -> dict[str, Any]:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", platform]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, cwd=ROOT))
    return found


def bundled(cargo: dict[str, Any], *crates: str) -> list[dict[str, Any]]:
    """Returns the packages that are linked with the crates, without build and test dependencies and our own."""
    packages = {package["id"]: package for package in cargo["packages"]}
    needs = {
        node["id"]: [
            dependency["pkg"]
            for dependency in node["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
        ]
        for node in cargo["resolve"]["nodes"]
    }
    seen, waiting = set(), [package["id"] for package in cargo["packages"] if package["name"] in crates]
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
