//! Where the value of each option comes from.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::options::{OPTIONS, Options};
use super::origin::Origin;
use super::resolve::DEFAULT_USER_AGENT;
use super::{Config, Environment};

/// The secrets that a variable can name a file of.
const SECRETS: [&str; 2] = ["client_secret", "password"];

/// An option of a [`Config`]: where its value comes from, and the value unless it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedOption {
    /// The name of the option, as its setter has it.
    pub name: &'static str,
    /// The source of the value.
    pub source: ValueSource,
    /// The value. `None` if there is none, and for secrets. URLs have neither credentials nor a query.
    pub value: Option<String>,
}

/// The source of an option's value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueSource {
    /// The program has set it.
    Code,
    /// An environment variable holds it, or names the file that does.
    Variable(String),
    /// A profile of the configuration file has it.
    Profile {
        /// The name of the profile.
        name: String,
        /// The configuration file.
        file: PathBuf,
    },
    /// The `credential_process` of a profile has returned it.
    CredentialProcess {
        /// The name of the profile.
        name: String,
        /// The configuration file.
        file: PathBuf,
    },
    /// Nothing sets it, and the library has a default.
    Default,
    /// Nothing sets it, and there is no default.
    NotSet,
}

impl ValueSource {
    /// Returns whether something has set the option.
    pub fn is_set(&self) -> bool {
        !matches!(self, Self::Default | Self::NotSet)
    }
}

/// Shows the source as a part of a sentence: `variable TANGO_SCOPE`, `profile sandbox of /home/me/config.toml`.
impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code => f.write_str("code"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Profile { name, file } => write!(f, "profile {name} of {}", file.display()),
            Self::CredentialProcess { name, file } => {
                write!(f, "credential_process of profile {name} of {}", file.display())
            }
            Self::Default => f.write_str("default"),
            Self::NotSet => f.write_str("not set"),
        }
    }
}

impl Config {
    /// Returns where the value of each option comes from, in the order of the documentation. No secret can be reached
    /// through it: of a secret it tells whether it is set.
    ///
    /// Nothing is checked and no file is read; a value that is returned here can be wrong.
    pub fn explain(&self) -> Vec<ExplainedOption> {
        let options = self.effective();
        let set = options.names();
        let explained = OPTIONS.into_iter().map(|(name, default)| {
            if set.contains(&name) {
                return ExplainedOption { name, source: self.source(&options, name), value: options.shown(name) };
            }
            let value = default_value(name, default, options.environment);
            let source = if value.is_some() { ValueSource::Default } else { ValueSource::NotSet };
            ExplainedOption { name, source, value }
        });
        explained.collect()
    }

    fn source(&self, options: &Options, option: &'static str) -> ValueSource {
        match (options.origin(option), &self.profile) {
            (Some(Origin::Variable), _) => {
                let file = if self.from_files.contains(&option) { "_FILE" } else { "" };
                ValueSource::Variable(format!("{}{file}", Options::variable(option)))
            }
            (Some(Origin::Profile), Some(profile)) => {
                let (name, file) = (profile.name.clone(), profile.file.clone());
                if profile.from_process.contains(&option) {
                    ValueSource::CredentialProcess { name, file }
                } else {
                    ValueSource::Profile { name, file }
                }
            }
            _ => ValueSource::Code,
        }
    }
}

fn default_value(option: &str, words: &str, environment: Option<Environment>) -> Option<String> {
    match option {
        "token_url" => environment.map(|environment| environment.token_url().into()),
        "api_url" => environment.map(|environment| environment.api_url().into()),
        "user_agent" => Some(DEFAULT_USER_AGENT.into()),
        _ => (!words.is_empty()).then(|| words.into()),
    }
}

/// Returns the secrets whose variables name a file.
pub(super) fn from_files(lookup: &impl Fn(&str) -> Option<OsString>) -> Vec<&'static str> {
    let is_in_file = |option: &&'static str| {
        let variable = format!("{}_FILE", Options::variable(option));
        lookup(&variable).is_some_and(|path| !path.is_empty())
    };
    SECRETS.into_iter().filter(is_in_file).collect()
}
