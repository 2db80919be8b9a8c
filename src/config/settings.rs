//! A checked configuration: complete, consistent, and with its files read.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Certificate;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::options::{
    DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_AUDIENCE, DEFAULT_CONNECT_TIMEOUT, DEFAULT_SCOPE, DEFAULT_TOTAL_TIMEOUT, Options,
};
use super::{CacheSettings, Environment, KeySource};
use crate::dpop::{Algorithm, Binding, DpopKey, DpopMode};
use crate::error::{Error, Status};
use crate::human;
use crate::policy::Quota;
use crate::secret::Redactor;
use crate::store::Identity;

/// Tango's two audiences: the short name, each spelling in Tango's documentation, and the lifetime of the tokens. The
/// short name stands for the first spelling.
const AUDIENCES: [(&str, &[&str], Duration); 2] = [
    ("24h", &["https://api.tangocard.com/", "https://api.tangocard.com"], Duration::from_secs(86_400)),
    ("5min", &["api.bhn.com/fiveminute", "tango-api.bhn.com/fiveminute"], Duration::from_secs(300)),
];
/// Nothing is documented about other audiences: the shorter lifetime is the safe one.
const UNDOCUMENTED_LIFETIME: Duration = Duration::from_secs(300);
const PROXY_SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// The checked configuration of a client.
#[derive(Clone)]
pub(crate) struct Settings {
    pub token_url: Url,
    pub request: TokenRequest,
    pub transport: Transport,
    /// The key to which tokens are bound, if they are.
    pub binding: Option<Binding>,
    /// The API, and the other origins that may receive tokens.
    pub api_urls: Vec<Url>,
    pub cache: CacheSettings,
}

impl Settings {
    /// Returns what the shared cache needs to know: whose tokens it holds, and the secrets that seal them.
    pub fn identity(&self) -> Identity<'_> {
        Identity {
            token_url: self.token_url.as_str(),
            client_id: &self.request.client_id,
            client_secret: &self.request.client_secret,
            username: &self.request.username,
            password: &self.request.password,
            scope: &self.request.scope,
            audience: &self.request.audience,
            binding: self.binding.as_ref(),
        }
    }

    /// Returns a redactor that knows every secret except the tokens.
    pub fn redactor(&self) -> Redactor {
        let mut secrets = vec![&self.request.client_secret, &self.request.password];
        let (proxy_password, cache_passwords) = (self.transport.proxy.password(), self.cache.passwords());
        secrets.extend(&proxy_password);
        secrets.extend(&cache_passwords);
        Redactor::new(secrets)
    }
}

/// The form fields of the token request.
#[derive(Clone)]
pub(crate) struct TokenRequest {
    pub client_id: String,
    pub client_secret: SecretString,
    pub username: String,
    pub password: SecretString,
    pub scope: String,
    pub audience: String,
    /// The documented lifetime of the audience's tokens, for a response without `expires_in`.
    pub documented_lifetime: Duration,
    pub quota: Quota,
}

impl TokenRequest {
    /// Returns whether both are for the same client and service account, whatever their secrets.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.client_id, &self.username) == (&other.client_id, &other.username)
    }

    pub fn has_the_secrets_of(&self, other: &Self) -> bool {
        let is_same = |one: &SecretString, another: &SecretString| one.expose_secret() == another.expose_secret();
        is_same(&self.client_secret, &other.client_secret) && is_same(&self.password, &other.password)
    }
}

#[derive(Clone)]
pub(crate) struct Transport {
    /// The certificate authorities to trust instead of the system's.
    pub authorities: Option<Vec<Certificate>>,
    pub proxy: Proxy,
    pub user_agent: HeaderValue,
    pub connect_timeout: Duration,
    pub attempt_timeout: Duration,
    pub total_timeout: Duration,
}

#[derive(Clone)]
pub(crate) enum Proxy {
    System,
    None,
    Explicit(SecretString),
}

impl Proxy {
    /// Returns the password in the URL of an explicit proxy.
    pub fn password(&self) -> Option<SecretString> {
        let Self::Explicit(url) = self else { return None };
        Url::parse(url.expose_secret()).ok()?.password().map(SecretString::from)
    }
}

impl Options {
    pub fn resolve(&self) -> Result<Settings, Error> {
        let mut problems = Problems::default();
        let token_url = problems.note(self.resolve_token_url());
        let request = self.resolve_request(&mut problems);
        // Plain http is for loopback: through a proxy the secrets would cross the network unencrypted.
        let loopback_only = !self.allows_plain_http() && token_url.as_ref().is_some_and(|url| url.scheme() == "http");
        let transport = self.resolve_transport(loopback_only, &mut problems);
        let binding = problems.note(self.resolve_binding());
        let api_urls = problems.note(self.resolve_api_urls());
        let cache = problems.note(self.resolve_cache());
        match (token_url, request, transport, binding, api_urls, cache) {
            (Some(token_url), Some(request), Some(transport), Some(binding), Some(api_urls), Some(cache)) => {
                Ok(Settings { token_url, request, transport, binding, api_urls, cache })
            }
            _ => Err(problems.into_error()),
        }
    }

    fn allows_plain_http(&self) -> bool {
        self.allow_plain_http.unwrap_or_default()
    }

    fn resolve_token_url(&self) -> Result<Url, String> {
        match (&self.token_url, self.environment) {
            (Some(url), _) => self.resolve_url("token_url", &url.0),
            (None, Some(environment)) => self.resolve_url("token_url", environment.token_url()),
            (None, None) => Err("set environment (sandbox or production) or token_url".into()),
        }
    }

    fn resolve_api_urls(&self) -> Result<Vec<Url>, String> {
        let api = self.api_url.as_ref().map(|url| url.0.as_str()).or(self.environment.map(Environment::api_url));
        let api = api.map(|url| self.resolve_url("api_url", url));
        let more = self.allowed_origins.iter().flatten().map(|url| self.resolve_url("an allowed origin", &url.0));
        api.into_iter().chain(more).collect()
    }

    fn resolve_url(&self, name: &str, text: &str) -> Result<Url, String> {
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
        Ok(url)
    }

    fn resolve_binding(&self) -> Result<Option<Binding>, String> {
        let required = match self.dpop.unwrap_or_default() {
            DpopMode::Off => return Ok(None),
            mode => mode == DpopMode::Required,
        };
        let key = match &self.dpop_key {
            Some(KeySource::Given(key)) => Ok(key.clone()),
            Some(KeySource::File(path)) => DpopKey::from_file(path),
            None => DpopKey::generate(Algorithm::Es256),
        };
        let key = key.map_err(|error| format!("dpop_key: {error}"))?;
        Ok(Some(Binding { key, required, is_configured: self.dpop_key.is_some() }))
    }

    fn resolve_request(&self, problems: &mut Problems) -> Option<TokenRequest> {
        let client_id = problems.require("client_id", self.client_id.as_ref(), String::is_empty);
        let client_secret = problems.require("client_secret", self.client_secret.as_ref(), is_empty);
        let username = problems.require("username", self.username.as_ref(), String::is_empty);
        let password = problems.require("password", self.password.as_ref(), is_empty);
        let (audience, documented_lifetime, quota) = resolve_audience(self.audience.as_deref());
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

    fn resolve_transport(&self, loopback_only: bool, problems: &mut Problems) -> Option<Transport> {
        let authorities = problems.note(self.ca_file.as_deref().map(read_authorities).transpose());
        let proxy = problems.note(resolve_proxy(self.proxy.as_ref(), loopback_only));
        let user_agent = problems.note(resolve_user_agent(self.user_agent.as_deref()));
        let connect_timeout =
            problems.note(resolve_timeout("connect_timeout", self.connect_timeout, DEFAULT_CONNECT_TIMEOUT));
        let attempt_timeout =
            problems.note(resolve_timeout("attempt_timeout", self.attempt_timeout, DEFAULT_ATTEMPT_TIMEOUT));
        let total_timeout = problems.note(resolve_timeout("total_timeout", self.total_timeout, DEFAULT_TOTAL_TIMEOUT));
        Some(Transport {
            authorities: authorities?,
            proxy: proxy?,
            user_agent: user_agent?,
            connect_timeout: connect_timeout?,
            attempt_timeout: attempt_timeout?,
            total_timeout: total_timeout?,
        })
    }
}

/// The problems found so far.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn note<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }

    fn require<T: Clone>(&mut self, name: &str, value: Option<&T>, is_empty: impl Fn(&T) -> bool) -> Option<T> {
        let found = value.filter(|value| !is_empty(value)).cloned();
        self.note(found.ok_or_else(|| format!("{name} is missing")))
    }

    fn into_error(self) -> Error {
        Error::new(Status::InvalidConfiguration, format!("the configuration cannot be used: {}", self.0.join("; ")))
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

pub(super) fn read_authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let problem = |what: &dyn std::fmt::Display| format!("ca_file {}: {what}", path.display());
    let pem = fs::read(path).map_err(|error| problem(&error))?;
    let authorities = Certificate::from_pem_bundle(&pem).map_err(|_| problem(&"not a file of PEM certificates"))?;
    if authorities.is_empty() { Err(problem(&"holds no PEM certificate")) } else { Ok(authorities) }
}

fn resolve_proxy(proxy: Option<&SecretString>, loopback_only: bool) -> Result<Proxy, String> {
    match proxy.map(|text| (text, text.expose_secret())) {
        None | Some((_, "" | "system")) if loopback_only => Ok(Proxy::None),
        None | Some((_, "" | "system")) => Ok(Proxy::System),
        Some((_, "none")) => Ok(Proxy::None),
        Some(_) if loopback_only => Err("proxy needs an https:// token_url, or allow_plain_http".into()),
        Some((text, url)) => match Url::parse(url) {
            Ok(url) if PROXY_SCHEMES.contains(&url.scheme()) && url.has_host() => Ok(Proxy::Explicit(text.clone())),
            _ => Err("proxy must be `system`, `none`, or an http://, https:// or socks5h:// URL".into()),
        },
    }
}

fn resolve_user_agent(agent: Option<&str>) -> Result<HeaderValue, String> {
    let agent = agent.unwrap_or(concat!("tango-token/", env!("CARGO_PKG_VERSION")));
    HeaderValue::from_str(agent).map_err(|_| "user_agent must be visible ASCII".into())
}

fn resolve_timeout(name: &str, timeout: Option<Duration>, default: Duration) -> Result<Duration, String> {
    let timeout = timeout.unwrap_or(default);
    if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
        return Err(format!("{name} must be between 1 ms and {}", human::span(LONGEST_TIMEOUT)));
    }
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::store::Names;

    fn complete() -> Config {
        let mut config = Config::new();
        config.environment(Environment::Sandbox).client_id("id").client_secret("secret");
        config.username("name").password("password");
        config
    }

    fn problem(change: impl FnOnce(&mut Config) -> &mut Config) -> String {
        let mut config = complete();
        change(&mut config);
        let error = config.resolve().err().expect("this configuration must be refused");
        assert_eq!(error.status(), Status::InvalidConfiguration);
        error.message().trim_start_matches("the configuration cannot be used: ").to_owned()
    }

    #[test]
    fn unset_options_take_their_defaults() {
        let settings = complete().resolve().unwrap();
        assert_eq!(settings.token_url.as_str(), "https://sandbox-auth.tangocard.com/oauth/token");
        assert_eq!(
            (settings.request.scope.as_str(), settings.request.audience.as_str()),
            ("raas.all", AUDIENCES[0].1[0])
        );
        assert_eq!(settings.transport.user_agent, concat!("tango-token/", env!("CARGO_PKG_VERSION")));
        assert!(matches!(settings.transport.proxy, Proxy::System));

        let production = complete().environment(Environment::Production).resolve().unwrap();
        assert_eq!(production.token_url.as_str(), "https://auth.tangocard.com/oauth/token");
    }

    #[test]
    fn settings_that_want_the_same_token_share_a_cache_key() {
        let key = |change: fn(&mut Config) -> &mut Config| {
            let mut config = complete();
            change(&mut config);
            let names = Names::of(&config.resolve().unwrap().identity());
            names.key(names.reads()[0]).to_owned()
        };
        let default = key(|config| config);
        assert_eq!(key(|config| config.audience("24h").scope("raas.all")), default);
        assert_eq!(key(|config| config.password("another")), default);
        assert_ne!(key(|config| config.audience("5min")), default);
        assert_ne!(key(|config| config.environment(Environment::Production)), default);
        let optional = key(|config| config.dpop(DpopMode::Optional));
        assert_ne!(optional, default);
        assert_eq!(
            optional,
            key(|config| config.dpop(DpopMode::Required)),
            "a client that becomes strict keeps its token"
        );
    }

    #[test]
    fn set_options_override_their_defaults() {
        let mut config = complete();
        config.token_url("https://other.example/token?tenant=1").audience("urn:other").scope("raas.some");
        let settings = config.resolve().unwrap();
        assert_eq!(settings.token_url.as_str(), "https://other.example/token?tenant=1");
        assert_eq!((settings.request.scope.as_str(), settings.request.audience.as_str()), ("raas.some", "urn:other"));
    }

    #[test]
    fn audience_is_sent_as_written_and_has_its_documented_lifetime() {
        for (written, sent, seconds) in [
            ("24h", "https://api.tangocard.com/", 86_400),
            ("https://api.tangocard.com/", "https://api.tangocard.com/", 86_400),
            ("https://api.tangocard.com", "https://api.tangocard.com", 86_400),
            ("5min", "api.bhn.com/fiveminute", 300),
            ("api.bhn.com/fiveminute", "api.bhn.com/fiveminute", 300),
            ("tango-api.bhn.com/fiveminute", "tango-api.bhn.com/fiveminute", 300),
            (" Any thing ", " Any thing ", 300),
        ] {
            let quota =
                if written.contains("5min") || written.contains("five") { Quota::Unknown } else { Quota::Daily };
            assert_eq!(resolve_audience(Some(written)), (sent.into(), Duration::from_secs(seconds), quota));
        }
    }

    #[test]
    fn one_error_names_every_missing_option() {
        let error = Config::new().resolve().err().unwrap();
        for name in ["environment", "token_url", "client_id", "client_secret", "username", "password"] {
            assert!(error.message().contains(name), "{name} is not in: {error}");
        }
        assert_eq!(problem(|config| config.password("")), "password is missing");
    }

    #[test]
    fn plain_http_is_refused_except_for_loopback() {
        for url in ["http://127.0.0.1:1/t", "http://localhost/t", "http://[::1]:2/t"] {
            assert!(complete().token_url(url).resolve().is_ok(), "{url}");
        }
        for url in ["http://tango.example/t", "http://10.0.0.1/t", "http://localhost.example/t", "http://a.localhost/t"]
        {
            assert!(problem(|config| config.token_url(url)).contains("https"), "{url}");
            assert!(complete().token_url(url).allow_plain_http(true).resolve().is_ok(), "{url}");
        }
    }

    #[test]
    fn plain_http_to_loopback_ignores_the_proxy() {
        let mut config = complete();
        config.token_url("http://127.0.0.1:1/t");
        assert!(matches!(config.resolve().unwrap().transport.proxy, Proxy::None), "not even the system's");
        config.proxy("http://proxy.example:8080");
        assert!(config.resolve().is_err());
        assert!(config.allow_plain_http(true).resolve().is_ok());
    }

    #[test]
    fn error_names_the_option_with_a_bad_value() {
        for (change, part) in [
            ((|config| config.token_url("no url")) as fn(&mut Config) -> &mut Config, "token_url"),
            (|config| config.token_url("ftp://host/"), "token_url"),
            (|config| config.token_url("https://me:pw@host/"), "token_url"),
            (|config| config.token_url("https://host/#part"), "token_url"),
            (|config| config.ca_file("/does/not/exist.pem"), "ca_file /does/not/exist.pem"),
            (|config| config.ca_file("Cargo.toml"), "ca_file Cargo.toml"),
            (|config| config.proxy("ftp://host"), "proxy"),
            (|config| config.proxy("host:8080"), "proxy"),
            (|config| config.user_agent("two\nlines"), "user_agent"),
            (|config| config.connect_timeout(Duration::ZERO), "connect_timeout"),
            (|config| config.attempt_timeout(Duration::from_secs(601)), "attempt_timeout"),
            (|config| config.total_timeout(Duration::MAX), "total_timeout"),
            (|config| config.dpop(DpopMode::Optional).dpop_key_file("/no/key"), "dpop_key: /no/key"),
        ] {
            let message = problem(change);
            assert!(message.starts_with(part), "{message} does not start with {part}");
        }
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let mut config = complete();
        config.client_secret("hush-1").password("hush-2").proxy("http://user:hush-3@proxy");
        config.token_url("https://me:hush-4@host/?key=hush-5");
        assert!(!format!("{config:?}").contains("hush"));
    }
}
