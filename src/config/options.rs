//! The options of a client.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::env::{Source, ValueType, addresses, flag, milliseconds, read, secret, string};
use super::origin::Origin;
use super::problems::Problems;
use super::shown::{list, without_credentials};
use super::{Address, CacheSource, Config, Environment, KeySource};
use crate::dpop::{DpopKey, DpopMode};
use crate::error::Error;
use crate::human;
use crate::store::SharedCache;

pub(super) const DEFAULT_AUDIENCE: &str = "24h";
pub(super) const DEFAULT_SCOPE: &str = "raas.all";
pub(super) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(5_000);
pub(super) const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(10_000);
pub(super) const DEFAULT_TOTAL_TIMEOUT: Duration = Duration::from_millis(30_000);

/// The keys of a profile: the option, the variable that the key is named after, and the type of the value.
pub(super) const PROFILE_KEYS: [(&str, &str, ValueType); 24] = [
    ("environment", "TANGO_ENVIRONMENT", ValueType::String),
    ("token_url", "TANGO_TOKEN_URL", ValueType::String),
    ("client_id", "TANGO_CLIENT_ID", ValueType::String),
    ("client_secret", "TANGO_CLIENT_SECRET", ValueType::String),
    ("client_secret", "TANGO_CLIENT_SECRET_FILE", ValueType::Path),
    ("username", "TANGO_USERNAME", ValueType::String),
    ("password", "TANGO_PASSWORD", ValueType::String),
    ("password", "TANGO_PASSWORD_FILE", ValueType::Path),
    ("audience", "TANGO_AUDIENCE", ValueType::String),
    ("scope", "TANGO_SCOPE", ValueType::String),
    ("ca_file", "TANGO_CA_FILE", ValueType::Path),
    ("proxy", "TANGO_PROXY", ValueType::String),
    ("user_agent", "TANGO_USER_AGENT", ValueType::String),
    ("connect_timeout", "TANGO_CONNECT_TIMEOUT_MS", ValueType::Integer),
    ("attempt_timeout", "TANGO_ATTEMPT_TIMEOUT_MS", ValueType::Integer),
    ("total_timeout", "TANGO_TOTAL_TIMEOUT_MS", ValueType::Integer),
    ("allow_plain_http", "TANGO_ALLOW_PLAIN_HTTP", ValueType::Boolean),
    ("api_url", "TANGO_API_URL", ValueType::String),
    ("allowed_origins", "TANGO_ALLOWED_ORIGINS", ValueType::Strings),
    ("dpop", "TANGO_DPOP", ValueType::String),
    ("dpop_key", "TANGO_DPOP_KEY_FILE", ValueType::Path),
    ("cache", "TANGO_CACHE", ValueType::String),
    ("cache_ca_file", "TANGO_CACHE_CA_FILE", ValueType::Path),
    ("allow_fetch_without_cache", "TANGO_ALLOW_FETCH_WITHOUT_CACHE", ValueType::Boolean),
];

/// The options in the order of the table, each with its default in words.
pub(super) const OPTIONS: [(&str, &str); 22] = [
    ("environment", ""),
    ("token_url", "that of the environment"),
    ("client_id", ""),
    ("client_secret", ""),
    ("username", ""),
    ("password", ""),
    ("audience", "24h"),
    ("scope", "raas.all"),
    ("ca_file", "the system's certificates"),
    ("proxy", "system"),
    ("user_agent", "tango-token/VERSION"),
    ("connect_timeout", "5 s"),
    ("attempt_timeout", "10 s"),
    ("total_timeout", "30 s"),
    ("allow_plain_http", "false"),
    ("api_url", "that of the environment"),
    ("allowed_origins", ""),
    ("dpop", "off"),
    ("dpop_key", "each client generates an ES256 key"),
    ("cache", "memory"),
    ("cache_ca_file", "the system's certificates"),
    ("allow_fetch_without_cache", "false"),
];

/// The options that have a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub environment: Option<Environment>,
    pub token_url: Option<Address>,
    pub client_id: Option<String>,
    pub client_secret: Option<SecretString>,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub audience: Option<String>,
    pub scope: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<SecretString>,
    pub user_agent: Option<String>,
    pub connect_timeout: Option<Duration>,
    pub attempt_timeout: Option<Duration>,
    pub total_timeout: Option<Duration>,
    pub allow_plain_http: Option<bool>,
    pub api_url: Option<Address>,
    pub allowed_origins: Option<Vec<Address>>,
    pub dpop: Option<DpopMode>,
    pub dpop_key: Option<KeySource>,
    pub cache: Option<CacheSource>,
    pub cache_ca_file: Option<PathBuf>,
    pub allow_fetch_without_cache: Option<bool>,
    /// The options whose value does not come from the program, once `or` has merged them into those of the program.
    pub origins: Vec<(&'static str, Origin)>,
}

impl Options {
    /// Returns these options, and those of `others`, which come from `origin`, that have no value here.
    pub fn or(self, others: Self, origin: Origin) -> Self {
        let own = self.names();
        let added = others.names().into_iter().filter(|name| !own.contains(name)).map(|name| (name, origin));
        let origins = self.origins.into_iter().chain(added).collect();
        Self {
            environment: self.environment.or(others.environment),
            token_url: self.token_url.or(others.token_url),
            client_id: self.client_id.or(others.client_id),
            client_secret: self.client_secret.or(others.client_secret),
            username: self.username.or(others.username),
            password: self.password.or(others.password),
            audience: self.audience.or(others.audience),
            scope: self.scope.or(others.scope),
            ca_file: self.ca_file.or(others.ca_file),
            proxy: self.proxy.or(others.proxy),
            user_agent: self.user_agent.or(others.user_agent),
            connect_timeout: self.connect_timeout.or(others.connect_timeout),
            attempt_timeout: self.attempt_timeout.or(others.attempt_timeout),
            total_timeout: self.total_timeout.or(others.total_timeout),
            allow_plain_http: self.allow_plain_http.or(others.allow_plain_http),
            api_url: self.api_url.or(others.api_url),
            allowed_origins: self.allowed_origins.or(others.allowed_origins),
            dpop: self.dpop.or(others.dpop),
            dpop_key: self.dpop_key.or(others.dpop_key),
            cache: self.cache.or(others.cache),
            cache_ca_file: self.cache_ca_file.or(others.cache_ca_file),
            allow_fetch_without_cache: self.allow_fetch_without_cache.or(others.allow_fetch_without_cache),
            origins,
        }
    }

    /// Returns the names of the options that have a value.
    pub fn names(&self) -> Vec<&'static str> {
        let options = [
            ("environment", self.environment.is_some()),
            ("token_url", self.token_url.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("audience", self.audience.is_some()),
            ("scope", self.scope.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("proxy", self.proxy.is_some()),
            ("user_agent", self.user_agent.is_some()),
            ("connect_timeout", self.connect_timeout.is_some()),
            ("attempt_timeout", self.attempt_timeout.is_some()),
            ("total_timeout", self.total_timeout.is_some()),
            ("allow_plain_http", self.allow_plain_http.is_some()),
            ("api_url", self.api_url.is_some()),
            ("allowed_origins", self.allowed_origins.is_some()),
            ("dpop", self.dpop.is_some()),
            ("dpop_key", self.dpop_key.is_some()),
            ("cache", self.cache.is_some()),
            ("cache_ca_file", self.cache_ca_file.is_some()),
            ("allow_fetch_without_cache", self.allow_fetch_without_cache.is_some()),
        ];
        options.into_iter().filter_map(|(name, has_value)| has_value.then_some(name)).collect()
    }

    /// Returns the environment variable of an option.
    pub fn variable(option: &'static str) -> &'static str {
        match option {
            "environment" => "TANGO_ENVIRONMENT",
            "token_url" => "TANGO_TOKEN_URL",
            "client_id" => "TANGO_CLIENT_ID",
            "client_secret" => "TANGO_CLIENT_SECRET",
            "username" => "TANGO_USERNAME",
            "password" => "TANGO_PASSWORD",
            "audience" => "TANGO_AUDIENCE",
            "scope" => "TANGO_SCOPE",
            "ca_file" => "TANGO_CA_FILE",
            "proxy" => "TANGO_PROXY",
            "user_agent" => "TANGO_USER_AGENT",
            "connect_timeout" => "TANGO_CONNECT_TIMEOUT_MS",
            "attempt_timeout" => "TANGO_ATTEMPT_TIMEOUT_MS",
            "total_timeout" => "TANGO_TOTAL_TIMEOUT_MS",
            "allow_plain_http" => "TANGO_ALLOW_PLAIN_HTTP",
            "api_url" => "TANGO_API_URL",
            "allowed_origins" => "TANGO_ALLOWED_ORIGINS",
            "dpop" => "TANGO_DPOP",
            "dpop_key" => "TANGO_DPOP_KEY_FILE",
            "cache" => "TANGO_CACHE",
            "cache_ca_file" => "TANGO_CACHE_CA_FILE",
            "allow_fetch_without_cache" => "TANGO_ALLOW_FETCH_WITHOUT_CACHE",
            _ => option,
        }
    }

    /// Returns what errors call the key of an option in a profile.
    pub fn profile_key(option: &'static str) -> &'static str {
        match option {
            "environment" => "environment in the profile",
            "token_url" => "token_url in the profile",
            "client_id" => "client_id in the profile",
            "client_secret" => "client_secret in the profile",
            "username" => "username in the profile",
            "password" => "password in the profile",
            "audience" => "audience in the profile",
            "scope" => "scope in the profile",
            "ca_file" => "ca_file in the profile",
            "proxy" => "proxy in the profile",
            "user_agent" => "user_agent in the profile",
            "connect_timeout" => "connect_timeout_ms in the profile",
            "attempt_timeout" => "attempt_timeout_ms in the profile",
            "total_timeout" => "total_timeout_ms in the profile",
            "allow_plain_http" => "allow_plain_http in the profile",
            "api_url" => "api_url in the profile",
            "allowed_origins" => "allowed_origins in the profile",
            "dpop" => "dpop in the profile",
            "dpop_key" => "dpop_key_file in the profile",
            "cache" => "cache in the profile",
            "cache_ca_file" => "cache_ca_file in the profile",
            "allow_fetch_without_cache" => "allow_fetch_without_cache in the profile",
            _ => option,
        }
    }

    /// Returns the value of an option as a person may see it. `None` if it has none, or if it is a secret.
    pub fn shown(&self, option: &str) -> Option<String> {
        match option {
            "environment" => self.environment.as_ref().map(|value| value.name().to_owned()),
            "token_url" => self.token_url.as_ref().map(|value| format!("{value:?}")),
            "client_id" => self.client_id.clone(),
            "username" => self.username.clone(),
            "audience" => self.audience.clone(),
            "scope" => self.scope.clone(),
            "ca_file" => self.ca_file.as_ref().map(|value| value.display().to_string()),
            "proxy" => self.proxy.as_ref().map(without_credentials),
            "user_agent" => self.user_agent.clone(),
            "connect_timeout" => self.connect_timeout.as_ref().map(|value| human::timeout(*value)),
            "attempt_timeout" => self.attempt_timeout.as_ref().map(|value| human::timeout(*value)),
            "total_timeout" => self.total_timeout.as_ref().map(|value| human::timeout(*value)),
            "allow_plain_http" => self.allow_plain_http.as_ref().map(ToString::to_string),
            "api_url" => self.api_url.as_ref().map(|value| format!("{value:?}")),
            "allowed_origins" => self.allowed_origins.as_ref().map(|value| list(value)),
            "dpop" => self.dpop.as_ref().map(|value| value.name().to_owned()),
            "dpop_key" => self.dpop_key.as_ref().map(KeySource::shown),
            "cache" => self.cache.as_ref().map(CacheSource::shown),
            "cache_ca_file" => self.cache_ca_file.as_ref().map(|value| value.display().to_string()),
            "allow_fetch_without_cache" => self.allow_fetch_without_cache.as_ref().map(ToString::to_string),
            _ => None,
        }
    }

    /// Reads each option from its environment variable, or what stands for it. One error names all values that cannot be
    /// read.
    pub fn read(source: &impl Source) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let options = Self {
            environment: problems.note(read(source, "TANGO_ENVIRONMENT", str::parse)).flatten(),
            token_url: problems.note(read(source, "TANGO_TOKEN_URL", string)).flatten(),
            client_id: problems.note(read(source, "TANGO_CLIENT_ID", string)).flatten(),
            client_secret: problems.note(secret(source, "TANGO_CLIENT_SECRET")).flatten(),
            username: problems.note(read(source, "TANGO_USERNAME", string)).flatten(),
            password: problems.note(secret(source, "TANGO_PASSWORD")).flatten(),
            audience: problems.note(read(source, "TANGO_AUDIENCE", string)).flatten(),
            scope: problems.note(read(source, "TANGO_SCOPE", string)).flatten(),
            ca_file: problems.note(read(source, "TANGO_CA_FILE", string)).flatten(),
            proxy: problems.note(read(source, "TANGO_PROXY", string)).flatten(),
            user_agent: problems.note(read(source, "TANGO_USER_AGENT", string)).flatten(),
            connect_timeout: problems.note(read(source, "TANGO_CONNECT_TIMEOUT_MS", milliseconds)).flatten(),
            attempt_timeout: problems.note(read(source, "TANGO_ATTEMPT_TIMEOUT_MS", milliseconds)).flatten(),
            total_timeout: problems.note(read(source, "TANGO_TOTAL_TIMEOUT_MS", milliseconds)).flatten(),
            allow_plain_http: problems.note(read(source, "TANGO_ALLOW_PLAIN_HTTP", flag)).flatten(),
            api_url: problems.note(read(source, "TANGO_API_URL", string)).flatten(),
            allowed_origins: problems.note(read(source, "TANGO_ALLOWED_ORIGINS", addresses)).flatten(),
            dpop: problems.note(read(source, "TANGO_DPOP", str::parse)).flatten(),
            dpop_key: problems
                .note(read(source, "TANGO_DPOP_KEY_FILE", |path| Ok(KeySource::File(path.into()))))
                .flatten(),
            cache: problems.note(read(source, "TANGO_CACHE", |name| Ok(CacheSource::Named(name.into())))).flatten(),
            cache_ca_file: problems.note(read(source, "TANGO_CACHE_CA_FILE", string)).flatten(),
            allow_fetch_without_cache: problems.note(read(source, "TANGO_ALLOW_FETCH_WITHOUT_CACHE", flag)).flatten(),
            origins: Vec::new(),
        };
        if problems.is_empty() { Ok(options) } else { Err(problems.into_error()) }
    }
}

impl Config {
    /// Tango's environment. Required unless [`token_url`](Self::token_url) is set.
    ///
    /// Variable: `TANGO_ENVIRONMENT`.
    pub fn environment(&mut self, value: Environment) -> &mut Self {
        self.set.environment = Some(value);
        self
    }

    /// The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts.
    ///
    /// Default: that of the environment. Variable: `TANGO_TOKEN_URL`.
    pub fn token_url(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.token_url = Some(Address(value.into()));
        self
    }

    /// The client ID, from the Tango portal under OAuth client credentials. Required.
    ///
    /// Variable: `TANGO_CLIENT_ID`.
    pub fn client_id(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.client_id = Some(value.into());
        self
    }

    /// The client secret that belongs to the client ID. Required.
    ///
    /// Variable: `TANGO_CLIENT_SECRET`, or `TANGO_CLIENT_SECRET_FILE` for a file that holds the value.
    pub fn client_secret(&mut self, value: impl Into<SecretString>) -> &mut Self {
        self.set.client_secret = Some(value.into());
        self
    }

    /// The user name of the service account, from the Tango portal under OAuth service accounts. Required.
    ///
    /// Variable: `TANGO_USERNAME`.
    pub fn username(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.username = Some(value.into());
        self
    }

    /// The password of the service account. Required.
    ///
    /// Variable: `TANGO_PASSWORD`, or `TANGO_PASSWORD_FILE` for a file that holds the value.
    pub fn password(&mut self, value: impl Into<SecretString>) -> &mut Self {
        self.set.password = Some(value.into());
        self
    }

    /// The audience: `24h` or `5min` for a token of that lifetime; any other audience is sent exactly as written.
    ///
    /// Default: `24h`. Variable: `TANGO_AUDIENCE`.
    pub fn audience(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.audience = Some(value.into());
        self
    }

    /// The scope to request (RFC 6749 section 3.3).
    ///
    /// Default: `raas.all`. Variable: `TANGO_SCOPE`.
    pub fn scope(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.scope = Some(value.into());
        self
    }

    /// A PEM file of the certificate authorities to trust for the token endpoint. The HTTP client that calls the API
    /// has a setting of its own.
    ///
    /// Default: the system's certificates. Variable: `TANGO_CA_FILE`.
    pub fn ca_file(&mut self, value: impl Into<PathBuf>) -> &mut Self {
        self.set.ca_file = Some(value.into());
        self
    }

    /// `system` (`HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS5 proxy, which can
    /// contain a user name and a password.
    ///
    /// Default: `system`. Variable: `TANGO_PROXY`.
    pub fn proxy(&mut self, value: impl Into<SecretString>) -> &mut Self {
        self.set.proxy = Some(value.into());
        self
    }

    /// The `User-Agent` header to send, in ASCII.
    ///
    /// Default: `tango-token/VERSION`. Variable: `TANGO_USER_AGENT`.
    pub fn user_agent(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.user_agent = Some(value.into());
        self
    }

    /// The time limit for one connection to be established, TLS included. 1 ms to 10 min.
    ///
    /// Default: 5 seconds. Variable: `TANGO_CONNECT_TIMEOUT_MS`.
    pub fn connect_timeout(&mut self, value: Duration) -> &mut Self {
        self.set.connect_timeout = Some(value);
        self
    }

    /// The time limit for one request, response included. 1 ms to 10 min.
    ///
    /// Default: 10 seconds. Variable: `TANGO_ATTEMPT_TIMEOUT_MS`.
    pub fn attempt_timeout(&mut self, value: Duration) -> &mut Self {
        self.set.attempt_timeout = Some(value);
        self
    }

    /// The time limit for one call, retries included. 1 ms to 10 min.
    ///
    /// Default: 30 seconds. Variable: `TANGO_TOTAL_TIMEOUT_MS`.
    pub fn total_timeout(&mut self, value: Duration) -> &mut Self {
        self.set.total_timeout = Some(value);
        self
    }

    /// Allows URLs without TLS on hosts that are not loopback. Secrets then cross the network unencrypted.
    ///
    /// Default: no. Variable: `TANGO_ALLOW_PLAIN_HTTP`.
    pub fn allow_plain_http(&mut self, value: bool) -> &mut Self {
        self.set.allow_plain_http = Some(value);
        self
    }

    /// The API that tokens are for, as an absolute URL. Headers are made for its origin only.
    ///
    /// Default: that of the environment. Variable: `TANGO_API_URL`.
    pub fn api_url(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.api_url = Some(Address(value.into()));
        self
    }

    /// Allows another origin, such as `https://api.example`, to receive tokens. Can be called several times. Origins
    /// that are allowed in code replace those of the variable.
    ///
    /// Variable: `TANGO_ALLOWED_ORIGINS`.
    pub fn allow_origin(&mut self, value: impl Into<String>) -> &mut Self {
        self.set.allowed_origins.get_or_insert_default().push(Address(value.into()));
        self
    }

    /// Whether tokens are bound to a key (RFC 9449).
    ///
    /// Default: `off`. Variable: `TANGO_DPOP`.
    pub fn dpop(&mut self, value: DpopMode) -> &mut Self {
        self.set.dpop = Some(value);
        self
    }

    /// A file with the key to which tokens are bound, in PEM or as a JWK. [`dpop`](Self::dpop) has to be set as well. A
    /// file that every user of the machine can write to is refused; one that every user can read causes a warning in
    /// the log.
    ///
    /// Default: each client generates an ES256 key. Variable: `TANGO_DPOP_KEY_FILE`.
    pub fn dpop_key_file(&mut self, value: impl Into<PathBuf>) -> &mut Self {
        self.set.dpop_key = Some(KeySource::File(value.into()));
        self
    }

    /// The key to which tokens are bound, instead of [`dpop_key_file`](Self::dpop_key_file). [`dpop`](Self::dpop) has
    /// to be set as well.
    ///
    /// Default: each client generates an ES256 key.
    pub fn dpop_key(&mut self, value: DpopKey) -> &mut Self {
        self.set.dpop_key = Some(KeySource::Given(value));
        self
    }

    /// Where the token outlives the process and is shared: `memory` (nowhere), `file` (a directory in the user's cache
    /// directory), `file:/another/directory`, or the URL of a Redis server, `redis://` or
    /// `rediss://[user:password@]host[:port][/db]`. With `?cluster=true` the server is a node of a cluster, and the
    /// URLs of further nodes can follow after spaces; with `?prefix=` keys begin with another string than
    /// `tango-token:`.
    ///
    /// Default: `memory`. Variable: `TANGO_CACHE`.
    pub fn cache(&mut self, value: impl Into<SecretString>) -> &mut Self {
        self.set.cache = Some(CacheSource::Named(value.into()));
        self
    }

    /// A custom cache, in any database that the program can reach, instead of [`cache`](Self::cache).
    pub fn custom_cache(&mut self, value: impl SharedCache) -> &mut Self {
        self.set.cache = Some(CacheSource::custom(value));
        self
    }

    /// A PEM file of the certificate authorities to trust for a `rediss://` cache.
    ///
    /// Default: the system's certificates. Variable: `TANGO_CACHE_CA_FILE`.
    pub fn cache_ca_file(&mut self, value: impl Into<PathBuf>) -> &mut Self {
        self.set.cache_ca_file = Some(value.into());
        self
    }

    /// Requests a token even if the cache cannot be used, instead of failing with
    /// [`Status::CacheUnavailable`](crate::Status::CacheUnavailable). Each process then requests a token of its own,
    /// which the server's daily limit may refuse.
    ///
    /// Default: no. Variable: `TANGO_ALLOW_FETCH_WITHOUT_CACHE`.
    pub fn allow_fetch_without_cache(&mut self, value: bool) -> &mut Self {
        self.set.allow_fetch_without_cache = Some(value);
        self
    }
}
