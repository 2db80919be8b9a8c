//! Reads a response of the token endpoint: a token, or the failure that it reports.

use http::StatusCode;
use http::header::HeaderMap;
use serde_json::Value;

use super::json::{self, Document};
use super::received::{Received, RequestContext};
use super::response::{self, TokenResponse};
use super::{Failure, daily_limit, error_body, refusal, text};
use crate::error::ServerResponse;

/// Returns the token of a response, or the failure that it reports.
///
/// A token is taken from each status of success, because some frameworks respond to a POST with 201. An error code in
/// place of a token is a refusal, whatever the status.
pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
    context: &RequestContext<'_>,
) -> Result<TokenResponse, Failure> {
    let text = text::decode(body);
    let response = Received { status, headers, text: &text, now };
    if !status.is_success() {
        let said = if status.is_redirection() {
            ServerResponse::default()
        } else {
            error_body::read(&text, headers, context.redactor)
        };
        return Err(refusal::classify(&response, response.identified(said, context), context));
    }
    let document = json::read(&text);
    let has_token = document.as_ref().is_some_and(has_token);
    let is_limit = !has_token && daily_limit::is_in(&text);
    let said = match &document {
        _ if is_limit => error_body::read(&text, headers, context.redactor),
        Some(document) if !has_token => error_body::read_in_success(&document.value, context.redactor),
        // What is no JSON may be a token.
        _ => ServerResponse::default(),
    };
    let said = response.identified(said, context);
    let is_refusal = !has_token && (said.oauth_error.is_some() || is_limit);
    if is_refusal || (status != StatusCode::OK && !has_token) {
        return Err(refusal::classify(&response, said, context));
    }
    response::parse(document, &response, context).map_err(|problem| response::unusable(problem, said, context.server))
}

fn has_token(document: &Document) -> bool {
    let token = document.value.get("access_token");
    token.is_some_and(|token| *token != Value::Null && *token != "")
}
