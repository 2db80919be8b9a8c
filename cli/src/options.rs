//! The options of a client, as flags.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tango_token::{Config, DpopMode, Environment};

use crate::failure::Failure;
use crate::flags::{dpop_mode, environment, without_password};
use crate::input::{self, Input};

/// Flags that do not exist, because their values would be secrets, and their variables.
pub const SECRETS: [(&str, &str); 2] = [("--client-secret", "TANGO_CLIENT_SECRET"), ("--password", "TANGO_PASSWORD")];

// One flag for each option. A secret comes from a file or a variable: other users can read the command line of a process.
/// Options of the client that gets the token. Without a flag, the environment variable counts.
#[derive(Args)]
#[command(next_help_heading = "Client")]
pub struct Options {
    /// Tango's environment. Required unless `--token-url` is set. Variable: `TANGO_ENVIRONMENT`
    #[arg(long = "environment", value_name = "NAME", value_parser = environment())]
    pub environment: Option<Environment>,

    /// The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts. Default: that of
    /// the environment. Variable: `TANGO_TOKEN_URL`
    #[arg(long = "token-url", value_name = "URL")]
    pub token_url: Option<String>,

    /// The client ID, from the Tango portal under OAuth client credentials. Required. Variable: `TANGO_CLIENT_ID`
    #[arg(long = "client-id", value_name = "ID")]
    pub client_id: Option<String>,

    /// File with the client secret that belongs to the client ID; `-` is standard input. Required. Variable:
    /// `TANGO_CLIENT_SECRET`, or `TANGO_CLIENT_SECRET_FILE` for a file that holds the value
    #[arg(long = "client-secret-file", value_name = "FILE")]
    pub client_secret_file: Option<Input>,

    /// The user name of the service account, from the Tango portal under OAuth service accounts. Required. Variable:
    /// `TANGO_USERNAME`
    #[arg(long = "username", value_name = "USERNAME")]
    pub username: Option<String>,

    /// File with the password of the service account; `-` is standard input. Required. Variable: `TANGO_PASSWORD`, or
    /// `TANGO_PASSWORD_FILE` for a file that holds the value
    #[arg(long = "password-file", value_name = "FILE")]
    pub password_file: Option<Input>,

    /// The audience: `24h` or `5min` for a token of that lifetime; any other audience is sent exactly as written.
    /// Default: `24h`. Variable: `TANGO_AUDIENCE`
    #[arg(long = "audience", value_name = "AUDIENCE")]
    pub audience: Option<String>,

    /// The scope to request (RFC 6749 section 3.3). Default: `raas.all`. Variable: `TANGO_SCOPE`
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scope: Option<String>,

    /// A PEM file of the certificate authorities to trust, for token requests and for `call`. Default: the system's
    /// certificates. Variable: `TANGO_CA_FILE`
    #[arg(long = "ca-file", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// `system` (`HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS5 proxy. Only the
    /// variable can have a URL with a user name or a password. Default: `system`. Variable: `TANGO_PROXY`
    #[arg(long = "proxy", value_name = "PROXY")]
    pub proxy: Option<String>,

    /// The `User-Agent` header to send, in ASCII. Default: `tango-token/VERSION`. Variable: `TANGO_USER_AGENT`
    #[arg(long = "user-agent", value_name = "AGENT")]
    pub user_agent: Option<String>,

    /// The time limit for one connection to be established, TLS included. 1 ms to 10 min. Default: 5 seconds. Variable:
    /// `TANGO_CONNECT_TIMEOUT_MS`
    #[arg(long = "connect-timeout-ms", value_name = "N")]
    pub connect_timeout_ms: Option<u64>,

    /// The time limit for one request, response included. 1 ms to 10 min. Default: 10 seconds. Variable:
    /// `TANGO_ATTEMPT_TIMEOUT_MS`
    #[arg(long = "attempt-timeout-ms", value_name = "N")]
    pub attempt_timeout_ms: Option<u64>,

    /// The time limit for one call, retries included. 1 ms to 10 min. Default: 30 seconds. Variable:
    /// `TANGO_TOTAL_TIMEOUT_MS`
    #[arg(long = "total-timeout-ms", value_name = "N")]
    pub total_timeout_ms: Option<u64>,

    /// Allows URLs without TLS on hosts that are not loopback. Secrets then cross the network unencrypted. Default: no.
    /// Variable: `TANGO_ALLOW_PLAIN_HTTP`
    #[arg(long = "allow-plain-http", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_plain_http: Option<bool>,

    /// The API that tokens are for, as an absolute URL. Headers are made for its origin only. Default: that of the
    /// environment. Variable: `TANGO_API_URL`
    #[arg(long = "api-url", value_name = "URL")]
    pub api_url: Option<String>,

    /// Allows another origin, such as `https://api.example`, to receive tokens; it can be given several times, and
    /// replaces those of the variable. Variable: `TANGO_ALLOWED_ORIGINS`
    #[arg(long = "allow-origin", value_name = "URL")]
    pub allow_origin: Vec<String>,

    /// Whether tokens are bound to a key (RFC 9449). Default: `off`. Variable: `TANGO_DPOP`
    #[arg(long = "dpop", value_name = "MODE", value_parser = dpop_mode())]
    pub dpop: Option<DpopMode>,

    /// A file with the key to which tokens are bound, in PEM or as a JWK. `--dpop` has to be set as well. A file that
    /// every user of the machine can write to is refused; one that every user can read causes a warning in the log.
    /// Default: each client generates an ES256 key. Variable: `TANGO_DPOP_KEY_FILE`
    #[arg(long = "dpop-key-file", value_name = "FILE")]
    pub dpop_key_file: Option<PathBuf>,

    /// Where the token is kept for the next command, and shared: `file` (a directory in the user's cache directory),
    /// `file:/another/directory`, `memory` (nowhere), or the URL of a Redis server. Only the variable can have a URL
    /// with a user name or a password. Default: `file`. Variable: `TANGO_CACHE`
    #[arg(long = "cache", value_name = "CACHE")]
    pub cache: Option<String>,

    /// A PEM file of the certificate authorities to trust for a `rediss://` cache. Default: the system's certificates.
    /// Variable: `TANGO_CACHE_CA_FILE`
    #[arg(long = "cache-ca-file", value_name = "FILE")]
    pub cache_ca_file: Option<PathBuf>,

    /// Requests a token even if the cache cannot be used, instead of failing with `CACHE_UNAVAILABLE`. Each process
    /// then requests a token of its own, which the server's daily limit may refuse. Default: no. Variable:
    /// `TANGO_ALLOW_FETCH_WITHOUT_CACHE`
    #[arg(long = "allow-fetch-without-cache", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_fetch_without_cache: Option<bool>,
}

impl Options {
    /// Sets the options that have a flag.
    pub fn apply(&self, config: &mut Config) -> Result<(), Failure> {
        if let Some(value) = &self.environment {
            config.environment(*value);
        }
        if let Some(value) = &self.token_url {
            config.token_url(without_password("--token-url", "TANGO_TOKEN_URL", value)?);
        }
        if let Some(value) = &self.client_id {
            config.client_id(value);
        }
        if let Some(input) = &self.client_secret_file {
            config.client_secret(input::secret("--client-secret-file", input)?.as_str());
        }
        if let Some(value) = &self.username {
            config.username(value);
        }
        if let Some(input) = &self.password_file {
            config.password(input::secret("--password-file", input)?.as_str());
        }
        if let Some(value) = &self.audience {
            config.audience(value);
        }
        if let Some(value) = &self.scope {
            config.scope(value);
        }
        if let Some(value) = &self.ca_file {
            config.ca_file(value);
        }
        if let Some(value) = &self.proxy {
            config.proxy(without_password("--proxy", "TANGO_PROXY", value)?);
        }
        if let Some(value) = &self.user_agent {
            config.user_agent(value);
        }
        if let Some(value) = &self.connect_timeout_ms {
            config.connect_timeout(Duration::from_millis(*value));
        }
        if let Some(value) = &self.attempt_timeout_ms {
            config.attempt_timeout(Duration::from_millis(*value));
        }
        if let Some(value) = &self.total_timeout_ms {
            config.total_timeout(Duration::from_millis(*value));
        }
        if let Some(value) = &self.allow_plain_http {
            config.allow_plain_http(*value);
        }
        if let Some(value) = &self.api_url {
            config.api_url(without_password("--api-url", "TANGO_API_URL", value)?);
        }
        for value in &self.allow_origin {
            config.allow_origin(without_password("--allow-origin", "TANGO_ALLOWED_ORIGINS", value)?);
        }
        if let Some(value) = &self.dpop {
            config.dpop(*value);
        }
        if let Some(value) = &self.dpop_key_file {
            config.dpop_key_file(value);
        }
        if let Some(value) = &self.cache {
            config.cache(without_password("--cache", "TANGO_CACHE", value)?);
        }
        if let Some(value) = &self.cache_ca_file {
            config.cache_ca_file(value);
        }
        if let Some(value) = &self.allow_fetch_without_cache {
            config.allow_fetch_without_cache(*value);
        }
        Ok(())
    }

    /// Returns the inputs that are read for secrets, with their flags.
    pub fn inputs(&self) -> impl Iterator<Item = (&'static str, &Input)> {
        [("--client-secret-file", &self.client_secret_file), ("--password-file", &self.password_file)]
            .into_iter()
            .filter_map(|(flag, input)| Some((flag, input.as_ref()?)))
    }
}
