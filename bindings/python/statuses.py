#!/usr/bin/env python3
"""Writes python/tango_token/errors.py from include/tango_token.h: the statuses exist once, in src/error.rs.

With ``--check`` it writes nothing and fails if the file is not what it would write.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = HERE.parents[1] / "include/tango_token.h"
FILE = HERE / "python/tango_token/errors.py"

ENUM = re.compile(r"^enum tango_status\n[^{]*\{\n([^}]*)\};", re.MULTILINE)
MEMBER = re.compile(r"/\*\*\n((?: +\*(?!/).*\n)+) +\*/\n +TANGO_STATUS_(\w+) = \d+,")
HEAD = '''"""The exceptions: one for each status of the library, all of them a ``TangoError``."""

# Made by statuses.py from include/tango_token.h: do not edit.

from __future__ import annotations

from tango_token._error import TangoError

__all__ = [
    "TangoError",
{names}
]
'''
CLASS = '''

class {name}(TangoError):
    """{meaning}"""
'''


def main() -> int:
    text = document(statuses(HEADER.read_text()))
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != text:
            print(f"{FILE.name} is not what {Path(__file__).name} writes: run it, and commit the file", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(text)
    return 0


def statuses(header: str) -> dict[str, str]:
    """What each of them but OK means, by its name in Python, which is that in Rust too."""
    enum = ENUM.search(header)
    members = MEMBER.findall(enum[1]) if enum else []
    if not enum or len(members) != enum[1].count(" = ") or members[0][1] != "OK":
        raise SystemExit(f"{HEADER.name}: the enum of the statuses is not understood")
    return {name.title().replace("_", ""): meaning(comment) for comment, name in members[1:]}


def meaning(comment: str) -> str:
    words = re.sub(r"^ +\*", "", comment, flags=re.MULTILINE).split()
    return " ".join(words).replace("NULL", "None")


def document(statuses: dict[str, str]) -> str:
    names = "\n".join(f'    "{name}",' for name in statuses)
    classes = (CLASS.format(name=name, meaning=meaning) for name, meaning in statuses.items())
    return HEAD.format(names=names) + "".join(classes)


if __name__ == "__main__":
    raise SystemExit(main())
