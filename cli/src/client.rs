//! The client of a command: flags first, then variables, then the profile.

use tango_token::{Client, Config};

use crate::failure::Failure;
use crate::input;
use crate::options::Options;
use crate::profile;

impl Options {
    /// Returns the configuration of the flags, the variables and the profile.
    pub fn configuration(&self) -> Result<Config, Failure> {
        let mut config = self.flags()?;
        profile::load(&mut config)?;
        choose_cache(&mut config);
        Ok(config)
    }

    /// Returns the configuration of the flags alone.
    pub fn flags(&self) -> Result<Config, Failure> {
        input::at_most_one_is_stdin(self.inputs())?;
        let mut config = Config::new();
        self.apply(&mut config)?;
        Ok(config)
    }

    /// Returns the client of the flags, the variables and the profile.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.configuration()?)?)
    }

    /// Returns the value of the option with this variable: that of the flag, else of the variable, else of the profile,
    /// once a client was made. The URL of a proxy in a profile comes without its credentials.
    pub fn value(&self, variable: &str) -> Option<String> {
        let flag = match variable {
            "TANGO_CA_FILE" => self.ca_file.as_ref().map(|path| path.display().to_string()),
            "TANGO_PROXY" => self.proxy.clone(),
            "TANGO_USER_AGENT" => self.user_agent.clone(),
            _ => None,
        };
        let in_profile = || profile::value(&variable.trim_start_matches("TANGO_").to_ascii_lowercase());
        flag.or_else(|| std::env::var(variable).ok().filter(|value| !value.is_empty())).or_else(in_profile)
    }
}

/// Chooses a directory if nothing names a cache. Each command is a process of its own: a cache in its memory would cost a
/// token of the day each time.
pub fn choose_cache(config: &mut Config) {
    let cache = config.explain().into_iter().find(|option| option.name == "cache");
    if cache.is_none_or(|cache| !cache.source.is_set()) {
        config.cache("file");
    }
}
