#!/usr/bin/env python3
"""Writes the recipes of vcpkg, Conan and Homebrew for the archives of a release.

    scripts/recipes.py [--url URL] DIST OUTPUT

DIST has the archives of `make dist`: their sums are filled into the templates of packaging/, and each recipe then has
the platforms whose archive is there. OUTPUT gets the directories vcpkg, conan and homebrew. URL is where the archives
will be; by default the release on GitHub.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
RELEASES = "https://github.com/tango-token/tango-token/releases/download"
# What `rustc --print native-static-libs` names for each system: those of the Makefile, without the C library itself.
STATIC_LIBS = {
    "Linux": ["gcc_s", "util", "rt", "pthread", "m", "dl"],
    "Macos": ["iconv"],
    "Windows": ["bcrypt", "crypt32", "advapi32", "userenv", "ws2_32", "iphlpapi", "ntdll"],
}
# Homebrew's words for a platform.
BREW = {
    "osx-arm64": ("on_macos", "on_arm"),
    "osx-x64": ("on_macos", "on_intel"),
    "linux-arm64": ("on_linux", "on_arm"),
    "linux-x64": ("on_linux", "on_intel"),
}


def main() -> int:
    found = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert found is not None
    version = found[1]
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default=f"{RELEASES}/v{version}")
    parser.add_argument("dist", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    archives = archives_of(arguments.dist, version)
    if not archives:
        print(f"{arguments.dist} has no archive of version {version}: run make dist", file=sys.stderr)
        return 1
    shutil.rmtree(arguments.output, ignore_errors=True)
    write_vcpkg(arguments.output / "vcpkg", arguments.url, version, archives)
    write_conan(arguments.output / "conan", arguments.url, version, archives)
    write_homebrew(arguments.output / "homebrew", arguments.url, version, archives)
    print(f"{arguments.output}: recipes for {' '.join(archives)}")
    return 0


def archives_of(dist: Path, version: str) -> dict[str, Path]:
    """Returns the archive of each platform."""
    table = (ROOT / "scripts/platforms.txt").read_text().splitlines()
    names = [line.split()[0] for line in table if line and not line.startswith("#")]
    files = {name: dist / f"tango-token-{version}-{name}{ending(name)}" for name in names}
    return {name: file for name, file in files.items() if file.is_file()}


def ending(platform: str) -> str:
    return ".zip" if platform.startswith("win-") else ".tar.gz"


def digest(file: Path, algorithm: str) -> str:
    return hashlib.new(algorithm, file.read_bytes()).hexdigest()


def filled(template: Path, values: dict[str, str]) -> str:
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def write_vcpkg(output: Path, url: str, version: str, archives: dict[str, Path]) -> None:
    port = output / "ports/tango-token"
    port.mkdir(parents=True)
    template = PACKAGING / "vcpkg/ports/tango-token"
    # vcpkg has no triplet for musl.
    sums = [f"set(sha512_{name} {digest(file, 'sha512')})" for name, file in archives.items() if "musl" not in name]
    values = {"SUMS": "\n".join(sums), "URL": url, "VERSION": version}
    for name in ("portfile.cmake", "vcpkg.json"):
        (port / name).write_text(filled(template / f"{name}.in", values))
    shutil.copy(template / "usage", port)


def write_conan(output: Path, url: str, version: str, archives: dict[str, Path]) -> None:
    shutil.copytree(PACKAGING / "conan", output)
    sources = {name: {"url": f"{url}/{file.name}", "sha256": digest(file, "sha256")} for name, file in archives.items()}
    data = {"sources": {version: sources}, "static_libs": STATIC_LIBS}
    # JSON is YAML.
    (output / "conandata.yml").write_text(json.dumps(data, indent=2) + "\n")
    recipe = output / "conanfile.py"
    name = '    name = "tango-token"\n'
    recipe.write_text(recipe.read_text().replace(name, f'{name}    version = "{version}"\n'))


def write_homebrew(output: Path, url: str, version: str, archives: dict[str, Path]) -> None:
    output.mkdir(parents=True)
    systems = []
    for system in ("on_macos", "on_linux"):
        parts = [
            f'    {processor} do\n      url "{url}/{archives[name].name}"\n'
            f'      sha256 "{digest(archives[name], "sha256")}"\n    end\n'
            for name, (of_system, processor) in BREW.items()
            if of_system == system and name in archives
        ]
        if parts:
            systems.append(f"\n  {system} do\n{''.join(parts)}  end\n")
    values = {"ARCHIVES": "".join(systems), "VERSION": version}
    (output / "tango-token.rb").write_text(filled(PACKAGING / "homebrew/tango-token.rb.in", values))


if __name__ == "__main__":
    sys.exit(main())
