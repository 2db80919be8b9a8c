#!/usr/bin/env python3
"""Makes the packages of a Linux distribution from an installed tree.

    scripts/packages.py deb|rpm|apk GOARCH TREE LICENSES OUTPUT

TREE is what `make install` wrote with DESTDIR, PREFIX=/usr and the LIBDIR of the distribution. LICENSES are the licences
of the crates. Three packages are put into the directory OUTPUT: the shared library, what programs are built with, and the
sandbox. All times are SOURCE_DATE_EPOCH, so the same tree makes the same bytes.

dpkg-deb makes .deb, because nfpm cannot add the file `shlibs`, without which no Debian package can be built on this one.
nfpm makes .rpm and .apk: neither rpmbuild nor abuild takes a tree that is already there.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOMEPAGE = "https://github.com/tango-token/tango-token"
MAINTAINER = "The tango-token developers <noreply@tango-token.invalid>"
EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)  # type: ignore[union-attr]
ABI = re.search(r"TANGO_ABI_VERSION: i32 = (\d+);", (ROOT / "src/ffi/abi.rs").read_text()).group(1)  # type: ignore[union-attr]

SUMMARY = "service-account tokens of the Tango API"
WHOLE = (
    "Gets, caches and refreshes the tokens of a service account of the Tango API: one request however many threads and "
    "processes wait, a refresh before the token ends, and the daily limit of the server in mind."
)


@dataclass(frozen=True)
class Part:
    """One of the three packages."""

    role: str
    summary: str
    description: str

    def name(self, format: str) -> str:
        library = {"deb": f"libtango-token{ABI}", "rpm": f"libtango-token{ABI}", "apk": "libtango-token"}[format]
        development = {"deb": "libtango-token-dev", "rpm": "libtango-token-devel", "apk": "libtango-token-dev"}[format]
        return {"library": library, "development": development, "tools": "tango-token-tools"}[self.role]


LIBRARY = Part("library", f"{SUMMARY} (shared library)", WHOLE)
DEVELOPMENT = Part(
    "development",
    f"{SUMMARY} (development files)",
    f"{WHOLE} This package has the headers for C and C++, the static library, and files for pkg-config and CMake.",
)
TOOLS = Part(
    "tools",
    f"{SUMMARY} (local test server)",
    "tango-sandbox is a local Tango authorization server and API over TLS, for demos and for tests of programs.",
)


def main() -> None:
    format, goarch, tree, licenses, output = sys.argv[1:]
    Path(output).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        for part in (LIBRARY, DEVELOPMENT, TOOLS):
            root = Path(work, part.role)
            for file in files_of(part, Path(tree)):
                copy(Path(tree), file, root)
            write_documents(part, format, root, Path(licenses).read_text())
            write_package(part, format, goarch, root, Path(output))


def files_of(part: Part, tree: Path) -> list[Path]:
    return [file for file in sorted(tree.rglob("*")) if not is_directory(file) and role_of(file) == part.role]


def is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def role_of(file: Path) -> str:
    if file.parent.name == "bin":
        return "tools"
    return "library" if re.fullmatch(r"libtango_token\.so\.[0-9.]+", file.name) else "development"


def copy(tree: Path, file: Path, root: Path) -> None:
    place = root / file.relative_to(tree)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, place, follow_symlinks=False)


def write_documents(part: Part, format: str, root: Path, licenses: str) -> None:
    """Writes the licence files where the distribution has them, and Debian's changelog."""
    ours = (ROOT / "LICENSE-MIT").read_text()
    if format != "deb":
        directory = root / "usr/share/licenses" / part.name(format)
        directory.mkdir(parents=True)
        for name in ("LICENSE-MIT", "LICENSE-APACHE"):
            shutil.copy(ROOT / name, directory)
        (directory / "THIRD-PARTY-LICENSES.txt").write_text(licenses)
        return
    directory = root / "usr/share/doc" / part.name(format)
    if part is DEVELOPMENT:
        # It depends on the library in the same version, so it can have its documents.
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.symlink_to(LIBRARY.name(format))
        return
    directory.mkdir(parents=True)
    apache = "The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0."
    (directory / "copyright").write_text(f"{HOMEPAGE}\n\nMIT OR Apache-2.0. {apache}\n\n{ours}\n{licenses}")
    date = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%a, %d %b %Y %H:%M:%S +0000")
    entry = f"tango-token ({VERSION}) unstable; urgency=medium\n\n  * {HOMEPAGE}/blob/main/CHANGELOG.md\n\n"
    with open(directory / "changelog.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(f"{entry} -- {MAINTAINER}  {date}\n".encode())


def write_package(part: Part, format: str, goarch: str, root: Path, output: Path) -> None:
    for path in sorted([root, *root.rglob("*")]):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    if format == "deb":
        write_deb(part, goarch, root, output)
    else:
        write_with_nfpm(part, format, goarch, root, output)


def write_deb(part: Part, goarch: str, root: Path, output: Path) -> None:
    name = part.name("deb")
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    fields = {
        "Package": name,
        "Source": "tango-token",
        "Version": VERSION,
        "Architecture": goarch,
        "Maintainer": MAINTAINER,
        "Installed-Size": str(-(-size // 1024)),
        **{
            LIBRARY: {"Depends": "libc6 (>= 2.17)", "Recommends": "ca-certificates"},
            DEVELOPMENT: {"Depends": f"{LIBRARY.name('deb')} (= {VERSION}), libc6-dev"},
        }.get(part, {}),
        "Section": {"library": "libs", "development": "libdevel", "tools": "devel"}[part.role],
        "Priority": "optional",
        "Multi-Arch": "foreign" if part is TOOLS else "same",
        "Homepage": HOMEPAGE,
        "Description": f"{part.summary}\n" + wrapped(part.description),
    }
    control = root / "DEBIAN"
    control.mkdir()
    (control / "control").write_text("".join(f"{field}: {value}\n" for field, value in fields.items()))
    if part is LIBRARY:
        (control / "shlibs").write_text(f"libtango_token {ABI} {name} (>= {VERSION})\n")
        (control / "triggers").write_text("activate-noawait ldconfig\n")
    sums = subprocess.check_output("find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum", shell=True, cwd=root)
    (control / "md5sums").write_bytes(sums)
    for file in control.iterdir():
        file.chmod(0o644)
    package = output / f"{name}_{VERSION}_{goarch}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def wrapped(text: str) -> str:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 76:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\n".join([*lines, line])


def write_with_nfpm(part: Part, format: str, goarch: str, root: Path, output: Path) -> None:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[goarch]
    library = f"{LIBRARY.name(format)} = {VERSION}" if format == "rpm" else f"{LIBRARY.name(format)}={VERSION}-r1"
    configuration: dict[str, Any] = {
        "name": part.name(format),
        "arch": goarch,
        "platform": "linux",
        "version": VERSION,
        "release": "1",
        "maintainer": MAINTAINER,
        "description": f"{part.summary}\n{part.description}" if format == "rpm" else part.summary,
        "homepage": HOMEPAGE,
        "license": "MIT OR Apache-2.0",
        "mtime": datetime.fromtimestamp(EPOCH, timezone.utc).isoformat(),
        "contents": [entry(root, file) for file in sorted(root.rglob("*")) if not is_directory(file)],
        "rpm": {"buildhost": "localhost", "summary": part.summary, "compression": "xz"},
    }
    if part is DEVELOPMENT:
        configuration["depends"] = [library]
    elif part is LIBRARY and format == "rpm":
        configuration["depends"] = ["libc.so.6(GLIBC_2.17)(64bit)"]
        configuration["provides"] = [f"libtango_token.so.{ABI}()(64bit)"]
    elif part is LIBRARY:
        configuration["depends"] = [f"so:libc.musl-{machine}.so.1"]
        configuration["provides"] = [f"so:libtango_token.so.{ABI}={VERSION}"]
    # A configuration in JSON is one in YAML.
    file = root.with_suffix(".json")
    file.write_text(json.dumps(configuration))
    name = f"{part.name(format)}-{VERSION}-{'1.' if format == 'rpm' else 'r1.'}{machine}.{format}"
    command = ["nfpm", "package", "--config", str(file), "--packager", format, "--target", str(output / name)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def entry(root: Path, file: Path) -> dict[str, str]:
    place = f"/{file.relative_to(root)}"
    if file.is_symlink():
        return {"src": os.readlink(file), "dst": place, "type": "symlink"}
    return {"src": str(file), "dst": place}


if __name__ == "__main__":
    main()
