//! The configuration file: TOML with one table for each profile. No error repeats a value, which may be a secret.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::process::{self, Command};
use super::{CREDENTIAL_PROCESS, Value, invalid, system};
use crate::config::env::{self, ValueType};
use crate::config::options::PROFILE_KEYS;
use crate::config::problems::Problems;
use crate::error::Error;

/// The keys whose value is a secret.
const SECRETS: [&str; 2] = ["client_secret", "password"];
/// The most names that a message lists.
const MAX_NAMES: usize = 20;
/// The most problems that a message lists.
const MAX_PROBLEMS: usize = 20;

/// The section of one profile.
pub(super) struct Section {
    pub name: String,
    pub values: Vec<Value>,
    pub command: Option<Command>,
    /// The file and the line of the command.
    command_place: String,
}

/// The file that is being read.
struct File<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Section {
    /// Finds the section `name` and checks its keys and their types. The keys of the options in `taken` are checked and
    /// left out.
    pub fn find(text: &str, name: &str, path: &Path, taken: &[&str]) -> Result<Self, Error> {
        let file = File { text: text.strip_prefix('\u{feff}').unwrap_or(text), path };
        let document = DeTable::parse(file.text).map_err(|error| {
            let place = file.place(error.span().map_or(0, |span| span.start));
            let message = error.message().lines().next().unwrap_or_default();
            invalid(&format!("{place}: the file is not TOML: {message}"))
        })?;
        let mut problems = Problems::default();
        let table = problems.note(file.section(document.get_ref(), name));
        problems.note(file.check_readers(document.get_ref()));
        let (Some(table), true) = (table, problems.is_empty()) else { return Err(problems.into_error()) };
        let mut section = Self { name: name.into(), values: Vec::new(), command: None, command_place: String::new() };
        for (key, value) in table {
            problems.note(section.add(&file, key, value, taken));
            // A file of another kind can have a hundred thousand.
            if problems.count() == MAX_PROBLEMS {
                break;
            }
        }
        if problems.is_empty() { Ok(section) } else { Err(problems.into_error()) }
    }

    /// Returns a problem of the command with its place.
    pub fn at_command(&self, problem: &str) -> String {
        format!("{}: {CREDENTIAL_PROCESS}: {problem}", self.command_place)
    }

    fn add(
        &mut self,
        file: &File,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        taken: &[&str],
    ) -> Result<(), String> {
        let (name, place) = (key.get_ref().as_ref(), file.place(key.span().start));
        let label = format!("{place}: {name}");
        if name == CREDENTIAL_PROCESS {
            let words =
                strings(value.get_ref()).ok_or_else(|| wrong_type(&label, "a string or an array of strings"))?;
            let command = Command::parse(&words).map_err(|problem| format!("{label} {problem}"))?;
            let directory = file.path.parent().unwrap_or(Path::new(""));
            self.command = Some(command.beginning_at(directory).map_err(|problem| format!("{label} {problem}"))?);
            self.command_place = place;
            return Ok(());
        }
        let known = PROFILE_KEYS.into_iter().find(|(_, variable, _)| env::key(variable) == name);
        let (option, variable, value_type) = known.ok_or_else(|| unknown(&place, name))?;
        let text = Zeroizing::new(file.converted(value.get_ref(), value_type, &label)?);
        if !taken.contains(&option) {
            self.values.push(Value { variable, text, label });
        }
        Ok(())
    }
}

impl File<'_> {
    /// Returns the file and the line of a byte of it.
    fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        format!("{}:{line}", self.path.display())
    }

    fn section<'d, 'i>(&self, document: &'d DeTable<'i>, name: &str) -> Result<&'d DeTable<'i>, String> {
        if let Some((key, _)) = document.iter().find(|(_, value)| value.get_ref().as_table().is_none()) {
            let place = self.place(key.span().start);
            return Err(format!(
                "{place}: a key stands outside of the sections; put it below a line such as [sandbox]"
            ));
        }
        let found = document.iter().find(|(key, _)| key.get_ref() == name);
        found.and_then(|(_, value)| value.get_ref().as_table()).ok_or_else(|| {
            let names: Vec<_> = document.keys().map(|key| key.get_ref().as_ref()).take(MAX_NAMES).collect();
            let what = if names.is_empty() { "add one".into() } else { format!("choose one of {}", names.join(", ")) };
            format!("{}: there is no section for the chosen profile; {what}", self.path.display())
        })
    }

    /// Refuses a file that holds a secret, in whatever section, and that other users can read.
    fn check_readers(&self, document: &DeTable) -> Result<(), String> {
        let sections = document.values().filter_map(|value| value.get_ref().as_table());
        let secret = sections.flat_map(DeTable::iter).find(|(key, value)| is_secret(key.get_ref(), value.get_ref()));
        let Some((key, _)) = secret else { return Ok(()) };
        system::check_readers(self.path).map_err(|problem| {
            format!("{}: {} is a secret, and {problem}", self.place(key.span().start), key.get_ref())
        })
    }

    /// Returns a value as its variable would have it.
    fn converted(&self, value: &DeValue, value_type: ValueType, label: &str) -> Result<String, String> {
        let wrong = |expected| wrong_type(label, expected);
        match value_type {
            ValueType::String => value.as_str().map(str::to_owned).ok_or_else(|| wrong("a string")),
            ValueType::Path => {
                let path = value.as_str().ok_or_else(|| wrong("a string"))?;
                // Not joined to an empty path: an empty value counts as none.
                let directory = self.path.parent().filter(|_| !path.is_empty());
                let path = directory.map_or_else(|| path.into(), |directory| directory.join(path));
                path.into_os_string().into_string().map_err(|_| format!("{label}: the directory is not UTF-8"))
            }
            ValueType::Strings => {
                strings(value).map(|list| list.join(" ")).ok_or_else(|| wrong("a string or an array of strings"))
            }
            ValueType::Boolean => value.as_bool().map(|flag| flag.to_string()).ok_or_else(|| wrong("true or false")),
            ValueType::Integer => {
                let number = value.as_integer().filter(|number| number.radix() == 10);
                number.map(|number| number.as_str().to_owned()).ok_or_else(|| wrong("a whole number of milliseconds"))
            }
        }
    }
}

fn strings<'a>(value: &'a DeValue) -> Option<Vec<&'a str>> {
    match value.as_array() {
        Some(array) => array.iter().map(|entry| entry.get_ref().as_str()).collect(),
        None => value.as_str().map(|text| vec![text]),
    }
}

fn wrong_type(label: &str, expected: &str) -> String {
    format!("{label} must be {expected}")
}

/// Returns whether the value holds a secret: one of its own, or a password in a URL.
fn is_secret(key: &str, value: &DeValue) -> bool {
    let text = value.as_str().unwrap_or_default();
    let has_password = |url: &str| {
        let userinfo = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        userinfo.is_some_and(|(userinfo, _)| userinfo.contains(':'))
    };
    (SECRETS.contains(&key) && !text.is_empty()) || text.split_whitespace().any(has_password)
}

fn unknown(place: &str, name: &str) -> String {
    let keys = PROFILE_KEYS.iter().map(|(_, variable, _)| env::key(variable));
    // The usual mistakes: the name of the variable, and a timeout without its unit.
    let plain = name.to_ascii_lowercase().replace('-', "_");
    let plain = plain.strip_prefix("tango_").unwrap_or(&plain);
    let meant = keys.into_iter().find(|key| key == plain || key.strip_suffix("_ms") == Some(plain));
    let advice = match meant {
        Some(key) => format!("; write {key}"),
        None if process::CREDENTIALS.contains(&plain) => format!("; write {plain}"),
        None => "; docs/configuration.md lists the keys of a profile".into(),
    };
    // A name that is no word may be a secret without its key.
    let is_word = name.len() <= 40 && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'));
    let shown = if is_word { format!("the key {name}") } else { "a key".into() };
    format!("{place}: {shown} is not known{advice}")
}
