"""Python: the exceptions, and the options as keywords of Client."""

from __future__ import annotations

from pathlib import Path

from options import Option
from rust import formatted as rust_formatted
from words import filled, paragraph, pascal, region, replace_code, wrapped

PACKAGE = Path("bindings/python/python/tango_token")
NATIVE = Path("bindings/python/src/options.rs")

EXCEPTIONS = '''"""The exceptions: one for each status of the library, all of them a ``TangoError``."""

# Made from include/tango_token.json by scripts/interface: do not edit, run `make header`.

from __future__ import annotations

from tango_token._error import TangoError

__all__ = [
    "TangoError",
@NAMES@
]
'''
EXCEPTION = '''

class @NAME@(TangoError@BASE@):
    """@DOC@"""

    _status = @STATUS@
'''
# The built-in exceptions that some of them are as well, so that programs can catch them without this package.
BASES = {
    "InvalidArgument": "ValueError",
    "InvalidConfiguration": "ValueError",
    "KeyRejected": "ValueError",
    "ConnectFailed": "ConnectionError",
    "TlsFailed": "ConnectionError",
    "ConnectionLost": "ConnectionError",
    "TimedOut": "TimeoutError",
}

# For each type: its annotation in Python, and how Rust takes its value from the keyword.
STRING = ("str", "string()?")
PATH = ("str | PathLike[str]", "path()?")
TYPES = {
    "string": STRING,
    "secret": STRING,
    "url": STRING,
    "cache": STRING,
    "urls": ("Sequence[str]", "strings()?"),
    "file": PATH,
    "key_file": PATH,
    "bool": ("bool", "flag()?"),
    "timeout": ("float | timedelta", "timeout()?"),
    "environment": ('Literal["sandbox", "production"]', "parse()?"),
    "dpop_mode": ('Literal["off", "optional", "required"]', "parse()?"),
    "key": ("DpopKey", "key()?"),
}

# A sentence that Python's documentation adds to each option of a type.
NOTES = {
    "environment": '`"sandbox"` or `"production"`.',
    "dpop_mode": '`"off"`, `"optional"` or `"required"`.',
    "timeout": "In seconds or as a `timedelta`, 1 ms to 10 min.",
}

OPTIONS = """//! The options of the core as keywords of Python.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use pyo3::prelude::*;
use tango_token::Config;

use crate::keywords::Keywords;

/// Sets each option that is among the keywords.
pub fn set(config: &mut Config, keywords: &Keywords<'_>) -> PyResult<()> {
    @ARMS@
    Ok(())
}
"""
ARM = """    if let Some(keyword) = keywords.take("@NAME@")? {
        @WORK@
    }
"""


def files(interface: dict, options: list[Option]) -> dict[Path, str]:
    # A custom cache cannot be written in Python.
    options = [option for option in options if option.type in TYPES]
    return {
        PACKAGE / "errors.py": exceptions(interface),
        PACKAGE / "_native.pyi": stub(options),
        PACKAGE / "_client.py": docstring(options),
        NATIVE: rust(options),
    }


def exceptions(interface: dict) -> str:
    statuses = next(enum for enum in interface["enums"] if enum["name"] == "tango_status")
    members = [member for member in statuses["members"] if not member["name"].endswith("_OK")]
    classes = {pascal(one["name"].removeprefix("TANGO_STATUS_")): one for one in members}
    names = "\n".join(f'    "{name}",' for name in classes)
    unknown = set(BASES) - set(classes)
    if unknown:
        raise SystemExit(f"scripts/interface/python.py: no status has the exceptions {', '.join(sorted(unknown))}")
    return filled(EXCEPTIONS, NAMES=names) + "".join(exception(name, one) for name, one in classes.items())


def exception(name: str, member: dict) -> str:
    base = BASES.get(name)
    doc = member["doc"].replace("NULL", "None")
    return filled(
        EXCEPTION,
        NAME=name,
        BASE=f", {base}" if base else "",
        DOC=f"{doc} Also a ``{base}``." if base else doc,
        STATUS=str(member["value"]),
    )


def stub(options: list[Option]) -> str:
    fields = [f"    {option.name}: {TYPES[option.type][0]} | None" for option in options]
    begin, end = "class Options(TypedDict, total=False):", "\n@disjoint_base"
    return region((PACKAGE / "_native.pyi").read_text(), begin, end, fields)


def docstring(options: list[Option]) -> str:
    lines = []
    for option in options:
        text = replace_code(option.describe(reference, "python", NOTES.get(option.type, "")), "``{}``")
        first, *more = wrapped(f"{option.name}: {text}", "        ")
        # The continuation is indented further, so it is wrapped again in the room that is left.
        lines += [first, *wrapped(paragraph(" ".join(more)), "            ")] if more else [first]
    begin, end = "    Args:", "        load_env: "
    return region((PACKAGE / "_client.py").read_text(), begin, end, lines)


def reference(name: str) -> str:
    return f"`{pascal(name) if name.isupper() else name}`"


def rust(options: list[Option]) -> str:
    return rust_formatted(filled(OPTIONS, ARMS="".join(arm(option) for option in options)))


def arm(option: Option) -> str:
    method, value = option.setter or option.name, f"keyword.{TYPES[option.type][1]}"
    work = f"config.{method}({value});"
    if option.type == "urls":
        work = f"for url in {value} {{ config.{method}(url); }}"
    return filled(ARM, NAME=option.name, WORK=work)
