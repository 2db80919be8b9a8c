//! The environment variables, one for each option.

use std::env;
use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use super::{Address, CacheSource, Config, Environment, KeySource};
use crate::dpop::DpopMode;
use crate::error::{Error, Status};

impl Config {
    /// A configuration from the `TANGO_*` environment variables.
    pub fn from_env() -> Result<Self, Error> {
        let mut config = Self::new();
        config.load_env()?;
        Ok(config)
    }

    /// Overrides what was set so far with each `TANGO_*` variable that is set and not empty.
    ///
    /// `TANGO_ENVIRONMENT` (`sandbox` or `production`), `TANGO_TOKEN_URL`, `TANGO_CLIENT_ID`, `TANGO_CLIENT_SECRET`,
    /// `TANGO_USERNAME`, `TANGO_PASSWORD`, `TANGO_AUDIENCE`, `TANGO_SCOPE`, `TANGO_CA_FILE`, `TANGO_PROXY`,
    /// `TANGO_USER_AGENT`, `TANGO_CONNECT_TIMEOUT_MS`, `TANGO_ATTEMPT_TIMEOUT_MS`, `TANGO_TOTAL_TIMEOUT_MS`,
    /// `TANGO_ALLOW_PLAIN_HTTP` (`true` or `false`), `TANGO_DPOP` (`off`, `optional` or `required`),
    /// `TANGO_DPOP_KEY_FILE`, `TANGO_API_URL`, `TANGO_ALLOWED_ORIGINS` (URLs, separated by spaces), `TANGO_CACHE`,
    /// `TANGO_CACHE_CA_FILE`, `TANGO_ALLOW_FETCH_WITHOUT_CACHE` (`true` or `false`). On an error nothing is changed.
    pub fn load_env(&mut self) -> Result<(), Error> {
        self.load(|name| env::var_os(name))
    }

    /// A literal of the whole structure, so that the compiler asks for a variable for each option.
    fn load(&mut self, lookup: impl Fn(&str) -> Option<OsString>) -> Result<(), Error> {
        let lookup = &lookup;
        let before = self.clone();
        *self = Self {
            environment: read(lookup, "TANGO_ENVIRONMENT", environment)?.or(before.environment),
            token_url: read(lookup, "TANGO_TOKEN_URL", text)?.or(before.token_url),
            client_id: read(lookup, "TANGO_CLIENT_ID", text)?.or(before.client_id),
            client_secret: read(lookup, "TANGO_CLIENT_SECRET", text)?.or(before.client_secret),
            username: read(lookup, "TANGO_USERNAME", text)?.or(before.username),
            password: read(lookup, "TANGO_PASSWORD", text)?.or(before.password),
            audience: read(lookup, "TANGO_AUDIENCE", text)?.or(before.audience),
            scope: read(lookup, "TANGO_SCOPE", text)?.or(before.scope),
            ca_file: read(lookup, "TANGO_CA_FILE", text)?.or(before.ca_file),
            proxy: read(lookup, "TANGO_PROXY", text)?.or(before.proxy),
            user_agent: read(lookup, "TANGO_USER_AGENT", text)?.or(before.user_agent),
            connect_timeout: read(lookup, "TANGO_CONNECT_TIMEOUT_MS", milliseconds)?.or(before.connect_timeout),
            attempt_timeout: read(lookup, "TANGO_ATTEMPT_TIMEOUT_MS", milliseconds)?.or(before.attempt_timeout),
            total_timeout: read(lookup, "TANGO_TOTAL_TIMEOUT_MS", milliseconds)?.or(before.total_timeout),
            api_url: read(lookup, "TANGO_API_URL", text)?.or(before.api_url),
            allowed_origins: read(lookup, "TANGO_ALLOWED_ORIGINS", addresses)?.unwrap_or(before.allowed_origins),
            dpop: read(lookup, "TANGO_DPOP", dpop)?.or(before.dpop),
            dpop_key: read(lookup, "TANGO_DPOP_KEY_FILE", |path| Ok(KeySource::File(path.into())))?.or(before.dpop_key),
            cache: read(lookup, "TANGO_CACHE", |name| Ok(CacheSource::Named(name.into())))?.or(before.cache),
            cache_ca_file: read(lookup, "TANGO_CACHE_CA_FILE", text)?.or(before.cache_ca_file),
            allow_fetch_without_cache: read(lookup, "TANGO_ALLOW_FETCH_WITHOUT_CACHE", flag)?
                .unwrap_or(before.allow_fetch_without_cache),
            allow_plain_http: read(lookup, "TANGO_ALLOW_PLAIN_HTTP", flag)?.unwrap_or(before.allow_plain_http),
        };
        Ok(())
    }
}

/// `parse` says what it expects where it does not understand the text. The text itself is not repeated: somebody may
/// have put a secret into the wrong variable.
fn read<T>(
    lookup: impl Fn(&str) -> Option<OsString>,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, Error> {
    let invalid = |expected| Error::new(Status::InvalidConfiguration, format!("{name} must be {expected}"));
    match lookup(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => parse(value.to_str().ok_or_else(|| invalid("UTF-8"))?).map(Some).map_err(invalid),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of the other parsers")]
fn text<T: for<'a> From<&'a str>>(text: &str) -> Result<T, &'static str> {
    Ok(text.into())
}

fn milliseconds(text: &str) -> Result<Duration, &'static str> {
    u64::from_str(text).map(Duration::from_millis).map_err(|_| "a whole number of milliseconds")
}

fn environment(text: &str) -> Result<Environment, &'static str> {
    match text {
        "sandbox" => Ok(Environment::Sandbox),
        "production" => Ok(Environment::Production),
        _ => Err("`sandbox` or `production`"),
    }
}

/// Separated by spaces, which no URL has.
#[expect(clippy::unnecessary_wraps, reason = "the shape of the other parsers")]
fn addresses(text: &str) -> Result<Vec<Address>, &'static str> {
    Ok(text.split_ascii_whitespace().map(Address::from).collect())
}

fn dpop(text: &str) -> Result<DpopMode, &'static str> {
    match text {
        "off" => Ok(DpopMode::Off),
        "optional" => Ok(DpopMode::Optional),
        "required" => Ok(DpopMode::Required),
        _ => Err("`off`, `optional` or `required`"),
    }
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("`true` or `false`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn load(variables: &[(&str, &str)]) -> Result<Config, Error> {
        let mut config = Config::new();
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        config.load(find).map(|()| config)
    }

    #[test]
    fn every_option_has_a_variable() {
        let config = load(&[
            ("TANGO_ENVIRONMENT", "production"),
            ("TANGO_TOKEN_URL", "https://host/token"),
            ("TANGO_CLIENT_ID", "id"),
            ("TANGO_CLIENT_SECRET", "s€cret"),
            ("TANGO_USERNAME", "name"),
            ("TANGO_PASSWORD", "pass"),
            ("TANGO_AUDIENCE", "5min"),
            ("TANGO_SCOPE", "raas.some"),
            ("TANGO_CA_FILE", "/ca.pem"),
            ("TANGO_PROXY", "none"),
            ("TANGO_USER_AGENT", "agent/1"),
            ("TANGO_CONNECT_TIMEOUT_MS", "1"),
            ("TANGO_ATTEMPT_TIMEOUT_MS", "2"),
            ("TANGO_TOTAL_TIMEOUT_MS", "3"),
            ("TANGO_ALLOW_PLAIN_HTTP", "true"),
            ("TANGO_API_URL", "https://api.example"),
            ("TANGO_ALLOWED_ORIGINS", "https://a.example https://b.example"),
            ("TANGO_DPOP", "required"),
            ("TANGO_DPOP_KEY_FILE", "/key.pem"),
            ("TANGO_CACHE", "rediss://cache.example"),
            ("TANGO_CACHE_CA_FILE", "/cache.pem"),
            ("TANGO_ALLOW_FETCH_WITHOUT_CACHE", "true"),
        ])
        .unwrap();
        assert_eq!(config.environment, Some(Environment::Production));
        assert_eq!(config.client_secret.unwrap().expose_secret(), "s€cret");
        assert_eq!(config.password.unwrap().expose_secret(), "pass");
        assert_eq!(config.proxy.unwrap().expose_secret(), "none");
        assert_eq!(config.ca_file.unwrap().to_str(), Some("/ca.pem"));
        assert_eq!(config.token_url.unwrap().0, "https://host/token");
        let texts = [config.client_id, config.username, config.audience, config.scope, config.user_agent];
        assert_eq!(texts.map(Option::unwrap), ["id", "name", "5min", "raas.some", "agent/1"]);
        let spans = [config.connect_timeout, config.attempt_timeout, config.total_timeout];
        assert_eq!(spans.map(Option::unwrap), [1, 2, 3].map(Duration::from_millis));
        assert!(config.allow_plain_http);
        assert_eq!(config.api_url.unwrap().0, "https://api.example");
        assert_eq!(config.allowed_origins.len(), 2);
        assert_eq!(config.dpop, Some(DpopMode::Required));
        assert!(
            matches!(config.cache, Some(CacheSource::Named(name)) if name.expose_secret() == "rediss://cache.example")
        );
        assert_eq!(
            (config.cache_ca_file.unwrap().to_str(), config.allow_fetch_without_cache),
            (Some("/cache.pem"), true)
        );
        assert!(matches!(config.dpop_key, Some(KeySource::File(path)) if path.to_str() == Some("/key.pem")));
    }

    #[test]
    fn what_is_not_set_or_empty_changes_nothing() {
        let mut config = Config::new();
        config.client_id("kept");
        config.load(|name| (name == "TANGO_CLIENT_ID").then(OsString::new)).unwrap();
        assert_eq!(config.client_id.as_deref(), Some("kept"));
    }

    #[test]
    fn a_bad_value_names_its_variable_and_never_repeats_it() {
        for (name, expected) in [
            ("TANGO_ENVIRONMENT", "`sandbox` or `production`"),
            ("TANGO_TOTAL_TIMEOUT_MS", "a whole number of milliseconds"),
            ("TANGO_ALLOW_PLAIN_HTTP", "`true` or `false`"),
            ("TANGO_DPOP", "`off`, `optional` or `required`"),
        ] {
            let error = load(&[("TANGO_CLIENT_ID", "id"), (name, "hunter2")]).unwrap_err();
            assert_eq!(error.status(), Status::InvalidConfiguration);
            assert_eq!(error.message(), format!("{name} must be {expected}"));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_variable_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStringExt;
        let mut config = Config::new();
        let bytes = |name: &str| (name == "TANGO_PASSWORD").then(|| OsString::from_vec(vec![0xff]));
        assert_eq!(config.load(bytes).unwrap_err().message(), "TANGO_PASSWORD must be UTF-8");
    }
}
