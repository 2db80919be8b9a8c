//! Profiles: sections of a configuration file, of which `TANGO_PROFILE` chooses one.

mod document;
mod process;
#[cfg_attr(unix, path = "profile/unix.rs")]
#[cfg_attr(windows, path = "profile/windows.rs")]
mod system;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::env::{self, Source};
use super::options::Options;
use crate::error::{Error, Status};
use crate::input_file::{self, Expected, Pipe};

use document::Section;

/// The variable that names the section.
pub(super) const PROFILE: &str = "TANGO_PROFILE";
/// The variable that names the file.
pub(super) const CONFIG_FILE: &str = "TANGO_CONFIG_FILE";
/// The key of the command that returns credentials.
const CREDENTIAL_PROCESS: &str = "credential_process";

const FILE: Expected = Expected {
    max_length: 1024 * 1024,
    too_long: "the file is larger than 1 MiB and therefore no configuration",
    check: system::check_writers,
    pipe: Pipe::Allowed,
};

/// A profile that was read.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub name: String,
    pub file: PathBuf,
    pub options: Options,
    /// The options whose value the command of the profile returned.
    pub from_process: Vec<&'static str>,
}

impl Profile {
    /// Reads the profile that the environment chooses, if it chooses one. The file's values of the options in `taken`
    /// are not read, because other values win; a command that could return nothing else is not started.
    pub fn load(lookup: &impl Fn(&str) -> Option<OsString>, taken: &[&'static str]) -> Result<Option<Self>, Error> {
        let Some(name) = lookup(PROFILE).filter(|name| !name.is_empty()) else { return Ok(None) };
        let path = path(lookup).map_err(|problem| invalid(&problem))?;
        Self::read(&name, &path, taken).map(Some)
    }

    fn read(name: &OsString, path: &Path, taken: &[&'static str]) -> Result<Self, Error> {
        let content = input_file::read(path, FILE);
        let content =
            content.map_err(|problem| in_file(path, &format!("{problem} (a profile is a section of this file)")))?;
        let text = str::from_utf8(&content).map_err(|_| in_file(path, "the file is not UTF-8"))?;
        let section = Section::find(text, name.to_str().unwrap_or_default(), path, taken)?;
        let mut options = Options::read(&section)?;
        let mut from_process = Vec::new();
        if let Some(command) = &section.command {
            from_process =
                options.complete(taken, command).map_err(|problem| invalid(&section.at_command(&problem)))?;
        }
        Ok(Self { name: section.name, file: path.to_owned(), options, from_process })
    }

    /// Returns the profile as messages name it.
    pub fn place(&self) -> String {
        format!("the profile {} of {}", self.name, self.file.display())
    }
}

impl Options {
    /// Runs the command if a credential is missing, and returns the options that it gave. A value that the profile has
    /// itself stays.
    fn complete(&mut self, taken: &[&'static str], command: &process::Command) -> Result<Vec<&'static str>, String> {
        let own = self.names();
        let missing = |option: &&'static str| !taken.contains(option) && !own.contains(option);
        let missing: Vec<_> = process::CREDENTIALS.into_iter().filter(missing).collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let found = command.run()?;
        let given: Vec<_> = missing.into_iter().filter(|&option| found.get(option).is_some()).collect();
        let secret = |option| given.contains(&option).then(|| found.get(option)).flatten().map(SecretString::from);
        let string = |option| given.contains(&option).then(|| found.get(option)).flatten().map(str::to_owned);
        self.client_id = self.client_id.take().or_else(|| string("client_id"));
        self.client_secret = self.client_secret.take().or_else(|| secret("client_secret"));
        self.username = self.username.take().or_else(|| string("username"));
        self.password = self.password.take().or_else(|| secret("password"));
        Ok(given)
    }
}

/// Returns the configuration file: that of `TANGO_CONFIG_FILE`, or the user's.
fn path(lookup: &impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    if let Some(path) = lookup(CONFIG_FILE).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let variable = |name: &str| lookup(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = system::config_home(variable);
    home.map(|directory| directory.join("tango-token").join("config.toml"))
        .ok_or_else(|| format!("{PROFILE} is set, and there is no home directory; set {CONFIG_FILE} as well"))
}

/// A section of the file, instead of variables.
impl Source for Section {
    fn value(&self, variable: &str) -> Option<OsString> {
        self.values.iter().find(|value| value.variable == variable).map(|value| (*value.text).as_str().into())
    }

    fn label(&self, variable: &str) -> String {
        let value = self.values.iter().find(|value| value.variable == variable);
        value.map_or_else(|| env::key(variable), |value| value.label.clone())
    }
}

fn invalid(problem: &str) -> Error {
    Error::new(Status::InvalidConfiguration, format!("the configuration cannot be used: {problem}"))
}

fn in_file(path: &Path, problem: &str) -> Error {
    invalid(&format!("{}: {problem}", path.display()))
}

/// The value of a key of the section, as the variable of its option would have it.
struct Value {
    variable: &'static str,
    text: Zeroizing<String>,
    /// The file, the line and the key, for errors.
    label: String,
}

#[cfg(all(test, unix))]
#[path = "profile/tests.rs"]
mod tests;
