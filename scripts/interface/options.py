"""The table of options, src/config/options.toml, checked and completed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from words import paragraph

# The C type of each type's value. A custom cache is set by tango_config_set_cache_callbacks, which is written by hand.
TYPES = {
    "string": "const char *",
    "secret": "const char *",
    "url": "const char *",
    "urls": "const char *",
    "file": "const char *",
    "key_file": "const char *",
    "cache": "const char *",
    "bool": "int32_t",
    "environment": "int32_t",
    "dpop_mode": "int32_t",
    "timeout": "uint32_t",
    "key": "const tango_dpop_key *",
    "custom_cache": "",
}
# The types whose values may contain a secret.
SECRET = {"secret", "cache"}
# The two that no environment variable can hold.
IN_CODE_ONLY = {"key", "custom_cache"}
BY_HAND_IN_C = {"tango_config_set_cache_callbacks"}


@dataclass(frozen=True)
class Option:
    name: str
    type: str
    doc: str
    default: str | int | None = None
    default_is: str = ""
    file: bool = False
    setter: str = ""
    setter_doc: str = ""
    parameter: str = ""
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def variable(self) -> str:
        """The environment variable; empty where there is none."""
        unit = "_MS" if self.type == "timeout" else ""
        return "" if self.type in IN_CODE_ONLY else f"TANGO_{self.name.upper()}{unit}"

    @property
    def file_variable(self) -> str:
        """The variable that names a file of the value; empty where there is none."""
        return f"{self.variable}_FILE" if self.file else ""

    @property
    def c_function(self) -> str:
        unit = "_ms" if self.type == "timeout" else ""
        return f"tango_config_{self.setter or 'set_' + self.name}{unit}"

    @property
    def c_parameter(self) -> str:
        return "timeout_ms" if self.type == "timeout" else self.parameter or self.name

    def default_text(self, milliseconds: Callable[[int], str]) -> str:
        """The default in words; empty where the option has none."""
        if self.type == "bool":
            return "no"
        if isinstance(self.default, int):
            return milliseconds(self.default)
        return f"`{self.default}`" if self.default is not None else self.default_is

    def describe(
        self, reference: Callable[[str], str], language: str, of_type: str = "", one_call: bool = False, gap: str = " "
    ) -> str:
        """The documentation of the option, the sentence in `of_type` for its type, its default and its variable.

        `gap` stands before the default: a space, or an empty line for a paragraph of its own.
        """
        milliseconds = "{:,}".format if language == "c" else lambda ms: f"{ms // 1000} seconds"
        default, limits = self.default_text(milliseconds), "1 ms to 10 min." if self.type == "timeout" else ""
        first = [
            self.setter_doc if one_call and self.setter_doc else self.doc,
            self.notes.get(language),
            of_type or limits,
        ]
        variable = f"Variable: `{self.variable}`" if self.variable else ""
        file_variable = f", or `{self.file_variable}` for a file that holds the value" if self.file else ""
        second = [f"Default: {default}." if default else "", f"{variable}{file_variable}." if variable else ""]
        parts = [" ".join(filter(None, sentences)) for sentences in (first, second)]
        text = gap.join(paragraph(part) for part in parts if part)
        return re.sub(r"\{(\w+)\}", lambda found: reference(found[1]), text)


def load(path: Path) -> list[Option]:
    options = [Option(**entry) for entry in tomllib.loads(path.read_text())["option"]]
    names = {option.name for option in options}
    for option in options:
        if option.type not in TYPES:
            raise SystemExit(f"{path.name}: {option.name} has the type {option.type}: {', '.join(TYPES)}")
        unknown = {name for name in re.findall(r"\{([a-z]\w*)\}", option.doc)} - names
        if unknown or len(names) != len(options):
            raise SystemExit(f"{path.name}: {option.name} names {unknown or 'what occurs twice'}")
    return options


def compare(options: list[Option], interface: dict) -> None:
    """Every setter of C is that of an option, and takes what its type says."""
    setters = {one["name"]: one for one in interface["functions"]}
    wanted = {option.c_function: TYPES[option.type] for option in options if TYPES[option.type]}
    found = {
        name: [parameter["type"] for parameter in one["parameters"]]
        for name, one in setters.items()
        if re.match(r"tango_config_(set|allow)_", name) and name not in BY_HAND_IN_C
    }
    if found != {name: ["tango_config *", kind, "tango_error **"] for name, kind in wanted.items()}:
        differing = sorted(set(found) ^ set(wanted)) or "their parameters"
        raise SystemExit(f"the setters of the header are not those of options.toml: {differing}")
