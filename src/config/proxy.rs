//! The proxy between a client and its token endpoint: from the option, or from the variables that curl and other
//! programs read. A value that cannot be understood is an error, because credentials must not take another way than
//! configured.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::str::Utf8Error;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::no_proxy;

/// The way to a token endpoint, as the environment describes it.
#[derive(Debug, Default)]
pub(super) struct Route {
    pub proxy: Option<ProxyServer>,
    /// Why this is the way, as a part of a sentence.
    pub reason: String,
    /// A warning about variables that are ignored.
    pub warning: Option<&'static str>,
}

/// A proxy, and the setting that names it. Shown as host and port.
#[derive(Clone, Debug)]
pub(crate) struct ProxyServer {
    pub protocol: Protocol,
    /// The host as in a URL, an IPv6 address in brackets.
    pub host: String,
    pub port: u16,
    pub credentials: Option<ProxyCredentials>,
    /// The option or the variable to change.
    pub setting: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct ProxyCredentials {
    pub username: String,
    pub password: SecretString,
    /// The password as the URL has it.
    spelling: SecretString,
}

impl ProxyCredentials {
    /// Returns whether RFC 1929 can carry them.
    fn fit_socks(&self) -> bool {
        [self.username.len(), self.password.expose_secret().len()].iter().all(|length| (1..=255).contains(length))
    }
}

/// The protocol that a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    /// HTTP inside TLS.
    Https,
    /// SOCKS5 (RFC 1928) with addresses that this machine resolves.
    Socks5,
    /// SOCKS5 with host names, which the proxy resolves.
    Socks5h,
}

impl Protocol {
    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            "socks5" => Some(Self::Socks5),
            "socks5h" => Some(Self::Socks5h),
            _ => None,
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    /// Returns the protocol as a person knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTP inside TLS",
            Self::Socks5 => "SOCKS5, this machine resolves the server's name",
            Self::Socks5h => "SOCKS5, the proxy resolves the server's name",
        }
    }

    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl ProxyServer {
    /// Parses the URL of a proxy. No error repeats it, because it can contain a password.
    pub(super) fn parse(setting: &'static str, text: &str) -> Result<Self, String> {
        let problem = |what: &str| {
            format!(
                "{setting} {what}; it must be the URL of a proxy, as in http://user:password@host:port, with http://, \
                 https://, socks5:// or socks5h://, and special characters percent-encoded"
            )
        };
        // The parser would drop line breaks, and take a backslash for a slash.
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(problem("contains a blank or a line break"));
        }
        if text.contains(['"', '\'', '\\', '<', '>']) {
            return Err(problem("contains a quote, a backslash or an angle bracket"));
        }
        let url = Url::parse(text).map_err(|_| problem("is not a URL"))?;
        let protocol = Protocol::of_scheme(url.scheme()).ok_or_else(|| problem("has another scheme"))?;
        let host = url.host_str().filter(|host| !host.is_empty() && !host.contains('%'));
        let host = host.ok_or_else(|| problem("has no valid host"))?.to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(problem("has more than a host and a port"));
        }
        let credentials = credentials(&url).map_err(|_| problem("has credentials that are not UTF-8"))?;
        if !protocol.is_http() && !credentials.as_ref().is_none_or(ProxyCredentials::fit_socks) {
            return Err(problem("needs a user name and a password of 1 to 255 bytes for SOCKS5, or none"));
        }
        let port = url.port().unwrap_or(protocol.default_port());
        Ok(Self { protocol, host, port, credentials, setting })
    }

    /// Returns the proxy that the environment names for the host of `target`. Variables that do not matter for this
    /// target are not looked at.
    pub(super) fn of_environment(lookup: impl Fn(&str) -> Option<OsString>, target: &Url) -> Result<Route, String> {
        let mut route = Route::default();
        let own: [&'static str; 2] =
            if target.scheme() == "http" { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
        for name in own.into_iter().chain(["ALL_PROXY", "all_proxy"]) {
            let Some(value) = value(&lookup, name)? else { continue };
            // A web server that runs the program as a CGI script sets HTTP_PROXY to the Proxy header of the request.
            if name == "HTTP_PROXY" && lookup("REQUEST_METHOD").is_some() {
                route.warning = Some("HTTP_PROXY is ignored, because REQUEST_METHOD is set: a CGI request can set it");
                continue;
            }
            let url = if value.contains("://") { value } else { format!("http://{value}") };
            route.proxy = Some(Self::parse(name, &url)?);
            route.reason = format!("{name} names it");
            break;
        }
        if route.proxy.is_none() {
            route.reason = format!("neither {} nor ALL_PROXY is set", own[0]);
        } else if let Some((name, entry)) = exception(&lookup, target)? {
            route.proxy = None;
            route.reason = format!("{} is set, and `{entry}` in {name} covers this host", own[0]);
        }
        Ok(route)
    }

    pub fn has_tls(&self) -> bool {
        self.protocol == Protocol::Https
    }

    /// Returns the password, and its spelling in the setting, for redaction.
    pub fn passwords(&self) -> Vec<SecretString> {
        let credentials = self.credentials.iter();
        credentials.flat_map(|credentials| [credentials.password.clone(), credentials.spelling.clone()]).collect()
    }
}

/// Returns the user name and the password of a URL, if it has one of them.
fn credentials(url: &Url) -> Result<Option<ProxyCredentials>, Utf8Error> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    let spelling = url.password().unwrap_or_default();
    let (username, password) = (decoded(url.username())?, decoded(spelling)?.into());
    Ok(Some(ProxyCredentials { username, password, spelling: spelling.into() }))
}

/// Returns the variable and its entry by which the target is reached without a proxy.
fn exception(
    lookup: &impl Fn(&str) -> Option<OsString>,
    target: &Url,
) -> Result<Option<(&'static str, String)>, String> {
    for name in ["NO_PROXY", "no_proxy"] {
        if let Some(value) = value(lookup, name)? {
            let entry = no_proxy::entry_for(&value, target).map_err(|problem| format!("{name} {problem}"))?;
            return Ok(entry.map(|entry| (name, entry.to_owned())));
        }
    }
    Ok(None)
}

/// Returns the value of a variable without surrounding white space, if there is anything else in it.
fn value(lookup: &impl Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, String> {
    let Some(value) = lookup(name) else { return Ok(None) };
    let value = value.to_str().ok_or_else(|| format!("{name} must be UTF-8"))?.trim();
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

impl fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
