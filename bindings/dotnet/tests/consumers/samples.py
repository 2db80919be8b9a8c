#!/usr/bin/env python3
"""Writes the C# samples of documents as methods of one program: ``samples.py DIRECTORY DOCUMENT...``.

Prints the name of each sample. ``Samples NAME`` runs it.
"""

import re
import sys
from pathlib import Path

SAMPLE = re.compile(r"^```csharp\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPE = re.compile(r"^(public |internal )?(sealed |static |partial )*(class|record|interface) ", re.MULTILINE)


def main() -> None:
    directory = Path(sys.argv[1])
    names = []
    for document in map(Path, sys.argv[2:]):
        for number, code in enumerate(SAMPLE.findall(document.read_text()), start=1):
            name = f"{re.sub(r'[^A-Za-z]', '', document.parent.name + document.stem)}{number}"
            names.append(name)
            (directory / f"{name}.cs").write_text(program(name, code))
    cases = "".join(f'    "{name}" => {name}.Run(args),\n' for name in names)
    (directory / "Program.cs").write_text(
        f'await (args[0] switch\n{{\n{cases}    _ => throw new ArgumentException("there is no such sample"),\n}});\n'
    )
    print("\n".join(names))


def program(name: str, code: str) -> str:
    """Makes a class of top-level statements: usings before it, types after its method."""
    usings = [line for line in code.splitlines() if re.match(r"using [\w.]+;$", line)]
    body = "\n".join(line for line in code.splitlines() if line not in usings)
    types = TYPE.search(body)
    end = types.start() if types else len(body)
    statements, declared = body[:end], body[end:]
    is_async = re.search(r"\bawait\b", statements)
    method = "async Task Run(string[] args)" if is_async else "Task Run(string[] args)"
    result = "" if is_async else "return Task.CompletedTask;\n"
    lines = [f"static class {name}", "{", f"public static {method}", "{", statements, result + "}", declared, "}", ""]
    return "\n".join([*usings, *lines])


main()
