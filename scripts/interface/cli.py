"""The flags of the command `tango-token`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from options import Option
from rust import formatted
from words import filled, wrapped

# For each type: the field, the attributes of the flag, and what is done with its value.
FLAGS = {
    "string": ("Option<String>", "", "config.@METHOD@(value);"),
    "secret": ("Option<String>", "", "config.@METHOD@(without_password(FLAG, VARIABLE, value)?);"),
    "cache": ("Option<String>", "", "config.@METHOD@(without_password(FLAG, VARIABLE, value)?);"),
    "url": ("Option<String>", "", "config.@METHOD@(without_password(FLAG, VARIABLE, value)?);"),
    "urls": ("Vec<String>", "", "config.@METHOD@(without_password(FLAG, VARIABLE, value)?);"),
    "file": ("Option<PathBuf>", "", "config.@METHOD@(value);"),
    "key_file": ("Option<PathBuf>", "", "config.@METHOD@(value);"),
    "timeout": ("Option<u64>", "", "config.@METHOD@(Duration::from_millis(*value));"),
    "environment": ("Option<Environment>", "value_parser = environment()", "config.@METHOD@(*value);"),
    "dpop_mode": ("Option<DpopMode>", "value_parser = dpop_mode()", "config.@METHOD@(*value);"),
    "bool": (
        "Option<bool>",
        'num_args = 0..=1, require_equals = true, default_missing_value = "true"',
        "config.@METHOD@(*value);",
    ),
}
NAMES = {"environment": "NAME", "dpop_mode": "MODE", "timeout": "N", "bool": "BOOL", "url": "URL", "urls": "URL"}
NAMES |= {"file": "FILE", "key_file": "FILE"}

# What an option is called here, where the words of the table are for code.
DIFFERENT = {
    "ca_file": {"doc": "A PEM file of the certificate authorities to trust, for token requests and for `call`."},
    "proxy": {
        "doc": """`system` (`HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS5 proxy. Only the
        variable can have a URL with a user name or a password."""
    },
    "allowed_origins": {
        "setter_doc": """Allows another origin, such as `https://api.example`, to receive tokens; it can be given several
        times, and replaces those of the variable."""
    },
    "cache": {
        "doc": """Where the token is kept for the next command, and shared: `file` (a directory in the user's cache directory),
        `file:/another/directory`, `memory` (nowhere), or the URL of a Redis server. Only the variable can have a URL
        with a user name or a password.""",
        "default": "file",
    },
}

OPTIONS = """//! The options of a client, as flags.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tango_token::{Config, DpopMode, Environment};

use crate::failure::Failure;
use crate::flags::{dpop_mode, environment, without_password};
use crate::input::{self, Input};

/// Flags that do not exist, because their values would be secrets, and their variables.
pub const SECRETS: [(&str, &str); @COUNT@] = [@SECRETS@];

// One flag for each option. A secret comes from a file or a variable: other users can read the command line of a process.
/// Options of the client that gets the token. Without a flag, the environment variable counts.
#[derive(Args)]
#[command(next_help_heading = "Client")]
pub struct Options {
    @FIELDS@
}

impl Options {
    /// Sets the options that have a flag.
    pub fn apply(&self, config: &mut Config) -> Result<(), Failure> {
        @APPLIED@
        Ok(())
    }

    /// Returns the inputs that are read for secrets, with their flags.
    pub fn inputs(&self) -> impl Iterator<Item = (&'static str, &Input)> {
        [@INPUTS@].into_iter().filter_map(|(flag, input)| Some((flag, input.as_ref()?)))
    }
}
"""
FLAG = """@DOC@
    #[arg(long = "@FLAG@", value_name = "@VALUE@"@MORE@)]
    pub @NAME@: @TYPE@,
"""


def files(interface: dict, options: list[Option]) -> dict[Path, str]:
    del interface
    own = [option for option in options if option.variable]
    secrets = [option for option in own if option.file]
    text = filled(
        OPTIONS,
        SECRETS=", ".join(f'("--{option.name.replace("_", "-")}", "{option.variable}")' for option in secrets),
        COUNT=str(len(secrets)),
        FIELDS="\n".join(field(option) for option in own),
        APPLIED="\n".join(applied(option) for option in own),
        INPUTS=", ".join(f'("--{flag(option)}", &self.{name(option)})' for option in secrets),
    )
    return {Path("cli/src/options.rs"): formatted(text)}


def field(option: Option) -> str:
    kind, more, _ = ("Option<Input>", "", "") if option.file else FLAGS[option.type]
    value = "FILE" if option.file else NAMES.get(option.type, option.name.rpartition("_")[2].upper())
    return filled(
        FLAG,
        DOC="\n".join(wrapped(documentation(option), "    /// ")).strip(),
        FLAG=flag(option),
        VALUE=value,
        MORE=f", {more}" if more else "",
        NAME=name(option),
        TYPE=kind,
    )


def documentation(option: Option) -> str:
    """One paragraph: an about of two would give `--help` its long form."""
    option = replace(option, **DIFFERENT.get(option.name, {}))
    text = option.describe(reference, "cli", one_call=True)
    if option.file:
        first, _, rest = text.partition(". ")
        text = f"File with {first[0].lower()}{first[1:]}; `-` is standard input. {rest}"
    return text.removesuffix(".")


def reference(name: str) -> str:
    return f"`{name}`" if name.isupper() else f"`--{name.replace('_', '-')}`"


def applied(option: Option) -> str:
    own = name(option)
    if option.file:
        return filled(
            """if let Some(input) = &self.@NAME@ {
                config.@OWN@(input::secret("--@FLAG@", input)?.as_str());
            }""",
            OWN=option.name,
            NAME=own,
            FLAG=flag(option),
        )
    _, _, work = FLAGS[option.type]
    work = filled(work, METHOD=option.setter or option.name)
    work = work.replace("FLAG", f'"--{flag(option)}"').replace("VARIABLE", f'"{option.variable}"')
    values = f"for value in &self.{own}" if option.type == "urls" else f"if let Some(value) = &self.{own}"
    return f"{values} {{ {work} }}"


def name(option: Option) -> str:
    return option.setter or option.name + ("_file" if option.file else "_ms" if option.type == "timeout" else "")


def flag(option: Option) -> str:
    return name(option).replace("_", "-")
