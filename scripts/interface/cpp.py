"""C++: the setters of tango::config, a part of include/tango_token.hpp."""

from __future__ import annotations

from pathlib import Path

from options import Option
from words import WIDTH, region, wrapped

FILE = Path("include/tango_token.hpp")
BEGIN = "    // Begin of the options: made from src/config/options.toml by scripts/interface, do not edit."
END = "    // End of the options."
# For each type: the parameter, and what C gets of it.
PARAMETERS = {
    "bool": ("bool {name}", "{name} ? 1 : 0"),
    "environment": ("tango_environment {name}", "{name}"),
    "dpop_mode": ("tango_dpop_mode {name}", "{name}"),
    "key": ("const dpop_key &{name}", "{name}.native()"),
    "timeout": ("std::chrono::duration<Rep, Period> {name}", "ms_of({name})"),
}
STRING = ("std::string_view {name}", 'detail::string("{name}", {name})')


def files(interface: dict, options: list[Option]) -> dict[Path, str]:
    # A custom cache is a class of C++; its setter is written by hand.
    lines = [line for option in options if option.type != "custom_cache" for line in setters(option)]
    return {FILE: region(FILE.read_text(), BEGIN, END, lines)}


def setters(option: Option) -> list[str]:
    """A setter for an object with a name, and one for an object without, from which the whole chain can be kept."""
    name = option.setter or "set_" + option.name
    value = "timeout" if option.type == "timeout" else option.c_parameter
    parameter, passed = (part.format(name=value) for part in PARAMETERS.get(option.type, STRING))
    template = ["    template <class Rep, class Period>"] if option.type == "timeout" else []
    return [
        *wrapped(option.describe(reference, "cpp", one_call=True, gap="\n\n"), "    /// "),
        *template,
        *function(f"config &{name}({parameter}) &", f"return keep({option.c_function}, {passed});"),
        *template,
        *function(f"[[nodiscard]] config {name}({parameter}) &&", f"return std::move({name}({value}));"),
        "",
    ]


def function(head: str, body: str) -> list[str]:
    line = f"    {head} {{ {body} }}"
    return [line] if len(line) <= WIDTH else [f"    {head}", "    {", f"        {body}", "    }"]


def reference(name: str) -> str:
    return name if name.isupper() else f"`{name}`"
