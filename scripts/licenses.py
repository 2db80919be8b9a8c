#!/usr/bin/env python3
"""Writes the licences of what is linked into a package, as the authors of that code ship them.

    scripts/licenses.py [--check] python|dotnet
    scripts/licenses.py TRIPLE,... FILE CRATE...

The first form writes the file that all wheels or the NuGet package contain, for all platforms of scripts/platforms.txt.
With ``--check`` it writes nothing, and fails if the file is not up to date. The second form is for what is made for one
platform or some: archives, packages of distributions, Go modules and the wheel of the sandbox.

Beside crates, compilers and linkers bring code: Rust's standard library, the unwinder that zig links for Linux, musl in
the sandbox for Linux, and the start-up code of MinGW for Windows. Their licences are in packaging/licenses.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# For each package: the crate that is linked, and the file that is in the package.
PACKAGES = {
    "python": ("tango-token-python", ROOT / "bindings/python/THIRD-PARTY-LICENSES.txt"),
    "dotnet": ("tango-token", ROOT / "bindings/dotnet/THIRD-PARTY-NOTICES.txt"),
}
STANDARD_LIBRARY = "Rust standard library: MIT OR Apache-2.0; https://github.com/rust-lang/rust"
SYSTEMS = {"-linux-": "Linux", "-windows-": "Windows", "-apple-": "macOS"}
# What is linked on a system beside crates.
OTHERS = {"Linux": ("libunwind",), "Windows": ("mingw-w64",), "macOS": ()}
NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "COPYRIGHT*", "UNLICENSE*")


def main() -> int:
    arguments = sys.argv[1:]
    is_check = arguments[:1] == ["--check"]
    if arguments[-1] not in PACKAGES:
        names, output, *crates = arguments
        Path(output).write_text(document([linked(triple, *crates) for triple in names.split(",")]))
        return 0
    crate, file = PACKAGES[arguments[-1]]
    text = document([linked(triple, crate) for triple in triples()])
    if not is_check:
        file.write_text(text)
    elif not file.exists() or file.read_text() != text:
        print(f"{file.name} is not up to date: run scripts/licenses.py {arguments[-1]} and commit it", file=sys.stderr)
        return 1
    return 0


@dataclass
class Linked:
    """What is linked for a platform: crates by name and version, and files of packaging/licenses."""

    system: str
    crates: dict[str, dict[str, Any]]
    others: list[str]


def triples() -> list[str]:
    lines = (ROOT / "scripts/platforms.txt").read_text().splitlines()
    return [line.split()[1] for line in lines if line[:1] not in ("#", "")]


def linked(triple: str, *crates: str) -> Linked:
    [system] = [name for part, name in SYSTEMS.items() if part in triple]
    others = list(OTHERS[system])
    found = bundled(metadata(triple), *crates)
    if system == "Linux" and "tango-sandbox" in crates:
        # It is linked statically, on each Linux.
        others.append("musl")
    return Linked(system, {f"{crate['name']} {crate['version']}": crate for crate in found}, others)


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


def document(platforms: list[Linked]) -> str:
    """Lists each license text once, under the names of all that have it."""
    lines = ["This package contains the following code, each part under its own licence.", "", STANDARD_LIBRARY]
    texts: dict[str, list[str]] = {}
    crates = {name: crate for platform in platforms for name, crate in platform.crates.items()}
    for name, package in sorted(crates.items(), key=lambda item: (item[1]["name"], item[1]["version"])):
        line = f"{name}: {package['license'] or 'see below'}; {package['repository'] or ''}".rstrip("; ")
        lines.append(line + where([platform for platform in platforms if name in platform.crates], platforms))
        for text in license_texts(Path(package["manifest_path"]).parent):
            texts.setdefault(text, []).append(name)
    for name in sorted({name for platform in platforms for name in platform.others}):
        lines.append(f"{name}: see below" + where([one for one in platforms if name in one.others], platforms))
        texts.setdefault((ROOT / f"packaging/licenses/LICENSE-{name}").read_text().strip(), []).append(name)
    for text, names in texts.items():
        lines += ["", "=" * 100, ", ".join(names), "=" * 100, "", text]
    return "\n".join(lines) + "\n"


def where(some: list[Linked], platforms: list[Linked]) -> str:
    """Returns a note for what is not on all systems. What one processor of a system has, its other one may have."""
    systems = {platform.system: None for platform in some}
    return "" if systems.keys() == {platform.system for platform in platforms} else f" (on {', '.join(systems)})"


def license_texts(directory: Path) -> list[str]:
    files = {file for name in NAMES for file in directory.glob(name) if file.is_file()}
    texts = (file.read_text(errors="replace") for file in sorted(files))
    return ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in texts]


if __name__ == "__main__":
    sys.exit(main())
