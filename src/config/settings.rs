//! A checked configuration: complete, consistent, and with its files read.

use std::time::Duration;

use http::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{CacheSettings, ProxyServer};
use crate::dpop::Binding;
use crate::policy::Quota;
use crate::secret::Redactor;
use crate::store::Identity;
use crate::trust::Trust;

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
        let proxy_passwords = self.transport.proxy.as_ref().map(ProxyServer::passwords).unwrap_or_default();
        let cache_passwords = self.cache.passwords();
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
    pub trust: Trust,
    pub proxy: Option<ProxyServer>,
    /// Why it is this proxy, or none, as a part of a sentence.
    pub proxy_reason: String,
    pub user_agent: HeaderValue,
    pub connect_timeout: Duration,
    pub attempt_timeout: Duration,
    pub total_timeout: Duration,
}
