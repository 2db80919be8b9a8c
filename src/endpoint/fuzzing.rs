//! The reader of responses, for the fuzz targets.

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderMap;
use reqwest::{Body, Response};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::response_body::{self, End, PartialBody};
use super::{
    Failure, TokenEndpoint, TokenResponse, TokenSource, daily_limit, headers, json, markup, repair, text, transport,
};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::dpop::{DpopKey, ServerClock};
use crate::error::Error;
use crate::failure_kind::FailureKind;
use crate::fuzzing::{NOW, exposed};
use crate::secret::Redactor;

/// A token endpoint that sends nothing.
pub struct Endpoint(TokenEndpoint);

/// An issued token.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub access_token: String,
    /// The thumbprint of the key that it is bound to.
    pub thumbprint: Option<String>,
    /// Its scope.
    pub scope: String,
    /// Its lifetime.
    pub lifetime: Duration,
}

/// The reason why there is no token.
#[derive(Debug)]
pub struct Refused {
    /// The error.
    pub error: Error,
    /// The name of the kind of failure.
    pub kind: String,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    /// A token that another client can use.
    pub token: Option<Issued>,
}

impl Endpoint {
    /// The endpoint of a client with this configuration, which holds this token.
    pub fn new(config: &Config, held_token: &str) -> Result<Self, Error> {
        let clock = Arc::new(ServerClock::new(Arc::new(SystemClock)));
        let endpoint = TokenEndpoint::new(&config.resolve()?, &clock, &Arc::default());
        endpoint.hide(Some(held_token.into()));
        Ok(Self(endpoint))
    }

    /// Reads a response that has arrived.
    pub fn read(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Issued, Refused> {
        let Ok(mut response) = http::Response::builder().status(status).body(Body::from("")) else {
            panic!("{status} is no HTTP status")
        };
        headers.clone_into(response.headers_mut());
        let body = PartialBody { bytes: Zeroizing::new(body.to_vec()), end: End::Complete };
        let outcome = self.0.read(&Response::from(response), body, NOW, &self.0.redactor());
        outcome.map(Issued::from).map_err(Refused::from)
    }
}

impl From<TokenResponse> for Issued {
    fn from(response: TokenResponse) -> Self {
        Self {
            access_token: exposed(&response.access_token),
            thumbprint: response.key.as_ref().map(DpopKey::thumbprint).map(Into::into),
            scope: response.scope,
            lifetime: response.lifetime,
        }
    }
}

impl From<Failure> for Refused {
    fn from(Failure { error, kind, token }: Failure) -> Self {
        let retry_after = match kind {
            FailureKind::Busy { retry_after } | FailureKind::Quota { retry_after } => retry_after,
            _ => None,
        };
        let kind = format!("{kind:?}").split(' ').next().unwrap_or_default().to_owned();
        Self { error, kind, retry_after, token: token.map(|token| Issued::from(*token)) }
    }
}

/// Removes the codings of a body.
pub fn decoded_body(body: &[u8], headers: &HeaderMap) -> Option<Vec<u8>> {
    response_body::decode(Zeroizing::new(body.to_vec()), headers).ok().map(|body| body.to_vec())
}

/// Returns the text of a body.
pub fn decoded_text(body: &[u8]) -> String {
    text::decode(body).to_string()
}

/// Makes JSON of almost JSON.
pub fn repaired_json(text: &str) -> String {
    repair::repaired(text)
}

/// Returns the object or array that a text begins with, and whether the text is defective.
pub fn read_json(text: &str) -> Option<(serde_json::Value, bool)> {
    json::read(text).map(|document| (document.value, document.is_defective))
}

/// Returns a text without tags.
pub fn markup_text(markup: &str) -> String {
    markup::text(markup)
}

/// Returns the elements of a page without others in them.
pub fn leaf_elements(markup: &str) -> Vec<(&str, String)> {
    markup::leaf_elements(markup)
}

/// Decodes character references.
pub fn unescaped(text: &str) -> String {
    markup::unescaped(text)
}

/// Returns whether a text is the refusal by the daily limit.
pub fn is_daily_limit(text: &str) -> bool {
    daily_limit::is_in(text)
}

/// Returns the error for a peer that sent this in place of HTTP.
pub fn unreadable(beginning: &[u8], url: &url::Url, secret: &str) -> Error {
    transport::not_http(beginning, url, &Redactor::new(&[SecretString::from(secret)])).error
}

/// Reads `Retry-After`.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers::retry_after(headers, NOW)
}
