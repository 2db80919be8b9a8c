#!/usr/bin/env python3
"""Sets cells of the table in docs/platforms.md, as the runs do that know them.

    scripts/platform_table.py PLATFORM "COLUMN=VALUE"...
"""

from __future__ import annotations

import sys
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs/platforms.md"


def main() -> None:
    platform, *cells = sys.argv[1:]
    lines = FILE.read_text().splitlines()
    [head] = [line for line in lines if line.startswith("| platform |")]
    [number] = [number for number, line in enumerate(lines) if line.startswith(f"| {platform} |")]
    columns, row = split(head), split(lines[number])
    for cell in cells:
        column, value = cell.split("=", 1)
        row[columns.index(column)] = value
    lines[number] = f"| {' | '.join(row)} |"
    FILE.write_text("\n".join(lines) + "\n")


def split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


if __name__ == "__main__":
    main()
