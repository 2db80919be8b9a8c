#!/usr/bin/env python3
"""Makes docs/c-api.md, the reference of the C interface, from its header.

    scripts/c_api.py < include/tango_token.h > docs/c-api.md
"""

import re
import sys
from dataclasses import dataclass

# The objects in the order in which a program meets them, and what stands below no object.
OBJECTS = ["config", "client", "token", "request", "authorization", "dpop_key", "dpop_proof", "error"]
OTHERS = "The library and its log"

COMMENT = r"/\*\*\n(?P<text>(?: \*(?!/).*\n)+) \*/\n"
CONSTANT = re.compile(COMMENT + r"#define (?P<name>TANGO_\w+) (?P<value>\S+)")
ENUM = re.compile(COMMENT + r"enum (?P<name>tango_\w+)\n#if.*\n.*\n#endif.*\n \{\n(?P<body>(?:    .*\n)+)\};")
MEMBER = re.compile(r"    /\*\*\n(?P<text>(?:     \*(?!/).*\n)+)     \*/\n    (?P<name>TANGO_\w+) = (?P<value>-?\d+),")
OBJECT = re.compile(COMMENT + r"typedef struct (?P<name>tango_\w+) \w+;")
CALLBACK = re.compile(COMMENT + r"(?P<code>typedef [^;]*\(\*(?P<name>tango_\w+)\)[^;]*;)")
FUNCTION = re.compile(COMMENT + r"(?P<code>[\w ]+[ *](?P<name>tango_\w+)\([^;]*\);)")


@dataclass
class Item:
    """What the header says of one name."""

    name: str
    text: str
    code: str = ""
    members: tuple = ()


def text_of(comment):
    lines = [re.sub(r"^ *\* ?", "", line) for line in comment.splitlines()]
    return "\n".join(line.rstrip() for line in lines).strip()


def items(pattern, header):
    for found in pattern.finditer(header):
        groups = found.groupdict()
        yield Item(found["name"], text_of(found["text"]), groups.get("code") or groups.get("value") or "")


def enums(header):
    for found in ENUM.finditer(header):
        members = tuple(items(MEMBER, found["body"]))
        yield Item(found["name"], text_of(found["text"]), members=members)


def contract(header):
    """The header's first comment: its example, and its rules as pairs of a title and a text."""
    comment = text_of(header[len("/*\n") : header.index("*/")])
    introduction, rules = comment.split("The contract, once for all functions:\n")
    title, example = introduction.split("\n", 1)
    example = "\n".join(example_line(line) for line in example.strip("\n").splitlines())
    pairs = []
    for line in rules.strip().splitlines():
        if not line.startswith(" "):
            pairs.append((line[:10].strip(), []))
        pairs[-1][1].append(line[10:].strip())
    return title, example, [(name, " ".join(words)) for name, words in pairs]


def example_line(line):
    """A line of the example as C; in the header it stands inside of a comment, as does what explains it."""
    return re.sub(r"(;\s+)(\S.*)$", r"\1/* \2 */", line.removeprefix("    "))


def group_of(function):
    rest = function.name.removeprefix("tango_")
    fitting = [name for name in OBJECTS if rest.startswith(name + "_")]
    return f"tango_{max(fitting, key=len)}" if fitting else OTHERS


def moment(function):
    """An object's functions in the order of its life; between birth and end they stay in the header's order."""
    return {"new": 0, "clone": 2, "free": 3}.get(function.name.rpartition("_")[2], 1)


class Links:
    """Turns each name that has a heading into a link to it; a member of an enum leads to its enum."""

    def __init__(self, sections, members):
        self.targets = {name: name for name in sections} | members
        # STATUS codes are written without their prefix where they are the answer of a call.
        self.targets |= {
            name.removeprefix("TANGO_STATUS_"): enum for name, enum in members.items() if enum == "tango_status"
        }

    def __call__(self, text, here=None):
        def link(found):
            name = found[0].strip("`")
            target = self.targets.get(name)
            return found[0] if target in (None, here) else f"[`{name}`](#{target})"

        # What stands between backquotes is a name or it is not; outside of them only names of this library and codes.
        return re.sub(r"`[^`]*`|\btango_[a-z_]+\b|\b[A-Z]+_[A-Z_]+\b|\bCANCELLED\b|\bDOWNGRADED\b", link, text)


def escaped(cell):
    return cell.replace("\n", " ").replace("|", "\\|")


def rows(titles, lines):
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join("---" for _ in titles) + " |"
    for line in lines:
        yield "| " + " | ".join(escaped(cell) for cell in line) + " |"
    yield ""


def section(item, links, level):
    yield f"{'#' * level} {item.name}"
    yield ""
    if item.code:
        yield from ("```c", item.code, "```", "")
    yield links(item.text, item.name)
    yield ""


def reference(header):
    title, example, rules = contract(header)
    objects = {item.name: item for item in items(OBJECT, header)}
    constants, callbacks = list(items(CONSTANT, header)), list(items(CALLBACK, header))
    enumerations, functions = list(enums(header)), list(items(FUNCTION, header))
    groups = {f"tango_{name}": [] for name in OBJECTS} | {OTHERS: []}
    for function in sorted(functions, key=moment):
        groups[group_of(function)].append(function)
    complain_about_what_is_left(header, objects, [*constants, *callbacks, *enumerations, *functions])

    headings = [*objects, *(item.name for item in [*callbacks, *enumerations, *functions])]
    links = Links(headings, {member.name: enum.name for enum in enumerations for member in enum.members})

    yield from ("# The C interface", "")
    yield from ("<!-- Made from include/tango_token.h by scripts/c_api.py: do not edit. -->", "")
    yield from (f"{title} In the order of calls:", "", "```c", example, "```", "")
    yield from ("## The contract", "", "Once for all functions.", "")
    yield from rows(["", ""], [(f"**{name}**", links(text)) for name, text in rules])
    yield from ("## What there is", "")
    listed = [(f"[`{name}`](#{name})", listing(groups[name], name)) for name in groups if name in objects]
    listed.append((f"[{OTHERS}](#{OTHERS.lower().replace(' ', '-')})", listing(groups[OTHERS], "tango")))
    listed.append(("[Enumerations](#enumerations)", listing(enumerations, "")))
    listed.append(("[Callbacks](#callbacks)", listing(callbacks, "")))
    yield from rows(["", ""], listed)

    for name, members in groups.items():
        if name in objects:
            yield from section(objects[name], links, 2)
        else:
            yield from (f"## {name}", "")
        for function in members:
            yield from section(function, links, 3)
    yield from ("## Enumerations", "")
    for enum in enumerations:
        yield from section(enum, links, 3)
        yield from rows(
            ["name", "value", ""], [(f"`{m.name}`", m.code, links(m.text, enum.name)) for m in enum.members]
        )
    yield from ("## Callbacks", "")
    for callback in callbacks:
        yield from section(callback, links, 3)
    yield from ("## Constants", "")
    yield from rows(["name", "value", ""], [(f"`{c.name}`", c.code, links(c.text)) for c in constants])


def listing(members, prefix):
    """The names of a group as links, without what they all begin with."""
    return ", ".join(f"[`{m.name.removeprefix(prefix).removeprefix('_')}`](#{m.name})" for m in members)


def complain_about_what_is_left(header, objects, found):
    """A name that the header declares and this reference would lack means that the patterns above are outdated."""
    declared = set(re.findall(r"\b(tango_\w+)\(|\(\*(tango_\w+)\)|^enum (tango_\w+)$", header, re.MULTILINE))
    declared = {name for names in declared for name in names if name}
    example = set(re.findall(r"\b(tango_\w+)\(", header[: header.index("*/")]))
    lacking = (declared | example) - {item.name for item in found} - set(objects)
    unknown = {f"tango_{name}" for name in OBJECTS} ^ set(objects)
    if lacking or unknown:
        sys.exit(f"scripts/c_api.py does not understand {', '.join(sorted(lacking | unknown))}")


if __name__ == "__main__":
    print("\n".join(reference(sys.stdin.read())).rstrip())
