//! Checks the options together and makes settings of them, so that one error names everything that has to be changed.

use std::env;
use std::time::Duration;

use http::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::characters::{self, Check};
use super::options::{
    DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_AUDIENCE, DEFAULT_CONNECT_TIMEOUT, DEFAULT_SCOPE, DEFAULT_TOTAL_TIMEOUT, Options,
};
use super::problems::Problems;
use super::proxy::{ProxyServer, Route};
use super::settings::{Settings, TokenRequest, Transport};
use super::{Environment, authorities};
use crate::error::Error;
use crate::human;
use crate::policy::Quota;
use crate::trust::Trust;

/// Tango's two audiences: the short name, each spelling in Tango's documentation, and the lifetime of the tokens. The
/// short name stands for the first spelling.
const AUDIENCES: [(&str, &[&str], Duration); 2] = [
    ("24h", &["https://api.tangocard.com/", "https://api.tangocard.com"], Duration::from_secs(86_400)),
    ("5min", &["api.bhn.com/fiveminute", "tango-api.bhn.com/fiveminute"], Duration::from_secs(300)),
];
/// Nothing is documented about other audiences: the shorter lifetime is the safe one.
const UNDOCUMENTED_LIFETIME: Duration = Duration::from_secs(300);
pub(super) const DEFAULT_USER_AGENT: &str = concat!("tango-token/", env!("CARGO_PKG_VERSION"));
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

impl Options {
    pub fn resolve(&self) -> Result<Settings, Error> {
        let mut problems = Problems::default();
        let token_url = problems.note(self.resolve_token_url());
        let request = self.resolve_request(&mut problems);
        let transport = self.resolve_transport(token_url.as_ref(), &mut problems);
        let binding = problems.note(self.resolve_binding());
        let api_urls = problems.note(self.resolve_api_urls());
        let cache = problems.note(self.resolve_cache());
        match (token_url, request, transport, binding, api_urls, cache) {
            (Some(token_url), Some(request), Some(transport), Some(binding), Some(api_urls), Some(cache))
                if problems.is_empty() =>
            {
                Ok(Settings { token_url, request, transport, binding, api_urls, cache })
            }
            _ => Err(problems.into_error()),
        }
    }

    /// Returns these options with stand-ins for everything that the connection does not depend on.
    pub fn for_network(self) -> Self {
        const UNUSED: &str = "unused";
        Self {
            client_id: Some(UNUSED.into()),
            client_secret: Some(UNUSED.into()),
            username: Some(UNUSED.into()),
            password: Some(UNUSED.into()),
            audience: None,
            scope: None,
            api_url: None,
            allowed_origins: None,
            dpop: None,
            dpop_key: None,
            cache: None,
            ..self
        }
    }

    fn allows_plain_http(&self) -> bool {
        self.allow_plain_http.unwrap_or_default()
    }

    fn resolve_token_url(&self) -> Result<Url, String> {
        match (&self.token_url, self.environment) {
            (Some(url), _) => self.resolve_url(self.label("token_url"), &url.0),
            (None, Some(environment)) => self.resolve_url("token_url", environment.token_url()),
            (None, None) => Err(format!(
                "set {} (`sandbox` or `production`) or {}",
                self.label("environment"),
                self.label("token_url")
            )),
        }
    }

    fn resolve_api_urls(&self) -> Result<Vec<Url>, String> {
        let api = self.api_url.as_ref().map(|url| url.0.as_str()).or(self.environment.map(Environment::api_url));
        let api = api.map(|url| self.resolve_url(self.label("api_url"), url));
        let more = self.allowed_origins.iter().flatten().zip(1..).map(|(url, number)| {
            self.resolve_origin(&format!("entry {number} of {}", self.label("allowed_origins")), &url.0)
        });
        api.into_iter().chain(more).collect()
    }

    fn resolve_origin(&self, name: &str, origin: &str) -> Result<Url, String> {
        if origin.contains(',') {
            return Err(format!("{name} contains a comma; it must be one origin"));
        }
        let url = self.resolve_url(name, origin)?;
        if url.path() != "/" || url.query().is_some() {
            return Err(format!("{name} must be an origin, such as https://api.example, without a path and a query"));
        }
        if url.host_str().is_some_and(|host| host.ends_with('.')) {
            return Err(format!("{name} has a host that ends with a dot, which makes it another origin"));
        }
        Ok(url)
    }

    fn resolve_url(&self, name: &str, text: &str) -> Result<Url, String> {
        characters::url(text).map_err(|problem| format!("{name} {problem}"))?;
        if !text.contains("://") {
            return Err(format!("{name} is not an absolute URL: it does not begin with https://"));
        }
        let url = Url::parse(text).map_err(|error| format!("{name} is not an absolute URL: {error}"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allows_plain_http() || is_loopback(&url) => {}
            "http" => {
                return Err(format!("{name} must be https:// (plain http needs a loopback host or allow_plain_http)"));
            }
            _ => return Err(format!("{name} must be https://")),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(format!("{name} must have neither credentials nor a fragment"));
        }
        if let Some(Host::Domain(host)) = url.host()
            && !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        {
            return Err(format!("{name} must name one host; a `*` or another sign is not a part of a name"));
        }
        Ok(url)
    }

    fn resolve_request(&self, problems: &mut Problems) -> Option<TokenRequest> {
        let client_id = problems.require(self.label("client_id"), self.client_id.as_ref(), String::is_empty);
        let client_secret = problems.require(self.label("client_secret"), self.client_secret.as_ref(), is_empty);
        let username = problems.require(self.label("username"), self.username.as_ref(), String::is_empty);
        let password = problems.require(self.label("password"), self.password.as_ref(), is_empty);
        let (audience, documented_lifetime, quota) = resolve_audience(self.audience.as_deref());
        self.check_characters(problems);
        Some(TokenRequest {
            client_id: client_id?,
            client_secret: client_secret?,
            username: username?,
            password: password?,
            scope: self.scope.clone().filter(|scope| !scope.is_empty()).unwrap_or_else(|| DEFAULT_SCOPE.into()),
            audience,
            documented_lifetime,
            quota,
        })
    }

    /// Notes which of the values that are sent as they are cannot be right.
    fn check_characters(&self, problems: &mut Problems) {
        let checks: [(_, Option<&str>, Check); 6] = [
            ("client_id", self.client_id.as_deref(), characters::client_id),
            ("client_secret", self.client_secret.as_ref().map(ExposeSecret::expose_secret), characters::client_secret),
            ("username", self.username.as_deref(), characters::username),
            ("password", self.password.as_ref().map(ExposeSecret::expose_secret), characters::password),
            ("audience", self.audience.as_deref(), characters::name),
            ("scope", self.scope.as_deref(), characters::scope),
        ];
        for (option, value, check) in checks {
            problems.note(self.checked(option, value, check));
        }
    }

    /// An empty value counts as none.
    fn checked(&self, option: &'static str, value: Option<&str>, check: Check) -> Result<(), String> {
        let problem = value.filter(|value| !value.is_empty()).map_or(Ok(()), check);
        problem.map_err(|problem| format!("{} {problem}", self.label(option)))
    }

    fn resolve_user_agent(&self) -> Result<HeaderValue, String> {
        self.checked("user_agent", self.user_agent.as_deref(), characters::user_agent)?;
        let agent = self.user_agent.as_deref().filter(|agent| !agent.is_empty()).unwrap_or(DEFAULT_USER_AGENT);
        HeaderValue::from_str(agent).map_err(|_| "user_agent must be visible ASCII".into())
    }

    fn resolve_timeout(
        &self,
        option: &'static str,
        timeout: Option<Duration>,
        default: Duration,
    ) -> Result<Duration, String> {
        let timeout = timeout.unwrap_or(default);
        if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
            return Err(format!("{} must be between 1 ms and {}", self.label(option), human::span(LONGEST_TIMEOUT)));
        }
        Ok(timeout)
    }

    fn resolve_transport(&self, token_url: Option<&Url>, problems: &mut Problems) -> Option<Transport> {
        let (proxy, proxy_reason) = problems.note(self.resolve_proxy(token_url)).unzip();
        let trust = problems.note(self.resolve_trust(token_url, proxy.as_ref().and_then(Option::as_ref)));
        let user_agent = problems.note(self.resolve_user_agent());
        let connect_timeout =
            problems.note(self.resolve_timeout("connect_timeout", self.connect_timeout, DEFAULT_CONNECT_TIMEOUT));
        let attempt_timeout =
            problems.note(self.resolve_timeout("attempt_timeout", self.attempt_timeout, DEFAULT_ATTEMPT_TIMEOUT));
        let total_timeout =
            problems.note(self.resolve_timeout("total_timeout", self.total_timeout, DEFAULT_TOTAL_TIMEOUT));
        Some(Transport {
            trust: trust?,
            proxy: proxy?,
            proxy_reason: proxy_reason?,
            user_agent: user_agent?,
            connect_timeout: connect_timeout?,
            attempt_timeout: attempt_timeout?,
            total_timeout: total_timeout?,
        })
    }

    /// Returns the proxy, and why it is this one.
    fn resolve_proxy(&self, token_url: Option<&Url>) -> Result<(Option<ProxyServer>, String), String> {
        // Plain http is for loopback: through a proxy the secrets would cross the network unencrypted.
        let loopback_only = !self.allows_plain_http() && token_url.is_some_and(|url| url.scheme() == "http");
        let label = self.label("proxy");
        match self.proxy.as_ref().map(ExposeSecret::expose_secret) {
            None | Some("" | "system") => match token_url.filter(|_| !loopback_only) {
                Some(url) => {
                    let Route { proxy, reason, warning } = ProxyServer::of_environment(|name| env::var_os(name), url)?;
                    warning.inspect(|warning| tracing::warn!("{warning}"));
                    Ok((proxy, reason))
                }
                None => Ok((None, "plain HTTP to a loopback host uses none".into())),
            },
            Some("none") => Ok((None, format!("{label} is `none`"))),
            Some(_) if loopback_only => Err(format!("{label} needs an https:// token_url, or allow_plain_http")),
            Some(url) if url.contains("://") => {
                characters::name(url).map_err(|problem| format!("{label} {problem}"))?;
                ProxyServer::parse(label, url).map(|proxy| (Some(proxy), format!("{label} names it")))
            }
            Some(_) => Err(format!("{label} must be `system`, `none`, or the URL of a proxy")),
        }
    }

    /// No certificates are looked for where there is no TLS.
    fn resolve_trust(&self, token_url: Option<&Url>, proxy: Option<&ProxyServer>) -> Result<Trust, String> {
        let has_tls = token_url.is_some_and(|url| url.scheme() == "https") || proxy.is_some_and(ProxyServer::has_tls);
        authorities::resolve(self.label("ca_file"), self.ca_file.as_deref(), has_tls)
    }
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().is_empty()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Returns the audience to send, the lifetime of its tokens, and their quota. Only a short name is replaced.
fn resolve_audience(audience: Option<&str>) -> (String, Duration, Quota) {
    let wanted = audience.filter(|text| !text.is_empty()).unwrap_or(DEFAULT_AUDIENCE);
    for (short_name, spellings, lifetime) in AUDIENCES {
        if wanted == short_name {
            return (spellings[0].into(), lifetime, Quota::of_documented(lifetime));
        }
        if spellings.contains(&wanted) {
            return (wanted.into(), lifetime, Quota::of_documented(lifetime));
        }
    }
    (wanted.into(), UNDOCUMENTED_LIFETIME, Quota::Daily)
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
