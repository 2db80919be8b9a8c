//! The successful response (RFC 6749 section 5.1). It is not deserialized by serde, whose errors could repeat the
//! token.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::json::Document;
use super::received::{Received, RequestContext};
use super::{Failure, error_body, lifetime, refusal, scope, token_type};
use crate::dpop::DpopKey;
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::token::is_presentable;

/// The token that the server issued.
#[derive(Debug)]
pub(crate) struct TokenResponse {
    pub access_token: SecretString,
    /// The key that the token is bound to.
    pub key: Option<DpopKey>,
    pub scope: String,
    pub lifetime: Duration,
    /// A proof was sent, and the server granted a Bearer token nevertheless.
    pub proof_ignored: bool,
}

/// The reason why a response contains no usable token.
#[derive(Debug)]
pub(super) enum Problem {
    /// The response is not a valid one; the string says why.
    Malformed(&'static str),
    /// The response has this Bearer token, but a bound one is required.
    Downgraded(Box<TokenResponse>),
}

impl From<&'static str> for Problem {
    fn from(problem: &'static str) -> Self {
        Self::Malformed(problem)
    }
}

/// Reads the token in a successful response, which is this document.
pub(super) fn parse(
    document: Option<Document>,
    response: &Received<'_>,
    context: &RequestContext<'_>,
) -> Result<TokenResponse, Problem> {
    let Some(Document { value: Value::Object(mut fields), is_defective }) = document else {
        let is_page = error_body::is_html(response.text);
        return Err(if is_page { "is an HTML page, perhaps from a proxy" } else { "is not a JSON object" }.into());
    };
    // Read first, so that the token is zeroised if a later field is invalid.
    let access_token = access_token(fields.remove("access_token"))?;
    let key = token_type::key_of(fields.get("token_type"), access_token.expose_secret(), context.binding)?;
    let lifetime = lifetime::of(fields.get("expires_in"), context.documented_lifetime);
    if lifetime.is_zero() {
        return Err("contains a token that has already expired (expires_in is 0)".into());
    }
    let scope = scope::of(fields.remove("scope"), access_token.expose_secret(), context);
    if is_defective {
        tracing::warn!(
            "the response of the server {} is not valid JSON; its token is used nevertheless",
            context.server
        );
    }
    let proof_ignored = key.is_none() && context.binding.is_some();
    let response = TokenResponse { access_token, key, scope, lifetime, proof_ignored };
    if proof_ignored && context.binding.is_some_and(|binding| binding.required) {
        return Err(Problem::Downgraded(Box::new(response)));
    }
    if proof_ignored {
        tracing::warn!(
            "the server {} issued a Bearer token although a DPoP proof was sent; enable DPoP for this platform",
            context.server
        );
    }
    Ok(response)
}

/// Returns a token that can be written into a header. Blanks around it are no part of it: a header would lose them too.
fn access_token(value: Option<Value>) -> Result<SecretString, &'static str> {
    let token = match value {
        Some(Value::String(token)) => SecretString::from(token),
        Some(Value::Null) | None => return Err("has no access_token"),
        Some(_) => return Err("has an access_token that is not a string"),
    };
    match token.expose_secret().trim_ascii() {
        "" => Err("has an empty access_token"),
        trimmed if !is_presentable(trimmed) => Err("has an access_token with characters that a header cannot contain"),
        trimmed if trimmed.len() < token.expose_secret().len() => Ok(SecretString::from(trimmed)),
        _ => Ok(token),
    }
}

/// Returns the failure of a successful response without a usable token, which says this in its place. The server
/// probably issued a token, so an immediate retry could use up another.
pub(super) fn unusable(problem: Problem, said: ServerResponse, server: &str) -> Failure {
    let (error, token) = match problem {
        Problem::Malformed(problem) => {
            let message =
                format!("the response of the server {server} {problem}{}; check token_url", refusal::details(&said));
            (Error::new(Status::MalformedResponse, message), None)
        }
        Problem::Downgraded(token) => (
            Error::new(
                Status::Downgraded,
                format!(
                    "the server {server} issued a Bearer token although a DPoP proof was sent, and this client does not \
                     use it; enable DPoP for this platform, or set dpop to `optional`"
                ),
            ),
            Some(token),
        ),
    };
    Failure { token, ..Failure::new(error.with_response(said), FailureKind::InvalidResponse) }
}

#[cfg(test)]
#[path = "response_tests.rs"]
pub(super) mod tests;
