#!/usr/bin/env python3
"""Writes the Go modules of this clone as a proxy would serve them, for `GOPROXY=file://DIRECTORY`.

    scripts/go_proxy.py DIRECTORY

The modules have the version of Cargo.toml, and the files that scripts/go-native.sh has put into them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINDING = ROOT / "bindings/go"
PROMETHEUS = BINDING / "tangoprometheus"


def main() -> int:
    proxy = Path(sys.argv[1])
    found = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert found is not None
    for file in [BINDING / "go.mod", PROMETHEUS / "go.mod", *sorted(BINDING.glob("native/*/go.mod"))]:
        publish(proxy, file.parent, f"v{found[1]}")
    return 0


def publish(proxy: Path, directory: Path, version: str) -> None:
    module = (directory / "go.mod").read_text().split()[1]
    versions = proxy / module / "@v"
    versions.mkdir(parents=True, exist_ok=True)
    (versions / "list").write_text(version + "\n")
    (versions / f"{version}.info").write_text(json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"}))
    (versions / f"{version}.mod").write_bytes((directory / "go.mod").read_bytes())
    with zipfile.ZipFile(versions / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files(directory):
            archive.write(file, f"{module}@{version}/{file.relative_to(directory)}")


def files(directory: Path) -> list[Path]:
    """Returns the files of a module: those that Git knows, and the native library; not those of modules inside."""
    if directory != BINDING:
        return sorted(file for file in directory.iterdir() if file.is_file())
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=directory)
    names = [name for name in listed.decode().split("\0") if name and not name.startswith(("native/", "tangoprometheus/"))]
    return [directory / name for name in sorted(names) if (directory / name).is_file()]


if __name__ == "__main__":
    sys.exit(main())
