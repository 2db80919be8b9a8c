//! The profile and the configuration file that the global flags choose, instead of the variables.

use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Args;
use tango_token::{Config, Error, ExplainedOption, ValueSource};

/// Chosen once, before a command runs: every command that reads a configuration uses it.
static CHOICE: OnceLock<Choice> = OnceLock::new();

#[derive(Args, Clone, Default)]
pub struct Choice {
    /// Use this section of the configuration file, instead of the one that `TANGO_PROFILE` names
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
    /// Read profiles from this file, instead of `TANGO_CONFIG_FILE` or ~/.config/tango-token/config.toml
    #[arg(long, value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,
}

impl Choice {
    pub fn choose(self) {
        // It is set once, by the first call.
        let _ = CHOICE.set(self);
    }
}

/// What the configuration of this command is, once it was loaded.
static EXPLAINED: OnceLock<Vec<ExplainedOption>> = OnceLock::new();

/// Reads the variables and the profile, for the options that no flag sets.
pub fn load(config: &mut Config) -> Result<(), Error> {
    let choice = CHOICE.get().cloned().unwrap_or_default();
    config.load_env_with(choice.profile.as_deref(), choice.config_file.as_deref())?;
    let _ = EXPLAINED.set(config.explain());
    Ok(())
}

/// Returns the value of an option that the profile of this command has set, without a secret.
pub fn value(option: &str) -> Option<String> {
    let explained = EXPLAINED.get()?.iter().find(|explained| explained.name == option)?;
    explained.value.clone().filter(|_| matches!(explained.source, ValueSource::Profile { .. }))
}
