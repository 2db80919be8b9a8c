//! The keywords of `Client`, one for each option of the core.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use tango_token::Config;

use crate::dpop::PyDpopKey;
use crate::errors::{OrRaise, invalid_argument};

/// What a client was asked to be. `None` leaves an option as it is.
pub struct Options {
    pub environment: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub audience: Option<String>,
    pub scope: Option<String>,
    pub dpop: Option<String>,
    pub dpop_key: Option<PyDpopKey>,
    pub dpop_key_file: Option<PathBuf>,
    pub token_url: Option<String>,
    pub api_url: Option<String>,
    pub allowed_origins: Option<Vec<String>>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<String>,
    pub user_agent: Option<String>,
    pub connect_timeout: Option<Span>,
    pub attempt_timeout: Option<Span>,
    pub total_timeout: Option<Span>,
    pub allow_plain_http: Option<bool>,
    pub cache: Option<String>,
    pub cache_ca_file: Option<PathBuf>,
    pub allow_fetch_without_cache: Option<bool>,
    pub load_env: bool,
}

impl Options {
    pub fn into_config(self, py: Python<'_>) -> PyResult<Config> {
        let mut config = Config::new();
        if self.load_env {
            config.load_env().or_raise(py)?;
        }
        let enumerated = (
            self.environment.map(|name| by_name(py, "environment", &name)).transpose()?,
            self.dpop.map(|name| by_name(py, "dpop", &name)).transpose()?,
        );
        let timeout = |span: Option<Span>| span.map(|span| span.duration(py)).transpose();
        let timeouts = [timeout(self.connect_timeout)?, timeout(self.attempt_timeout)?, timeout(self.total_timeout)?];

        let mut set = Setter(&mut config);
        set.to(enumerated.0, Config::environment);
        set.to(self.client_id, Config::client_id);
        set.to(self.client_secret, Config::client_secret);
        set.to(self.username, Config::username);
        set.to(self.password, Config::password);
        set.to(self.audience, Config::audience);
        set.to(self.scope, Config::scope);
        set.to(enumerated.1, Config::dpop);
        set.to(self.dpop_key.map(|key| key.0), Config::dpop_key);
        set.to(self.dpop_key_file, Config::dpop_key_file);
        set.to(self.token_url, Config::token_url);
        set.to(self.api_url, Config::api_url);
        for origin in self.allowed_origins.into_iter().flatten() {
            set.to(Some(origin), Config::allow_origin);
        }
        set.to(self.ca_file, Config::ca_file);
        set.to(self.proxy, Config::proxy);
        set.to(self.user_agent, Config::user_agent);
        let [connect, attempt, total] = timeouts;
        set.to(connect, Config::connect_timeout);
        set.to(attempt, Config::attempt_timeout);
        set.to(total, Config::total_timeout);
        set.to(self.allow_plain_http, Config::allow_plain_http);
        set.to(self.cache, Config::cache);
        set.to(self.cache_ca_file, Config::cache_ca_file);
        set.to(self.allow_fetch_without_cache, Config::allow_fetch_without_cache);
        Ok(config)
    }
}

struct Setter<'a>(&'a mut Config);

impl Setter<'_> {
    fn to<T>(&mut self, value: Option<T>, set: impl FnOnce(&mut Config, T) -> &mut Config) {
        if let Some(value) = value {
            set(self.0, value);
        }
    }
}

/// A span of time as Python people write it.
#[derive(FromPyObject)]
pub enum Span {
    /// Seconds, whole or not.
    #[pyo3(transparent)]
    Seconds(f64),
    /// A `datetime.timedelta`.
    #[pyo3(transparent)]
    Delta(Duration),
}

impl Span {
    fn duration(self, py: Python<'_>) -> PyResult<Duration> {
        match self {
            Self::Seconds(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|error| invalid_argument(py, &format!("a timeout cannot be used: {error}"))),
            Self::Delta(delta) => Ok(delta),
        }
    }
}

/// An enum of the core by its name, in any case. The names are asked from it, so that there is no second table here.
pub fn by_name<T: TryFrom<i32> + Debug>(py: Python<'_>, option: &str, text: &str) -> PyResult<T> {
    const NUMBERS: std::ops::Range<i32> = 0..32;
    let known = || NUMBERS.filter_map(|number| T::try_from(number).ok());
    let name = |value: &T| format!("{value:?}");
    known().find(|value| name(value).eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names: Vec<_> = known().map(|value| name(&value).to_ascii_lowercase()).collect();
        invalid_argument(py, &format!("{option} must be one of {}", names.join(", ")))
    })
}
