//! The configuration of a client: credentials, servers, limits, DPoP and the cache.

mod authorities;
mod binding;
mod cache;
mod characters;
mod credentials;
mod env;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod labels;
mod no_proxy;
mod options;
mod problems;
mod proxy;
mod resolve;
mod settings;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use crate::callbacks::Foreign;
use crate::dpop::DpopKey;
use crate::error::Error;
use crate::store::SharedCache;

pub use cache::CacheKind;
pub(crate) use cache::CacheSettings;
pub(crate) use characters::LONGEST as LONGEST_STRING;
pub use credentials::Credentials;
use options::Options;
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

    /// A configuration from the `TANGO_*` environment variables.
    pub fn from_env() -> Result<Self, Error> {
        let mut config = Self::new();
        config.load_env()?;
        Ok(config)
    }

    /// Reads the options that the program does not set from the `TANGO_*` environment variables.
    ///
    /// The documentation of each option names its variable; an empty variable counts as one that is not set. Options
    /// are independent of each other: `TANGO_TOKEN_URL` still overrides the address of an environment that the program
    /// sets. Another call reads all variables again and forgets what the last one read. On an error nothing changes.
    pub fn load_env(&mut self) -> Result<(), Error> {
        self.load(|name| std::env::var_os(name))
    }

    fn load(&mut self, lookup: impl Fn(&str) -> Option<OsString>) -> Result<(), Error> {
        self.loaded = Options::read(&lookup)?;
        self.is_loaded = true;
        Ok(())
    }

    /// Checks all options, so that one error names everything that has to be changed.
    pub(crate) fn resolve(&self) -> Result<Settings, Error> {
        let mut options = self.set.clone().or(self.loaded.clone());
        if self.is_loaded {
            options.expect_in_environment();
        }
        options.resolve()
    }
}
