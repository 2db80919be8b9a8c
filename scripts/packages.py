#!/usr/bin/env python3
"""Makes the packages of a Linux distribution from an installed tree.

    scripts/packages.py deb|rpm|apk GOARCH TREE LICENSES OUTPUT

TREE is what `make install` wrote with DESTDIR, PREFIX=/usr and the LIBDIR of the distribution. LICENSES are those of
what is linked. Three packages are put into the directory OUTPUT: the shared library, what programs are built with, the
sandbox. All times are SOURCE_DATE_EPOCH, so the same tree makes the same bytes.

dpkg-deb makes .deb, because nfpm cannot add the file `shlibs`, without which no Debian package can be built on this.
rpmbuild makes .rpm: it finds what the library needs and provides, and `rpm2cpio FILE | cpio -id` unpacks into the
current directory; with an .rpm of nfpm it writes into /usr. nfpm makes .apk, because abuild runs on Alpine only.
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
import textwrap
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

GROUPS = {"library": "System/Libraries", "development": "Development/Libraries/C and C++", "tools": "Development/Tools"}
PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
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
            set_modes(root, format)
            if format == "deb":
                write_deb(part, goarch, root, Path(output))
            elif format == "apk":
                write_apk(part, goarch, root, Path(output))
        if format == "rpm":
            write_rpms(goarch, Path(work), Path(output))


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
    """Writes the licence files where the distribution has them, a manual page, and what Debian wants beside these."""
    if part is TOOLS and format != "apk":
        write_packed(root / "usr/share/man/man1/tango-sandbox.1.gz", (ROOT / "packaging/tango-sandbox.1").read_text())
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
    apache = "The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0."
    others = "Code of others is in it: their licences are in THIRD-PARTY-LICENSES.txt.gz, beside this file."
    ours = (ROOT / "LICENSE-MIT").read_text()
    directory.mkdir(parents=True)
    (directory / "copyright").write_text(f"{HOMEPAGE}\n\nMIT OR Apache-2.0. {apache}\n\n{others}\n\n{ours}")
    write_packed(directory / "THIRD-PARTY-LICENSES.txt.gz", licenses)
    date = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%a, %d %b %Y %H:%M:%S +0000")
    entry = f"tango-token ({VERSION}) unstable; urgency=medium\n\n  * {HOMEPAGE}/blob/main/CHANGELOG.md\n\n"
    write_packed(directory / "changelog.gz", f"{entry} -- {MAINTAINER}  {date}\n")
    overrides = ROOT / f"packaging/lintian/{part.name(format)}"
    if overrides.exists():
        place = root / "usr/share/lintian/overrides"
        place.mkdir(parents=True)
        shutil.copy(overrides, place)


def write_packed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


def set_modes(root: Path, format: str) -> None:
    for path in sorted([root, *root.rglob("*")]):
        # rpmbuild looks into a shared library only if it can be executed. Debian's policy is that it cannot.
        executable = path.parent.name == "bin" or (format == "rpm" and ".so." in path.name)
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or executable else 0o644)


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


def write_rpms(goarch: str, work: Path, output: Path) -> None:
    """Makes the three packages with one run of rpmbuild, from the trees that `work` has for each part."""
    tree = work / "tree"
    for part in (LIBRARY, DEVELOPMENT, TOOLS):
        shutil.copytree(work / part.role, tree, symlinks=True, dirs_exist_ok=True)
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    specification = work / "tango-token.spec"
    specification.write_text(rpm_specification(work))
    definitions = {
        "_topdir": str(work / "rpmbuild"),
        "_rpmdir": str(output),
        "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        # What later versions use, Red Hat 7 cannot read.
        "_binary_payload": "w6.xzdio",
        # The same bytes on each machine.
        "_buildhost": "localhost",
        "use_source_date_epoch_as_buildtime": "1",
        # The files are as they will be: nothing is stripped by tools of another processor.
        "__os_install_post": "%{nil}",
        "_build_id_links": "none",
        "debug_package": "%{nil}",
    }
    command = ["rpmbuild", "-bb", "--quiet", "--target", f"{PROCESSORS[goarch]}-linux"]
    command += ["--buildroot", str(work / "root")]
    for name, value in definitions.items():
        command += ["--define", f"{name} {value}"]
    subprocess.run([*command, str(specification)], check=True, stdout=subprocess.DEVNULL)


def rpm_specification(work: Path) -> str:
    maintainer = MAINTAINER.replace("%", "%%")
    lines = [
        "Name: tango-token",
        f"Version: {VERSION}",
        "Release: 1",
        f"Summary: {capitalised(SUMMARY)}",
        "License: MIT OR Apache-2.0",
        f"URL: {HOMEPAGE}",
        f"Packager: {maintainer}",
        "%description",
        textwrap.fill(WHOLE, 79),
        "%install",
        f"cp -a {work}/tree/. %{{buildroot}}",
    ]
    for part in (LIBRARY, DEVELOPMENT, TOOLS):
        name = part.name("rpm")
        lines += [f"%package -n {name}", f"Summary: {capitalised(part.summary)}"]
        lines += [f"Group: {GROUPS[part.role]}"]
        if part is DEVELOPMENT:
            lines += [f"Requires: {LIBRARY.name('rpm')}%{{?_isa}} = {VERSION}"]
        lines += [f"%description -n {name}", textwrap.fill(part.description, 79)]
        if part is LIBRARY:
            lines += [f"%post -n {name} -p /sbin/ldconfig", f"%postun -n {name} -p /sbin/ldconfig"]
        lines += [f"%files -n {name}", "%defattr(-,root,root)", f"%dir /usr/share/licenses/{name}"]
        root = work / part.role
        files = [f"/{file.relative_to(root)}" for file in sorted(root.rglob("*")) if not is_directory(file)]
        if part is DEVELOPMENT:
            files.insert(0, "%dir /usr/lib64/cmake/TangoToken")
        lines += [f"%license {file}" if "/licenses/" in file else file for file in files]
    date = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%a %b %d %Y")
    lines += ["%changelog", f"* {date} {maintainer} - {VERSION}-1", f"- {HOMEPAGE}/blob/main/CHANGELOG.md"]
    return "\n".join(lines) + "\n"


def capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def write_apk(part: Part, goarch: str, root: Path, output: Path) -> None:
    machine = PROCESSORS[goarch]
    configuration: dict[str, Any] = {
        "name": part.name("apk"),
        "arch": goarch,
        "platform": "linux",
        "version": VERSION,
        "release": "1",
        "maintainer": MAINTAINER,
        "description": part.summary,
        "homepage": HOMEPAGE,
        "license": "MIT OR Apache-2.0",
        "mtime": datetime.fromtimestamp(EPOCH, timezone.utc).isoformat(),
        "contents": [entry(root, file) for file in sorted(root.rglob("*")) if not is_directory(file)],
    }
    if part is DEVELOPMENT:
        configuration["depends"] = [f"{LIBRARY.name('apk')}={VERSION}-r1"]
    elif part is LIBRARY:
        configuration["depends"] = [f"so:libc.musl-{machine}.so.1"]
        configuration["provides"] = [f"so:libtango_token.so.{ABI}={VERSION}"]
    # A configuration in JSON is one in YAML.
    file = root.with_suffix(".json")
    file.write_text(json.dumps(configuration))
    package = output / f"{part.name('apk')}-{VERSION}-r1.{machine}.apk"
    command = ["nfpm", "package", "--config", str(file), "--packager", "apk", "--target", str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def entry(root: Path, file: Path) -> dict[str, str]:
    place = f"/{file.relative_to(root)}"
    if file.is_symlink():
        return {"src": os.readlink(file), "dst": place, "type": "symlink"}
    return {"src": str(file), "dst": place}


if __name__ == "__main__":
    main()
