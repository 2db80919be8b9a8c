"""Tries to break the library in every way that rows/ lists, and shows that planted faults are found.

    python3 scripts/reliability rows [NAME...]      the long form: writes docs/reliability.md
    python3 scripts/reliability short [NAME...]     the form of CI: writes nothing
    python3 scripts/reliability faults [NAME...]    each patch of faults/: its check has to fail
    python3 scripts/reliability check               what `make check` wants: rows are right, and patches apply

README.md beside this file has the format of rows and faults.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import document
import faults
import results
import rows
from rows import InvalidEntry, Row

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = {"rows": 8 * 3600, "short": 30 * 60, "faults": 60 * 60}


def main(arguments: list[str]) -> str | None:
    os.chdir(ROOT)
    forms = {"rows": run_rows, "short": run_rows, "faults": run_faults, "check": check}
    if not arguments or arguments[0] not in forms:
        return __doc__
    try:
        # Names come as arguments, or joined by commas from `make reliability ROWS=fork,fuzz`.
        names = [name for argument in arguments[1:] for name in argument.split(",") if name]
        return forms[arguments[0]](arguments[0], names)
    except InvalidEntry as problem:
        return str(problem)


def chosen(load: Callable[..., list], names: list[str]) -> list:
    """Returns the rows or faults of these names. `new` selects those that have no result."""
    return [one for one in load() if results.load(one.key) is None] if names == ["new"] else load(names)


def run_rows(form: str, names: list[str]) -> str | None:
    failed, times, others, start, commit = [], [], [], time.monotonic(), results.commit()
    for number, row in enumerate(chosen(rows.load, names), 1):
        command = row.short if form == "short" else row.command
        if command is None:
            others.append(row)
            continue
        say(f"== {row.area}: {row.tried}\n   {command}")
        ran = results.run(command, results.DIRECTORY / form / f"{row.file}-{number}.log", LIMIT_SECONDS[form])
        problem = what_failed(ran)
        times.append((ran.seconds, row, "failed" if problem else ran.last_line))
        if problem:
            failed.append(row)
            say(f"   FAILED after {results.format_duration(ran.seconds)}: {problem}; the end of {ran.log}:")
            say(results.end_of(ran.log))
        else:
            say(f"   {ran.last_line} ({results.format_duration(ran.seconds)})")
        if form == "rows":
            results.forget(row.key) if problem else results.save(row.key, ran.last_line, ran.seconds, commit)
    summary(times, others, len(failed), time.monotonic() - start)
    if form == "rows":
        write_document()
    return f"{len(failed)} rows failed" if failed else None


def what_failed(ran: results.Run) -> str | None:
    if ran.status:
        return f"exit status {ran.status}"
    return None if ran.last_line else "the command printed no result on stdout"


def summary(times: list[tuple[float, Row, str]], others: list[Row], failed: int, seconds: float) -> None:
    say("\n== Reliability")
    for taken, row, result in times:
        say(f"{taken:6.0f} s  {row.area}: {row.tried}: {result}")
    held = f"{len(times) - failed} rows held, {failed} failed" if failed else f"{len(times)} rows held"
    places = ", ".join(sorted({str(row.covered_by) for row in others}))
    also = f", {len(others)} are run by {places}" if others else ""
    say(f"{held}{also}; {seconds:.0f} s in all")


def run_faults(form: str, names: list[str]) -> str | None:
    missed, lines, commit = 0, [], results.commit()
    copy = faults.Copy(results.DIRECTORY / "tree")
    try:
        for fault in chosen(faults.load, names):
            say(f"== {fault.file.stem}: {fault.fault}\n   {fault.check}")
            copy.apply(fault)
            log = results.DIRECTORY / form / f"{fault.file.stem}.log"
            ran = results.run(fault.check, log, LIMIT_SECONDS[form], copy.directory, fault.settings)
            problem = faults.is_found(fault, ran.status, ran.log)
            missed += problem is not None
            outcome = "NOT FOUND" if problem else "found"
            lines.append(f"{ran.seconds:6.0f} s  {fault.file.stem}: {outcome}: {fault.fault}")
            if problem:
                results.forget(fault.key)
                say(f"   NOT FOUND: {problem}; the end of {log}:\n{results.end_of(log)}")
            else:
                results.save(fault.key, "found", ran.seconds, commit)
                say(f"   found ({results.format_duration(ran.seconds)})")
    finally:
        copy.restore()
        write_document()
    say("\n== Planted faults\n" + "\n".join(lines))
    return f"{missed} faults were not found" if missed else None


def write_document() -> None:
    missing = document.write(rows.load(), faults.load())
    say(f"\n{document.PATH} is written")
    if missing:
        say("These have no result yet:\n  " + "\n  ".join(missing))


def check(_: str, __: list[str]) -> str | None:
    makefile, ci = rows.MAKEFILE.read_text(), rows.CI.read_text()
    problems = []
    for row in rows.load():
        problems += problems_of(rows.check_covered, row, makefile, ci)
    for fault in faults.load():
        problems += problems_of(faults.check_applies, fault)
    return "\n".join(problems) or None


def problems_of(action, *arguments) -> list[str]:
    try:
        action(*arguments)
    except InvalidEntry as problem:
        return [str(problem)]
    return []


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
