#!/usr/bin/env python3
"""Finds the words of scripts/retired_words.txt in the files that Git knows, and prints what to use instead.

    scripts/check_words.py [FILE...]
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = "scripts/retired_words.txt"
ALLOWED = "ok"
# Not written in this project, made of its own words by a tool, or about the retired words.
EXCLUDED = re.compile(
    r"^fuzz/corpus/|"
    r"(^|/)(LICENSE-\w+|THIRD-PARTY-(LICENSES|NOTICES)\.txt|Cargo\.lock|go\.sum|package(-lock)?\.json|check_words_test\.py)$"
)
# The characters that begin a line of a comment.
LEADER = re.compile(r"^[ \t]*(///?|//!|#+|\*|--|\"\"\"|<!--)?[ \t]*")


@dataclass
class Row:
    pattern: re.Pattern
    instead: str
    paths: list

    def is_for(self, path):
        excluded = [place[1:] for place in self.paths if place.startswith("!")]
        included = [place for place in self.paths if not place.startswith("!")]
        return not is_below(path, excluded) and (not included or is_below(path, included))


def is_below(path, places):
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in places)


def rows():
    for line in (ROOT / LIST).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            # A `|` inside of a pattern has no space before it.
            pattern, instead, *paths = re.split(r"\s+\|\s+", line.strip())
            spaced = pattern.replace(" ", r"\s+")
            yield Row(re.compile(rf"(?<![a-z])(?:{spaced})(?![a-z])", re.IGNORECASE), instead, " ".join(paths).split())


def words_of(line):
    """The line without what begins a comment, and with its names split into words."""
    line = re.sub(r"([a-z0-9])(?=[A-Z])", r"\1 ", LEADER.sub("", line))
    return line.replace("_", " ")


def findings(path, text, table):
    """Pairs of a line number and a row, by line; each place is reported once."""
    text = "\n".join(words_of(line) for line in text.splitlines())
    taken = []
    for row in table:
        for found in row.pattern.finditer(text) if row.is_for(path) else ():
            if not any(start < found.end() and found.start() < end for start, end in taken):
                taken.append(found.span())
                word = " ".join(found[0].split())
                if row.instead == ALLOWED:
                    continue
                yield text.count("\n", 0, found.start()) + 1, word, row.instead


def main(paths):
    table, count = list(rows()), 0
    for path in paths or subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        if path == LIST or EXCLUDED.search(path) or not (ROOT / path).is_file():
            continue
        text = (ROOT / path).read_text(errors="replace")
        for line, word, instead in sorted(findings(path, text, table)):
            print(f"{path}:{line}: {word} -> {instead}")
            count += 1
    if count:
        sys.exit(f"{count} retired words: use the others, or correct {LIST} where it is wrong")


if __name__ == "__main__":
    main(sys.argv[1:])
