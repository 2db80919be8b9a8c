//! A checked configuration: complete, consistent, and with its files read.

use std::env;
use std::time::Duration;

use reqwest::Certificate;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::CacheSettings;
use crate::dpop::Binding;
use crate::policy::Quota;
use crate::secret::Redactor;
use crate::store::Identity;

/// The variables in which an HTTP client finds the proxies of the system.
const PROXY_VARIABLES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

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
        let (proxy_passwords, cache_passwords) = (self.transport.proxy.passwords(), self.cache.passwords());
        let credentials = [&self.request.client_secret, &self.request.password];
        let secrets = credentials.into_iter().chain(&proxy_passwords).chain(&cache_passwords);
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
    /// Returns the passwords in the URL of the explicit proxy, or of those in the environment. They are encoded as in a
    /// URL, which the redactor decodes.
    pub fn passwords(&self) -> Vec<SecretString> {
        let password = |url: &str| {
            // The environment may name a proxy without a scheme.
            let url = if url.contains("://") { Url::parse(url) } else { Url::parse(&format!("http://{url}")) };
            url.ok()?.password().map(SecretString::from)
        };
        match self {
            Self::None => Vec::new(),
            Self::Explicit(url) => password(url.expose_secret()).into_iter().collect(),
            Self::System => {
                let urls = PROXY_VARIABLES.iter().filter_map(|name| env::var(name).ok());
                urls.filter_map(|url| password(&url)).collect()
            }
        }
    }
}
