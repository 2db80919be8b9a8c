//! Who asks, where, for which audience, within which limits.

mod cache;
mod credentials;
mod env;
mod settings;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::dpop::{DpopKey, DpopMode};
use crate::store::SharedCache;

pub(crate) use cache::CacheSettings;
pub use credentials::Credentials;
pub(crate) use settings::{Proxy, Settings, TokenRequest, Transport};

/// Tango's two environments, each with its authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Environment {
    /// `https://sandbox-auth.tangocard.com`, for development and tests.
    Sandbox = 1,
    /// `https://auth.tangocard.com`. Tango asks to confirm this host before going live; `token_url` overrides it.
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

/// Everything a program says once, before it asks for tokens.
///
/// Setters only store; making a client checks the whole and names everything that is missing or wrong. Secrets are
/// zeroised with it and never printed.
#[derive(Clone, Debug, Default)]
pub struct Config {
    environment: Option<Environment>,
    token_url: Option<Address>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    audience: Option<String>,
    scope: Option<String>,
    ca_file: Option<PathBuf>,
    proxy: Option<SecretString>,
    user_agent: Option<String>,
    connect_timeout: Option<Duration>,
    attempt_timeout: Option<Duration>,
    total_timeout: Option<Duration>,
    allow_plain_http: bool,
    api_url: Option<Address>,
    allowed_origins: Vec<Address>,
    dpop: Option<DpopMode>,
    dpop_key: Option<KeySource>,
    cache: Option<CacheSource>,
    cache_ca_file: Option<PathBuf>,
    allow_fetch_without_cache: bool,
}

/// Where the token outlives the process.
#[derive(Clone)]
enum CacheSource {
    /// `memory`, `file`, `file:` and a folder, or the URL of a Redis server, which can hold a password.
    Named(SecretString),
    Custom(Arc<dyn SharedCache>),
}

impl fmt::Debug for CacheSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Custom(_) => f.write_str("[a cache of the program's own]"),
        }
    }
}

/// Where the key comes from that tokens are bound to.
#[derive(Clone, Debug)]
enum KeySource {
    Given(DpopKey),
    File(PathBuf),
}

/// A URL as it was given. What may be a secret in it, credentials and query, is not printed.
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
            Err(_) => f.write_str("[no URL]"),
        }
    }
}

impl Config {
    /// An empty configuration: the credentials and an environment or a token URL have to follow.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which of Tango's environments to use; `token_url` overrides its address.
    pub fn environment(&mut self, environment: Environment) -> &mut Self {
        self.environment = Some(environment);
        self
    }

    /// The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts.
    pub fn token_url(&mut self, url: impl Into<String>) -> &mut Self {
        self.token_url = Some(Address(url.into()));
        self
    }

    /// The client ID from the Tango portal, under OAuth client credentials.
    pub fn client_id(&mut self, id: impl Into<String>) -> &mut Self {
        self.client_id = Some(id.into());
        self
    }

    /// The client secret that belongs to the client ID.
    pub fn client_secret(&mut self, secret: impl Into<SecretString>) -> &mut Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// The service account's user name from the Tango portal, under OAuth service accounts.
    pub fn username(&mut self, name: impl Into<String>) -> &mut Self {
        self.username = Some(name.into());
        self
    }

    /// The service account's password.
    pub fn password(&mut self, password: impl Into<SecretString>) -> &mut Self {
        self.password = Some(password.into());
        self
    }

    /// `24h` (the default) or `5min` for a token of that life, or any other audience, sent exactly as written.
    pub fn audience(&mut self, audience: impl Into<String>) -> &mut Self {
        self.audience = Some(audience.into());
        self
    }

    /// The scope to ask for; `raas.all` unless set.
    pub fn scope(&mut self, scope: impl Into<String>) -> &mut Self {
        self.scope = Some(scope.into());
        self
    }

    /// A PEM file of the certification authorities to trust instead of the system's.
    pub fn ca_file(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.ca_file = Some(path.into());
        self
    }

    /// `system` (the default: `HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS proxy.
    pub fn proxy(&mut self, proxy: impl Into<SecretString>) -> &mut Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// The `User-Agent` to send; `tango-token/VERSION` unless set.
    pub fn user_agent(&mut self, agent: impl Into<String>) -> &mut Self {
        self.user_agent = Some(agent.into());
        self
    }

    /// How long one connection may take to be ready, TLS included; 5 seconds unless set.
    pub fn connect_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How long one request may take, answer included; 10 seconds unless set.
    pub fn attempt_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// How long a caller may wait, retries included; 30 seconds unless set.
    pub fn total_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.total_timeout = Some(timeout);
        self
    }

    /// Allows a token URL without TLS on a host that is not loopback. Secrets then cross the network readable.
    pub fn allow_plain_http(&mut self, allowed: bool) -> &mut Self {
        self.allow_plain_http = allowed;
        self
    }

    /// The API that tokens are for, instead of the environment's. `authorize` makes headers for its origin only.
    pub fn api_url(&mut self, url: impl Into<String>) -> &mut Self {
        self.api_url = Some(Address(url.into()));
        self
    }

    /// Another origin that may get tokens, as a URL of it. Can be called several times.
    pub fn allow_origin(&mut self, url: impl Into<String>) -> &mut Self {
        self.allowed_origins.push(Address(url.into()));
        self
    }

    /// Whether tokens are bound to a key (RFC 9449); not unless set.
    pub fn dpop(&mut self, mode: DpopMode) -> &mut Self {
        self.dpop = Some(mode);
        self
    }

    /// The key that tokens are bound to. Where none is given, each client makes an ES256 key of its own.
    pub fn dpop_key(&mut self, key: DpopKey) -> &mut Self {
        self.dpop_key = Some(KeySource::Given(key));
        self
    }

    /// The same from a file, in PEM or as a JWK.
    pub fn dpop_key_file(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.dpop_key = Some(KeySource::File(path.into()));
        self
    }

    /// Where the token outlives the process and is shared with others: `memory` (the default: nowhere), `file` (a folder
    /// in the user's cache directory), `file:/another/folder`, or `redis://` or `rediss://[user:password@]host[:port][/db]`.
    ///
    /// With `?cluster=true` the server is a node of a cluster, of which further ones may follow after spaces; with
    /// `?prefix=` keys begin with another text than `tango-token:`. See docs/fleet.md.
    pub fn cache(&mut self, cache: impl Into<SecretString>) -> &mut Self {
        self.cache = Some(CacheSource::Named(cache.into()));
        self
    }

    /// A cache of the program's own, in whatever database it has.
    pub fn custom_cache(&mut self, cache: impl SharedCache) -> &mut Self {
        self.cache = Some(CacheSource::Custom(Arc::new(cache)));
        self
    }

    /// A PEM file of the certification authorities to trust for `rediss://` instead of the system's.
    pub fn cache_ca_file(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.cache_ca_file = Some(path.into());
        self
    }

    /// Fetches a token past a cache that cannot be used, instead of [`Status::CacheUnavailable`]. Each process that does
    /// so asks for a token of its own, which the server's daily limit may refuse.
    ///
    /// [`Status::CacheUnavailable`]: crate::Status::CacheUnavailable
    pub fn allow_fetch_without_cache(&mut self, anyway: bool) -> &mut Self {
        self.allow_fetch_without_cache = anyway;
        self
    }
}
