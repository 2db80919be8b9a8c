//! The configuration of a client: credentials, servers, limits, DPoP and the cache.

mod authorities;
mod binding;
mod cache;
mod characters;
mod credentials;
mod env;
mod explain;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod labels;
mod no_proxy;
mod options;
mod origin;
mod problems;
mod profile;
mod proxy;
mod resolve;
mod settings;
mod shown;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::callbacks::Foreign;
use crate::dpop::{DpopKey, DpopMode};
use crate::error::Error;
use crate::store::SharedCache;

pub use cache::CacheKind;
pub(crate) use cache::{CacheSettings, Place};
pub(crate) use characters::LONGEST as LONGEST_STRING;
pub use credentials::Credentials;
pub use explain::{ExplainedOption, ValueSource};
use options::Options;
use origin::Origin;
use profile::Profile;
pub(crate) use proxy::{Protocol, ProxyCredentials, ProxyServer};
pub(crate) use settings::{Settings, TokenRequest, Transport};

/// Tango's two environments, each with its own authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Environment {
    /// `https://sandbox-auth.tangocard.com`, for development and tests.
    Sandbox = 1,
    /// `https://auth.tangocard.com`. Tango asks its clients to confirm this host before going live; `token_url`
    /// overrides it.
    Production = 2,
}

impl Environment {
    /// Returns the name by which the configuration calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Production => "production",
        }
    }

    pub(crate) fn token_url(self) -> &'static str {
        match self {
            Self::Sandbox => "https://sandbox-auth.tangocard.com/oauth/token",
            Self::Production => "https://auth.tangocard.com/oauth/token",
        }
    }

    pub(crate) fn api_url(self) -> &'static str {
        match self {
            Self::Sandbox => "https://integration-api.tangocard.com/raas/v2",
            Self::Production => "https://api.tangocard.com/raas/v2",
        }
    }
}

impl TryFrom<i32> for Environment {
    type Error = i32;

    fn try_from(number: i32) -> Result<Self, i32> {
        [Self::Sandbox, Self::Production].into_iter().find(|&known| known as i32 == number).ok_or(number)
    }
}

/// Reads a name in any case. The error says what it must be.
impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        match name.to_ascii_lowercase().as_str() {
            "sandbox" => Ok(Self::Sandbox),
            "production" => Ok(Self::Production),
            _ => Err("`sandbox` or `production`"),
        }
    }
}

/// Everything that a program says once, before it requests tokens.
///
/// Setters only store a value; making a client checks all of them and names everything that is missing or wrong. An
/// option that the program sets wins over its environment variable, whether it is set before or after `load_env`.
/// Secrets are zeroised with the configuration and never printed.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The options that the program set.
    set: Options,
    /// The options that `load_env` read.
    loaded: Options,
    /// The secrets among them that a file holds which a variable names.
    from_files: Vec<&'static str>,
    /// The profile that `TANGO_PROFILE` chooses.
    profile: Option<Profile>,
    /// Whether `load_env` was called.
    is_loaded: bool,
}

/// The place where the token outlives the process.
#[derive(Clone)]
enum CacheSource {
    /// `memory`, `file`, `file:` and a directory, or the URL of a Redis server, which can contain a password.
    Named(SecretString),
    Custom(Arc<dyn SharedCache>),
}

impl CacheSource {
    fn custom(cache: impl SharedCache) -> Self {
        Self::Custom(Arc::new(Foreign::new(cache)))
    }
}

impl fmt::Debug for CacheSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Custom(_) => f.write_str("[custom cache]"),
        }
    }
}

/// The source of the key to which tokens are bound.
#[derive(Clone, Debug)]
enum KeySource {
    Given(DpopKey),
    File(PathBuf),
}

/// A URL as it was given. Its credentials and its query may be secrets and are not printed.
#[derive(Clone)]
struct Address(String);

impl From<&str> for Address {
    fn from(url: &str) -> Self {
        Self(url.into())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            Ok(url) => write!(f, "{}{}", url.origin().ascii_serialization(), url.path()),
            Err(_) => f.write_str("[not a URL]"),
        }
    }
}

impl Config {
    /// An empty configuration. The credentials and an environment or a token URL have to follow.
    pub fn new() -> Self {
        Self::default()
    }

    /// A configuration from the `TANGO_*` environment variables, and from the profile that `TANGO_PROFILE` names.
    pub fn from_env() -> Result<Self, Error> {
        let mut config = Self::new();
        config.load_env()?;
        Ok(config)
    }

    /// Reads the options that the program does not set from the `TANGO_*` environment variables, and what they do not
    /// set from a profile.
    ///
    /// The documentation of each option names its variable; an empty variable counts as one that is not set. Options
    /// are independent of each other: `TANGO_TOKEN_URL` still overrides the address of an environment that the program
    /// sets. Another call reads everything again and forgets what the last one read. On an error nothing changes.
    ///
    /// `TANGO_PROFILE` names a section of the configuration file: of `TANGO_CONFIG_FILE`, or of
    /// `tango-token/config.toml` in the user's directory for configuration. Without that variable no file is read. A
    /// profile can have a `credential_process`, a command that is given a minute to return credentials.
    pub fn load_env(&mut self) -> Result<(), Error> {
        self.load_env_with(None, None)
    }

    /// Does the same with the profile `profile` instead of that of `TANGO_PROFILE`, and the configuration file
    /// `config_file` instead of that of `TANGO_CONFIG_FILE`, as far as they are given.
    pub fn load_env_with(&mut self, profile: Option<&str>, config_file: Option<&Path>) -> Result<(), Error> {
        self.load(|name| match name {
            profile::PROFILE if let Some(profile) = profile => Some(profile.into()),
            profile::CONFIG_FILE if let Some(file) = config_file => Some(file.into()),
            _ => std::env::var_os(name),
        })
    }

    fn load(&mut self, lookup: impl Fn(&str) -> Option<OsString>) -> Result<(), Error> {
        let loaded = Options::read(&lookup)?;
        let taken: Vec<_> = self.set.names().into_iter().chain(loaded.names()).collect();
        self.profile = Profile::load(&lookup, &taken)?;
        self.from_files = explain::from_files(&lookup);
        self.loaded = loaded;
        self.is_loaded = true;
        Ok(())
    }

    /// Returns the options that have a value, wherever it comes from.
    fn effective(&self) -> Options {
        let options = self.set.clone().or(self.loaded.clone(), Origin::Variable);
        match &self.profile {
            Some(profile) => options.or(profile.options.clone(), Origin::Profile),
            None => options,
        }
    }

    /// Returns the settings of the connection, whatever is wrong with credentials, the key and the cache.
    pub(crate) fn network_settings(&self) -> Result<Settings, Error> {
        self.effective().for_network().resolve()
    }

    /// Returns the settings of the cache, whatever is wrong with other options.
    pub(crate) fn cache_settings(&self) -> Result<CacheSettings, String> {
        self.effective().resolve_cache()
    }

    /// Returns the DPoP mode, and the file of the key if the configuration names one.
    pub(crate) fn key_settings(&self) -> (DpopMode, Option<PathBuf>) {
        let options = self.effective();
        let file = match options.dpop_key {
            Some(KeySource::File(path)) => Some(path),
            _ => None,
        };
        (options.dpop.unwrap_or_default(), file)
    }

    /// Checks all options, so that one error names everything that has to be changed.
    pub(crate) fn resolve(&self) -> Result<Settings, Error> {
        let mut options = self.effective();
        if self.is_loaded {
            options.expect_in_environment();
        }
        options.resolve().map_err(|error| match &self.profile {
            Some(profile) => Error::new(error.status(), format!("{}; it uses {}", error.message(), profile.place())),
            None => error,
        })
    }
}
