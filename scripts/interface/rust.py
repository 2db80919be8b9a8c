"""Rust: the options of the core, and their setters in C."""

from __future__ import annotations

import subprocess
from pathlib import Path

from options import Option
from words import filled, pascal, wrapped

# For each type: the parameter of the setter, the field that it fills, and the value that it puts there.
SETTERS = {
    "string": ("impl Into<String>", "String", "value.into()"),
    "secret": ("impl Into<SecretString>", "SecretString", "value.into()"),
    "url": ("impl Into<String>", "Address", "Address(value.into())"),
    "urls": ("impl Into<String>", "Vec<Address>", "Address(value.into())"),
    "file": ("impl Into<PathBuf>", "PathBuf", "value.into()"),
    "bool": ("bool", "bool", "value"),
    "timeout": ("Duration", "Duration", "value"),
    "environment": ("Environment", "Environment", "value"),
    "dpop_mode": ("DpopMode", "DpopMode", "value"),
    "key": ("DpopKey", "KeySource", "KeySource::Given(value)"),
    "key_file": ("impl Into<PathBuf>", "KeySource", "KeySource::File(value.into())"),
    "cache": ("impl Into<SecretString>", "CacheSource", "CacheSource::Named(value.into())"),
    "custom_cache": ("impl SharedCache", "CacheSource", "CacheSource::custom(value)"),
}
# The functions of src/config/env.rs that read the value of a variable of each type.
READERS = {
    "string": "string",
    "secret": "string",
    "url": "string",
    "file": "string",
    "urls": "addresses",
    "bool": "flag",
    "timeout": "milliseconds",
    "environment": "str::parse",
    "dpop_mode": "str::parse",
    "key_file": "|path| Ok(KeySource::File(path.into()))",
    "cache": "|name| Ok(CacheSource::Named(name.into()))",
}
# What the value of each type is in the configuration file.
PROFILE_TYPES = {
    "urls": "Strings",
    "file": "Path",
    "key_file": "Path",
    "bool": "Boolean",
    "timeout": "Integer",
}
# What makes of a reference to the value of each type what a person is shown. Secrets are never shown.
SHOWN = {
    "string": "",
    "secret": "None",
    "url": '|value| format!("{value:?}")',
    "urls": "|value| list(value)",
    "file": "|value| value.display().to_string()",
    "bool": "ToString::to_string",
    "timeout": "|value| human::timeout(*value)",
    "environment": "|value| value.name().to_owned()",
    "dpop_mode": "|value| value.name().to_owned()",
    "key": "KeySource::shown",
    "cache": "CacheSource::shown",
}
# The same for options whose type hides more than is secret.
SHOWN_OF = {"proxy": "without_credentials"}
# The options that share the field of another one, of which the last call counts.
SHARED = {"dpop_key_file": "dpop_key", "custom_cache": "cache"}

CORE = """//! The options of a client.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::env::{Source, ValueType, addresses, flag, milliseconds, read, secret, string};
use super::origin::Origin;
use super::problems::Problems;
use super::shown::{list, without_credentials};
use super::{Address, CacheSource, Config, Environment, KeySource};
use crate::dpop::{DpopKey, DpopMode};
use crate::error::Error;
use crate::human;
use crate::store::SharedCache;

@DEFAULTS@

/// The keys of a profile: the option, the variable that the key is named after, and the type of the value.
pub(super) const PROFILE_KEYS: [(&str, &str, ValueType); @COUNT@] = [@KEYS@];

/// The options in the order of the table, each with its default in words.
pub(super) const OPTIONS: [(&str, &str); @NUMBER@] = [@OPTIONS@];

/// The options that have a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    @FIELDS@
    /// The options whose value does not come from the program, once `or` has merged them into those of the program.
    pub origins: Vec<(&'static str, Origin)>,
}

impl Options {
    /// Returns these options, and those of `others`, which come from `origin`, that have no value here.
    pub fn or(self, others: Self, origin: Origin) -> Self {
        let own = self.names();
        let added = others.names().into_iter().filter(|name| !own.contains(name)).map(|name| (name, origin));
        let origins = self.origins.into_iter().chain(added).collect();
        Self { @MERGED@ origins }
    }

    /// Returns the names of the options that have a value.
    pub fn names(&self) -> Vec<&'static str> {
        let options = [@NAMES@];
        options.into_iter().filter_map(|(name, has_value)| has_value.then_some(name)).collect()
    }

    /// Returns the environment variable of an option.
    pub fn variable(option: &'static str) -> &'static str {
        match option { @VARIABLES@ _ => option }
    }

    /// Returns what errors call the key of an option in a profile.
    pub fn profile_key(option: &'static str) -> &'static str {
        match option { @LABELS@ _ => option }
    }

    /// Returns the value of an option as a person may see it. `None` if it has none, or if it is a secret.
    pub fn shown(&self, option: &str) -> Option<String> {
        match option { @SHOWN@ _ => None }
    }

    /// Reads each option from its environment variable, or what stands for it. One error names all values that cannot be
    /// read.
    pub fn read(source: &impl Source) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let options = Self { @READ@ origins: Vec::new() };
        if problems.is_empty() { Ok(options) } else { Err(problems.into_error()) }
    }
}

impl Config {
    @SETTERS@
}
"""
SETTER = """@DOC@
    pub fn @NAME@(&mut self, value: @PARAMETER@) -> &mut Self {
        self.set.@STORE@;
        self
    }
"""


def files(options: list[Option]) -> dict[Path, str]:
    return {
        Path("src/config/options.rs"): core(options),
        Path("src/ffi/config/setters.rs"): ffi(options),
    }


def core(options: list[Option]) -> str:
    own = [option for option in options if option.name not in SHARED]
    keys = [
        (option, variable, kind)
        for option in options
        for variable, kind in (
            (option.variable, PROFILE_TYPES.get(option.type, "String")),
            (option.file_variable, "Path"),
        )
        if variable
    ]
    text = filled(
        CORE,
        DEFAULTS="\n".join(filter(None, map(default, options))),
        FIELDS="\n".join(f"pub {option.name}: Option<{SETTERS[option.type][1]}>," for option in own),
        MERGED="\n".join(f"{option.name}: self.{option.name}.or(others.{option.name})," for option in own),
        NAMES=" ".join(f'("{option.name}", self.{option.name}.is_some()),' for option in own),
        COUNT=str(len(keys)),
        KEYS=" ".join(
            f'("{field(option)}", "{variable}", ValueType::{kind}),' for option, variable, kind in keys
        ),
        NUMBER=str(len(own)),
        OPTIONS=" ".join(
            f'("{option.name}", "{plain_default(option)}"),' for option in own
        ),
        LABELS=" ".join(
            f'"{field(option)}" => "{key(option.variable)} in the profile",' for option in options if option.variable
        ),
        SHOWN=" ".join(filter(None, map(shown, own))),
        VARIABLES=" ".join(f'"{field(option)}" => "{option.variable}",' for option in options if option.variable),
        READ="\n".join(
            f"{field(option)}: problems.note({reader(option)}).flatten(),"
            for option in options
            if option.variable
        ),
        SETTERS="\n".join(setter(option) for option in options),
    )
    return formatted(text)


def reader(option: Option) -> str:
    if option.file:
        return f'secret(source, "{option.variable}")'
    return f'read(source, "{option.variable}", {READERS[option.type]})'


def plain_default(option: Option) -> str:
    """The default in words, a flag's as the configuration writes it."""
    if option.type == "bool":
        return "false"
    return option.default_text(lambda ms: f"{ms // 1000} s").replace("`", "")


def shown(option: Option) -> str:
    value = SHOWN_OF.get(option.name, SHOWN[option.type])
    if value == "None":
        return ""
    how = f"as_ref().map({value})" if value else "clone()"
    return f'"{option.name}" => self.{option.name}.{how},'


def key(variable: str) -> str:
    """The key of a profile that stands for a variable."""
    return variable.removeprefix("TANGO_").lower()


def field(option: Option) -> str:
    return SHARED.get(option.name, option.name)


def default(option: Option) -> str:
    constant = f"pub(super) const DEFAULT_{option.name.upper()}"
    if option.type == "timeout":
        return f"{constant}: Duration = Duration::from_millis({option.default:_});"
    if option.type == "string" and option.default is not None:
        return f'{constant}: &str = "{option.default}";'
    return ""


def setter(option: Option) -> str:
    parameter, _, value = SETTERS[option.type]
    store = f"{field(option)} = Some({value})"
    if option.type == "urls":
        store = f"{option.name}.get_or_insert_default().push({value})"
    doc = wrapped(option.describe(reference, "rust", one_call=True, gap="\n\n"), "    /// ")
    return filled(SETTER, DOC="\n".join(doc), NAME=option.setter or option.name, PARAMETER=parameter, STORE=store)


def reference(name: str) -> str:
    if name.isupper():
        return f"[`Status::{pascal(name)}`](crate::Status::{pascal(name)})"
    return f"[`{name}`](Self::{name})"


# ---- C

# A sentence that C's documentation adds to each option of a type.
C_NOTES = {
    "string": "Copied.",
    "url": "Copied.",
    "urls": "Copied.",
    "cache": "Checked by `tango_client_new`. Copied.",
    "secret": "Copied, and zeroised when no longer needed.",
    "file": "Checked by `tango_client_new`, and read for each connection. Copied.",
    "key_file": "Read by `tango_client_new`. Copied.",
    "bool": "1 for yes, 0 for no; any other number is INVALID_ARGUMENT.",
    "environment": "A `tango_environment`; any other number is INVALID_ARGUMENT.",
    "dpop_mode": "A `tango_dpop_mode`; any other number is INVALID_ARGUMENT.",
    "timeout": "In milliseconds: 1 to 600,000, which `tango_client_new` checks.",
}
# For each type: C's parameter in Rust, and the helper of src/ffi/config.rs that does the work.
NUMBER = ("i32", 'set_number(config, "@NAME@", @NAME@, error, Config::@METHOD@)')
STRING = (
    "*const c_char",
    """// SAFETY: the header's contract for strings.
    unsafe { set(config, "@NAME@", @NAME@, error, |config, value| config.@METHOD@(value)) }""",
)
C_SETTERS = {
    "bool": ("i32", 'set_flag(config, "@NAME@", @NAME@, error, Config::@METHOD@)'),
    "environment": NUMBER,
    "dpop_mode": NUMBER,
    "timeout": ("u32", "set_timeout(config, @NAME@, error, Config::@METHOD@)"),
    "key": ("Option<&KeyObject>", "set_key(config, @NAME@, error)"),
}

FFI = """//! The setters of `tango_config`, one for each option.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use libc::c_char;

use super::{set, set_flag, set_key, set_number, set_timeout};
use crate::config::Config;
use crate::error::Status;
use crate::ffi::dpop_key::KeyObject;
use crate::ffi::error::ErrorObject;

@SETTERS@
"""
FFI_SETTER = """@DOC@
#[unsafe(no_mangle)]
pub unsafe extern "C" fn @FUNCTION@(
    config: Option<&mut Config>,
    @NAME@: @TYPE@,
    error: *mut *mut ErrorObject,
) -> Status {
    @WORK@
}
"""


def ffi(options: list[Option]) -> str:
    # A custom cache is set in src/ffi/cache.rs.
    setters = [ffi_setter(option) for option in options if option.type != "custom_cache"]
    return formatted(filled(FFI, SETTERS="\n".join(setters)))


def ffi_setter(option: Option) -> str:
    kind, work = C_SETTERS.get(option.type, STRING)
    doc = option.describe(c_reference, "c", C_NOTES.get(option.type, ""), one_call=True, gap="\n\n")
    return filled(
        FFI_SETTER,
        DOC="\n".join(wrapped(doc, "/// ")),
        FUNCTION=option.c_function,
        NAME=option.c_parameter,
        TYPE=kind,
        WORK=filled(work, NAME=option.c_parameter, METHOD=option.setter or option.name),
    )


def c_reference(name: str) -> str:
    return name if name.isupper() else f"`{name}`"


def formatted(text: str) -> str:
    command = ["rustfmt", "--edition", "2024", "--config-path", "rustfmt.toml"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
