"""Planted faults: each patch in faults/ breaks the library on purpose, and names the check that has to find it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rows import InvalidEntry

DIRECTORY = Path("scripts/reliability/faults")
HEADER = ("Fault", "Check", "Expect")
# Without optimisation across crates a release build takes a third of the time, and behaves the same.
QUICK = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}


@dataclass(frozen=True)
class Fault:
    file: Path
    fault: str
    check: str
    """The command that has to fail."""
    expect: str
    """What the output of the failing check contains, as an extended regular expression."""

    @property
    def key(self) -> str:
        """Names the fault's result. A changed patch has no result yet."""
        return f"fault-{self.file.stem}-{sha256(self.file.read_bytes()).hexdigest()[:12]}"

    @property
    def settings(self) -> dict[str, str]:
        """Variables for the check. Those of the supply chain look into what is shipped, built as it is shipped."""
        return {} if self.file.stem.startswith("supply-") else QUICK


def load(selected: list[str] | None = None) -> list[Fault]:
    """Returns the faults whose file names begin with one of the selected names, or all."""
    files = sorted(DIRECTORY.glob("*.patch"))
    for name in selected or []:
        if not any(file.stem.startswith(name) for file in files):
            raise InvalidEntry(f"{DIRECTORY} has no patch whose name begins with {name}")
    chosen = [file for file in files if not selected or file.stem.startswith(tuple(selected))]
    return [parse(file, file.read_text()) for file in chosen]


def parse(file: Path, text: str) -> Fault:
    header = re.split(r"^(?:diff --git|---) ", text, maxsplit=1, flags=re.MULTILINE)[0]
    values = dict(re.findall(r"^(\w+): (.*\S)$", header, re.MULTILINE))
    missing = [name for name in HEADER if name not in values]
    if missing:
        raise InvalidEntry(f"{file}: its header has no line {' and no line '.join(f'`{name}: `' for name in missing)}")
    return Fault(file, *(values[name] for name in HEADER))


def check_applies(fault: Fault) -> None:
    applied = git("apply", "--check", str(fault.file))
    if applied.returncode:
        raise InvalidEntry(f"{fault.file} does not apply any more:\n{applied.stderr.strip()}")


def is_found(fault: Fault, status: int, output: Path) -> str | None:
    """Returns None if the check found the fault, or why that is not so."""
    if status == 0:
        return "the check passed"
    # Python's regular expressions lack [[:space:]] and the like.
    matched = subprocess.run(["grep", "--quiet", "--text", "--extended-regexp", "--", fault.expect, str(output)])
    return None if matched.returncode == 0 else f"the output of the check has nothing like: {fault.expect}"


class Copy:
    """A worktree beside the real one, with a target directory of its own, so that each check builds little."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        if not (self.directory / ".git").exists():
            git("worktree", "prune", check=True)
            git("worktree", "add", "--force", "--detach", str(self.directory), "HEAD", check=True)
        head = git("rev-parse", "HEAD", check=True).stdout.strip()
        git("checkout", "--quiet", "--force", "--detach", head, at=self.directory, check=True)
        self.share("target/toolchains")

    def share(self, path: str) -> None:
        """Lets the copy use the downloaded tools of the real tree."""
        tools, link = Path(path).absolute(), self.directory / path
        tools.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(tools)

    def restore(self) -> None:
        """Makes the copy equal to the real tree, uncommitted changes included.

        Equal files stay untouched, and others get the present as their time: cargo compares times, and would take a
        restored file with its old time for one that it has built already.
        """
        wanted = files(Path.cwd())
        for path in files(self.directory) - wanted:
            (self.directory / path).unlink()
        for path in wanted:
            source, copy = Path(path), self.directory / path
            if copy.is_file() and copy.read_bytes() == source.read_bytes():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode & 0o777)

    def apply(self, fault: Fault) -> None:
        self.restore()
        applied = git("apply", str(fault.file.absolute()), at=self.directory)
        if applied.returncode:
            raise InvalidEntry(f"{fault.file} does not apply any more:\n{applied.stderr.strip()}")


def files(directory: Path) -> set[str]:
    """Returns the files that Git tracks or would track."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", at=directory, check=True).stdout
    return {path for path in listed.split("\0") if path and (directory / path).is_file()}


def git(*arguments: str, at: Path | None = None, check: bool = False) -> subprocess.CompletedProcess[str]:
    # As in a hook, where these name the real tree.
    environment = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    command = ["git", *(["-C", str(at)] if at else []), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check, env=environment)
