//! The environment, for the fuzz targets.

use std::ffi::OsString;
use std::time::Duration;

use url::Url;

use super::profile::PROFILE;
use super::proxy::ProxyServer;
use super::{Config, no_proxy};
use crate::error::Error;
use crate::fuzzing::exposed;

/// Reads the options from variables, as `Config::from_env` does, but no profile: it could name a command.
pub fn load(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Config, Error> {
    let mut config = Config::new();
    config.load(|name| lookup(name).filter(|_| name != PROFILE))?;
    Ok(config)
}

/// A checked configuration.
#[derive(Debug)]
pub struct Resolved {
    /// The URL of the token endpoint.
    pub token_url: Url,
    /// The origins that may get a token.
    pub api_urls: Vec<Url>,
    /// The timeouts of a connection, an attempt and a call.
    pub timeouts: [Duration; 3],
    /// The documented lifetime of tokens.
    pub documented_lifetime: Duration,
    /// The shared cache, as it is named in the log.
    pub cache: String,
    /// A string as the redactor of the client lets a person see it.
    pub redacted: String,
}

/// Checks the options, and cleans a string as the client would.
pub fn resolve(config: &Config, string: &str) -> Result<Resolved, Error> {
    let settings = config.resolve()?;
    let redacted = settings.redactor().clean(string);
    let transport = settings.transport;
    Ok(Resolved {
        token_url: settings.token_url,
        api_urls: settings.api_urls,
        timeouts: [transport.connect_timeout, transport.attempt_timeout, transport.total_timeout],
        documented_lifetime: settings.request.documented_lifetime,
        cache: settings.cache.name(),
        redacted,
    })
}

/// A proxy.
#[derive(Debug)]
pub struct Proxy {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user name and the password.
    pub credentials: Option<(String, String)>,
    /// The proxy as messages and the log show it.
    pub shown: String,
}

/// Returns the proxy that the variables of the environment name for a URL.
pub fn proxy(lookup: impl Fn(&str) -> Option<OsString>, target: &Url) -> Result<Option<Proxy>, String> {
    let Some(proxy) = ProxyServer::of_environment(lookup, target)?.proxy else { return Ok(None) };
    let shown = format!("{proxy} {proxy:?}");
    let credentials = proxy.credentials.map(|credentials| (credentials.username, exposed(&credentials.password)));
    Ok(Some(Proxy { host: proxy.host, port: proxy.port, credentials, shown }))
}

/// Returns whether `NO_PROXY` with this value covers a URL.
pub fn is_excepted(no_proxy: &str, target: &Url) -> Result<bool, String> {
    Ok(no_proxy::entry_for(no_proxy, target)?.is_some())
}
