"""Words: names as each language spells them, and paragraphs as each language comments them."""

from __future__ import annotations

import json
import re
import textwrap

WIDTH = 120


def pascal(name: str, spelling: dict[str, str] | None = None) -> str:
    """quota_refused or QUOTA_REFUSED as QuotaRefused; `spelling` has the words that are spelled in another way."""
    words = name.upper().split("_")
    return "".join((spelling or {}).get(word, word.capitalize()) for word in words)


def paragraph(text: str) -> str:
    return " ".join(text.split())


def wrapped(text: str, prefix: str, width: int = WIDTH) -> list[str]:
    """A text of one or more paragraphs as lines that begin with `prefix`."""
    lines: list[str] = []
    for one in text.split("\n\n"):
        if lines:
            lines.append(prefix.rstrip())
        room = width - len(prefix)
        lines += [prefix + line for line in textwrap.wrap(one, room, break_long_words=False, break_on_hyphens=False)]
    return lines


def replace_code(text: str, write: str) -> str:
    """The text with what stands between backquotes written as `write` says, such as ``<c>{}</c>``."""
    return re.sub(r"`([^`]*)`", lambda found: write.format(found[1]), text)


def filled(template: str, **values: str) -> str:
    """The template with each @NAME@ replaced by its value."""
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], template)


def region(text: str, begin: str, end: str, lines: list[str]) -> str:
    """The text with `lines` in place of what stands between the two marks, each of which is there once."""
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"a file lacks the marks of its generated part: {begin} ... {end}")
    before, _, rest = text.partition(begin)
    return before + begin + "\n".join(["", *lines, ""]) + end + rest.partition(end)[2]


def json_text(value: object) -> str:
    """JSON with the small objects, such as a parameter, on one line each."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return re.sub(r"\{\n\s+(\"\w+\": [^\n{}\[\]]*),\n\s+(\"\w+\": [^\n{}\[\]]*)\n\s+\}", r"{\1, \2}", text) + "\n"
