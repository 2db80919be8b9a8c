"""Documents: docs/c-api.md, the reference of the C interface, and the tables of docs/configuration.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import go
import python
from options import Option
from words import WIDTH, pascal, region, wrapped

# The objects in the order in which a program meets them, and what belongs to no object.
OBJECTS = ["config", "client", "token", "request", "authorization", "dpop_key", "dpop_proof", "stats", "error"]
OTHERS = "The library and its log"
CONFIGURATION = Path("docs/configuration.md")
BEGIN = "<!-- Begin of the options: made from src/config/options.toml by scripts/interface, do not edit. -->"
END = "<!-- End of the options. -->"


def files(interface: dict, options: list[Option]) -> dict[Path, str]:
    return {
        Path("docs/c-api.md"): "\n".join(reference(interface)).rstrip() + "\n",
        CONFIGURATION: region(CONFIGURATION.read_text(), BEGIN, END, list(tables(options))),
    }


# ---- the reference of C


class Links:
    """Turns each name that has a heading into a link to it; a member of an enum leads to its enum."""

    def __init__(self, interface: dict) -> None:
        headings = [one["name"] for kind in ("objects", "callbacks", "enums", "functions") for one in interface[kind]]
        members = {member["name"]: enum["name"] for enum in interface["enums"] for member in enum["members"]}
        # Statuses that a call returns are written without their prefix.
        short = {name.removeprefix("TANGO_STATUS_"): "tango_status" for name in members if "_STATUS_" in name}
        self.targets = {name: name for name in headings} | members | short

    def __call__(self, text: str, here: str | None = None) -> str:
        def link(found: re.Match[str]) -> str:
            name = found[0].strip("`")
            target = self.targets.get(name)
            return found[0] if target in (None, here) else f"[`{name}`](#{target})"

        # Between backquotes everything is a name; outside of them only names of this library and statuses are.
        return re.sub(r"`[^`]*`|\btango_[a-z_]+\b|\b[A-Z]+_[A-Z_]+\b|\bCANCELLED\b|\bDOWNGRADED\b", link, text)


def reference(interface: dict) -> Iterator[str]:
    links = Links(interface)
    groups = grouped(interface)
    objects = {one["name"]: one for one in interface["objects"]}
    yield from ("# The C interface", "")
    yield from ("<!-- Made from include/tango_token.json by scripts/interface: do not edit. -->", "")
    example = [re.sub(r"(;\s+)(\S.*)$", r"\1/* \2 */", line) for line in interface["example"]]
    yield from (f"{interface['title']} In the order of calls:", "", "```c", *example, "```", "")
    yield from ("## The contract", "", "Once for all functions.", "")
    yield from rows(["", ""], [(f"**{rule['name']}**", links(rule["doc"])) for rule in interface["contract"]])
    yield from ("## What there is", "")
    listed = [(f"[`{name}`](#{name})", listing(groups[name], name)) for name in groups if name in objects]
    listed.append((f"[{OTHERS}](#{OTHERS.lower().replace(' ', '-')})", listing(groups[OTHERS], "tango")))
    listed.append(("[Enumerations](#enumerations)", listing(interface["enums"], "")))
    listed.append(("[Callbacks](#callbacks)", listing(interface["callbacks"], "")))
    yield from rows(["", ""], listed)
    for name, members in groups.items():
        yield from section(objects[name], links, 2) if name in objects else (f"## {name}", "")
        for function in members:
            yield from section(function, links, 3)
    yield from ("## Enumerations", "")
    for enum in interface["enums"]:
        yield from section(enum, links, 3)
        members = [(f"`{m['name']}`", str(m["value"]), links(m["doc"], enum["name"])) for m in enum["members"]]
        yield from rows(["name", "value", ""], members)
    yield from ("## Callbacks", "")
    for callback in interface["callbacks"]:
        yield from section(callback, links, 3)
    yield from ("## Constants", "")
    constants = [(f"`{c['name']}`", str(c["value"]), links(c["doc"])) for c in interface["constants"]]
    yield from rows(["name", "value", ""], constants)


def grouped(interface: dict) -> dict[str, list[dict]]:
    """The functions of each object: those that make it, the others in the header's order, those that free it."""
    if {f"tango_{name}" for name in OBJECTS} != {one["name"] for one in interface["objects"]}:
        raise SystemExit("scripts/interface/docs.py does not know the objects of the header")
    groups: dict[str, list[dict]] = {f"tango_{name}": [] for name in OBJECTS} | {OTHERS: []}
    for function in sorted(interface["functions"], key=age):
        rest = function["name"].removeprefix("tango_")
        fitting = [name for name in OBJECTS if rest.startswith(name + "_")]
        groups[f"tango_{max(fitting, key=len)}" if fitting else OTHERS].append(function)
    return groups


def age(function: dict) -> int:
    return {"new": 0, "clone": 2, "free": 3}.get(function["name"].rpartition("_")[2], 1)


def section(item: dict, links: Links, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {item['name']}", "")
    if "returns" in item:
        yield from ("```c", *declaration(item), "```", "")
    yield from (*wrapped(links(item["doc"], item["name"]), ""), "")


def declaration(item: dict) -> list[str]:
    """A function or a callback in C, its parameters below each other if they do not fit on one line."""
    is_callback = "user_data" in [parameter["name"] for parameter in item["parameters"][:1]]
    name = f"(*{item['name']})" if is_callback else item["name"]
    head = f"{'typedef ' if is_callback else ''}{beside(item['returns'], name)}("
    parameters = [beside(parameter["type"], parameter["name"]) for parameter in item["parameters"]] or ["void"]
    line = f"{head}{', '.join(parameters)});"
    if len(line) <= WIDTH:
        return [line]
    lines = [head + parameters[0], *(" " * len(head) + parameter for parameter in parameters[1:])]
    return [line + ("," if index + 1 < len(lines) else ");") for index, line in enumerate(lines)]


def beside(kind: str, name: str) -> str:
    return kind + name if kind.endswith("*") else f"{kind} {name}"


def listing(members: list[dict], prefix: str) -> str:
    """The names of a group as links, without what they all begin with."""
    return ", ".join(f"[`{m['name'].removeprefix(prefix).removeprefix('_')}`](#{m['name']})" for m in members)


def rows(titles: list[str], lines: list[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join("---" for _ in titles) + " |"
    for line in lines:
        yield "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in line) + " |"
    yield ""


# ---- the options


def tables(options: list[Option]) -> Iterator[str]:
    yield ""
    named = [
        (
            f"`{option.variable}`" + (f" or `{option.file_variable}`" if option.file else ""),
            described(option),
            "`false`" if option.type == "bool" else option.default_text("{:,}".format),
        )
        for option in options
        if option.variable
    ]
    yield from rows(["variable", "meaning", "default"], named)
    yield from ("The same option has a name in each language:", "")
    yield from rows(["C", "C++", "Rust", "Python", "Go", ".NET"], [names(option) for option in options])


def described(option: Option) -> str:
    form = {
        "timeout": "In milliseconds, 1 to 600,000.",
        "bool": "`true` or `false`.",
        "environment": "`sandbox` or `production`.",
        "dpop_mode": "`off`, `optional` or `required`.",
        "urls": "Separated by commas or blanks.",
    }
    unit = "_MS" if option.type == "timeout" else ""
    text = re.sub(r"\{([a-z]\w*)\}", lambda found: f"`TANGO_{found[1].upper()}{unit}`", option.doc)
    text = re.sub(r"\{([A-Z]\w*)\}", r"`\1`", text)
    return " ".join(f"{text} {form.get(option.type, '')}".split())


def names(option: Option) -> tuple[str, ...]:
    c = option.c_function.removeprefix("tango_config_")
    cpp = option.setter or f"set_{option.name}"
    if option.type == "custom_cache":
        c, cpp = "set_cache_callbacks", "set_shared_cache"
    return tuple(
        f"`{name}`" if name else ""
        for name in (
            c,
            cpp,
            option.setter or option.name,
            option.name if option.type in python.TYPES else "",
            go.name_of(option.name),
            pascal(option.name),
        )
    )
