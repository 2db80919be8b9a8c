//! Classifies each response that does not report success, and reads its error.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use serde_json::Value;

use super::Failure;
use crate::dpop::ServerClock;
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::secret::Redactor;

/// The part of the refusal that does not name the client (Tango's documentation of the daily limit).
const DAILY_LIMIT: &str = "exceeded the daily rate limit";
/// Requires a proof with the nonce of this response (RFC 9449 section 8).
const USE_DPOP_NONCE: &str = "use_dpop_nonce";
/// The OAuth error codes that concern the credentials (RFC 6749 section 5.2).
const CREDENTIAL_CODES: [&str; 3] = ["invalid_client", "invalid_grant", "unauthorized_client"];

/// Returns the failure that a response reports. `now` is the server's time in seconds since 1970.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8], now: i64, redactor: &Redactor) -> Failure {
    let response = read(status, headers, body, redactor);
    let details = details(&response);
    let (error_status, message) = match status.as_u16() {
        http @ 400..=499 => client_error(http, body, &response, &details),
        http @ (502 | 504) => (
            Status::ServerError,
            format!(
                "a gateway got no valid response from the server (HTTP {http}){details}; \
                 the server may have issued a token anyway"
            ),
        ),
        http @ 500..=599 => (Status::ServerError, format!("the server failed (HTTP {http}){details}")),
        http @ 300..=399 => (
            Status::UnexpectedResponse,
            format!(
                "the server redirects (HTTP {http}{}), and redirects are never followed; check token_url",
                target(headers, redactor)
            ),
        ),
        http => (
            Status::UnexpectedResponse,
            format!("the response (HTTP {http}) is not one of a token endpoint; check token_url"),
        ),
    };
    let kind = kind(status, error_status, &response, retry_after(headers, now));
    Failure::new(Error::new(error_status, message).with_response(response), kind)
}

/// Returns status and message for a 4xx response.
fn client_error(http: u16, body: &[u8], response: &ServerResponse, details: &str) -> (Status, String) {
    let oauth_error = response.oauth_error.as_deref();
    match http {
        _ if is_daily_limit(body) => (
            Status::QuotaRefused,
            format!(
                "the daily limit of tokens for this client is used up{details}; \
                 share one token between all processes (see `cache`)"
            ),
        ),
        408 | 421 | 425 => {
            (Status::ServerError, format!("the server did not process the request (HTTP {http}){details}"))
        }
        429 => (Status::RateLimited, format!("the server asks for fewer requests (HTTP 429){details}")),
        400 | 401 if oauth_error == Some(USE_DPOP_NONCE) => (
            Status::ProofRefused,
            format!(
                "the server requires a DPoP proof with a nonce (HTTP {http}){details}; \
                 set dpop to optional or required; if it is set, the server sent no nonce, or refuses its own"
            ),
        ),
        400 | 401 if oauth_error == Some("invalid_dpop_proof") => (
            Status::ProofRefused,
            format!(
                "the server refuses the DPoP proof, or got none (HTTP {http}){details}; \
                 check the dpop setting and the clock of this machine"
            ),
        ),
        401 => (Status::CredentialsRefused, credentials_refused(http, details)),
        400 if names_credentials(response) => (Status::CredentialsRefused, credentials_refused(http, details)),
        _ => (
            Status::RequestRefused,
            format!(
                "the server refuses the token request (HTTP {http}){details}; \
                 check token_url, audience, scope and the credentials"
            ),
        ),
    }
}

/// Returns what a response means for the next request.
///
/// A request that the server did not process (408, 421, 425, 429, 500, 503) may be repeated. A gateway that lost the
/// server's response leaves open whether there is a token, and so do codes that no standard defines, which proxies use.
/// The other codes, such as 501, would be the response to the next request as well.
fn kind(http: StatusCode, status: Status, response: &ServerResponse, retry_after: Option<Duration>) -> FailureKind {
    match (status, http.as_u16()) {
        (Status::QuotaRefused, _) => FailureKind::Quota { retry_after },
        (_, 408 | 421 | 425 | 429 | 500 | 503) => FailureKind::Busy { retry_after },
        (_, 501 | 505..=508 | 510 | 511) => FailureKind::Refused,
        (_, 500..=599) => FailureKind::NoResponse,
        _ if status == Status::ProofRefused && response.oauth_error.as_deref() == Some(USE_DPOP_NONCE) => {
            FailureKind::NonceWanted
        }
        // Another 2xx response may contain a token, which is not read there.
        _ if http.is_success() => FailureKind::InvalidResponse,
        _ => FailureKind::Refused,
    }
}

fn credentials_refused(http: u16, details: &str) -> String {
    format!(
        "the server does not accept the credentials (HTTP {http}){details}; \
         check client_id, client_secret, username and password in the Tango portal"
    )
}

/// Searches the whole body, which may be plain text or JSON.
fn is_daily_limit(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains(DAILY_LIMIT)
}

fn names_credentials(response: &ServerResponse) -> bool {
    response.oauth_error.as_deref().is_some_and(|code| CREDENTIAL_CODES.contains(&code))
}

/// Returns the most specific error of the response, after a colon; an empty string if there is none.
fn details(response: &ServerResponse) -> String {
    let description = response.oauth_error_description.as_ref().or(response.server_message.as_ref());
    match (&response.oauth_error, description) {
        (Some(code), Some(description)) => format!(": {code}: {description}"),
        (Some(only), None) | (None, Some(only)) => format!(": {only}"),
        (None, None) => response.i18n_key.as_ref().map_or_else(String::new, |key| format!(": {key}")),
    }
}

fn target(headers: &HeaderMap, redactor: &Redactor) -> String {
    header(headers, &LOCATION, redactor).map_or_else(String::new, |location| format!(" to {location}"))
}

/// Reads an error response, which may be OAuth's (RFC 6749 section 5.2), Tango's JSON, plain text, or empty.
fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], redactor: &Redactor) -> ServerResponse {
    let mut response = ServerResponse {
        http_status: Some(status.as_u16()),
        request_id: request_id(headers, redactor),
        ..ServerResponse::default()
    };
    if status.is_success() {
        return response;
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => {
            let field = |name: &str| clean(fields.get(name)?.as_str()?, redactor);
            let first = |name: &str| clean(fields.get("errors")?.get(0)?.get(name)?.as_str()?, redactor);
            response.oauth_error = field("error");
            response.oauth_error_description = field("error_description");
            response.i18n_key = field("i18nKey").or_else(|| first("i18nKey"));
            response.server_message = match (field("message"), first("message")) {
                (Some(summary), Some(detail)) if summary != detail => Some(format!("{summary}: {detail}")),
                (summary, detail) => summary.or(detail),
            };
            response.request_id = response.request_id.or_else(|| field("requestId"));
        }
        // A page of HTML is not worth repeating. It usually comes from a proxy.
        _ if is_html(headers) => response.server_message = Some("an HTML page, perhaps from a proxy".into()),
        _ => response.server_message = clean(&String::from_utf8_lossy(body), redactor),
    }
    response
}

fn clean(string: &str, redactor: &Redactor) -> Option<String> {
    Some(redactor.clean(string)).filter(|string| !string.is_empty())
}

fn is_html(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// Returns the ID of the request, which Tango's support asks for.
pub(super) fn request_id(headers: &HeaderMap, redactor: &Redactor) -> Option<String> {
    header(headers, &HeaderName::from_static("x-request-id"), redactor)
}

fn header(headers: &HeaderMap, name: &HeaderName, redactor: &Redactor) -> Option<String> {
    clean(&String::from_utf8_lossy(headers.get(name)?.as_bytes()), redactor)
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date, which is compared with the server's time.
fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = ServerClock::seconds_of(value)?;
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or(0)))
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
