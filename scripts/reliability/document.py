"""docs/reliability.md: a table of rows and a table of planted faults, made of their results."""

from __future__ import annotations

from pathlib import Path

import results
from faults import Fault
from results import Result
from rows import Row

PATH = Path("docs/reliability.md")
BEGIN = "<!-- Begin of the tables: made by `make reliability` and `make reliability-faults`, do not edit. -->"
END = "<!-- End of the tables. -->"


def write(rows: list[Row], faults: list[Fault]) -> list[str]:
    """Writes the document, and returns the rows and faults that have no result."""
    tried = {row: results.load(row.key) for row in rows}
    found = {fault: results.load(fault.key) for fault in faults}
    PATH.write_text(region(PATH.read_text(), "\n".join(tables(tried, found, results.machine()))))
    missing = [f"{row.file}: {row.tried}" for row, result in tried.items() if result is None]
    return missing + [str(fault.file) for fault, result in found.items() if result is None]


def region(text: str, content: str) -> str:
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def tables(rows: dict[Row, Result | None], faults: dict[Fault, Result | None], machine: str) -> list[str]:
    lines = [measured([result for result in (*rows.values(), *faults.values()) if result], machine), ""]
    lines += ["| area | what was tried | result | command that repeats it | time |", "| --- | --- | --- | --- | ---: |"]
    # Rows of one area stand together, wherever they come from.
    for row, result in sorted(rows.items(), key=lambda pair: pair[0].area):
        outcome = (result.result, results.format_duration(result.seconds)) if result else ("not run yet", "")
        lines.append(line(row.area, row.tried, outcome[0], code(row.command), outcome[1]))
    lines += ["", "## Planted faults", ""]
    lines += ["`make reliability-faults` plants each of these in a copy of the source and runs the check, which has to",
              "fail with an output that matches the pattern. The patches are in",
              "[scripts/reliability/faults](../scripts/reliability/faults).", ""]
    lines += ["| fault | check that finds it | pattern in its output | result |", "| --- | --- | --- | --- |"]
    for fault, result in faults.items():
        outcome = result.result if result else "not run yet"
        lines.append(line(fault.fault, code(fault.check), code(fault.expect), outcome))
    return lines


def measured(measurements: list[Result], machine: str) -> str:
    if not measurements:
        return "Nothing is measured yet."
    dates = sorted({one.date for one in measurements})
    commits = list(dict.fromkeys(one.commit for one in sorted(measurements, key=lambda one: one.date)))
    days = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"Measured on {days}, at {'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)}, on {machine}."


def line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def code(command: str) -> str:
    one_line = " ".join(command.split())
    return f"`` {one_line} ``" if "`" in one_line else f"`{one_line}`"
