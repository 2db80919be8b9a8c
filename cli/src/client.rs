//! The client of a command: flags first, then variables.

use std::time::Duration;

use tango_token::{Client, Config};

use crate::failure::Failure;
use crate::input;
use crate::options::Options;

const DEFAULT_TOTAL_TIMEOUT: Duration = Duration::from_secs(30);

impl Options {
    /// Returns the configuration of the flags and the variables.
    pub fn configuration(&self) -> Result<Config, Failure> {
        input::at_most_one_is_stdin(self.inputs())?;
        let mut config = Config::new();
        self.apply(&mut config)?;
        config.load_env()?;
        // Each command is a process of its own. A cache in its memory would cost a token of the day each time.
        if self.cache.is_none() && !is_set("TANGO_CACHE") {
            config.cache("file");
        }
        Ok(config)
    }

    /// Returns the client of the flags and the variables.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.configuration()?)?)
    }

    /// Returns the value of the option with this variable: that of the flag, or else of the variable.
    pub fn value(&self, variable: &str) -> Option<String> {
        let flag = match variable {
            "TANGO_CA_FILE" => self.ca_file.as_ref().map(|path| path.display().to_string()),
            "TANGO_PROXY" => self.proxy.clone(),
            "TANGO_USER_AGENT" => self.user_agent.clone(),
            _ => None,
        };
        flag.or_else(|| std::env::var(variable).ok().filter(|value| !value.is_empty()))
    }

    /// Returns how long a call can take at most.
    pub fn total_timeout(&self) -> Duration {
        let variable = || std::env::var("TANGO_TOTAL_TIMEOUT_MS").ok()?.parse().ok();
        self.total_timeout_ms.or_else(variable).map_or(DEFAULT_TOTAL_TIMEOUT, Duration::from_millis)
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
