//! Every answer that is not success: which cause it is, and what the server says of it.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use serde_json::Value;

use super::Failure;
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::secret::Redactor;

/// The part of the refusal's text that does not name the client (Tango's documentation of the daily limit).
const DAILY_LIMIT: &str = "exceeded the daily rate limit";
/// A proof is to be made again, with the nonce of this answer (RFC 9449 section 8).
const USE_DPOP_NONCE: &str = "use_dpop_nonce";
/// The OAuth codes that speak of who asks (RFC 6749 section 5.2).
const CREDENTIAL_CODES: [&str; 3] = ["invalid_client", "invalid_grant", "unauthorized_client"];

pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8], redactor: &Redactor) -> Failure {
    let answer = read(status, headers, body, redactor);
    let retry_after = retry_after(headers, SystemTime::now());
    let said = words(&answer);
    let http = status.as_u16();
    let (kind, message) = match http {
        400..=499 if is_daily_limit(body) => (
            Status::QuotaRefused,
            format!(
                "the daily limit of tokens for this client is used up{said}; share one token between all processes"
            ),
        ),
        429 => (Status::RateLimited, format!("the server asks to slow down (HTTP 429){said}")),
        400 | 401 if answer.oauth_error.as_deref() == Some(USE_DPOP_NONCE) => (
            Status::ProofRefused,
            format!(
                "the server wants a DPoP proof with another nonce (HTTP {http}){said}; \
                     dpop is off, or it sent no nonce, or refuses the one it sent"
            ),
        ),
        400 | 401 if answer.oauth_error.as_deref() == Some("invalid_dpop_proof") => (
            Status::ProofRefused,
            format!(
                "the server refuses the DPoP proof, or misses one (HTTP {http}){said}; \
                 check the setting of dpop, and the clock of this machine"
            ),
        ),
        401 => (Status::CredentialsRefused, credentials_refused(http, &said)),
        400 if names_credentials(&answer) => (Status::CredentialsRefused, credentials_refused(http, &said)),
        400..=499 => (
            Status::RequestRefused,
            format!(
                "the server refuses the token request (HTTP {http}){said}; \
                 check token_url, audience and scope, and the credentials"
            ),
        ),
        500..=599 => (Status::ServerError, format!("the server failed (HTTP {http}){said}")),
        300..=399 => (
            Status::UnexpectedResponse,
            format!(
                "the server redirects (HTTP {http}{}), which is never followed; check token_url",
                target(headers, redactor)
            ),
        ),
        _ => (
            Status::UnexpectedResponse,
            format!("the server's answer (HTTP {http}) is not one of a token endpoint; check token_url"),
        ),
    };
    let cause = match kind {
        Status::QuotaRefused => FailureKind::Quota { retry_after },
        Status::RateLimited | Status::ServerError => FailureKind::Busy { retry_after },
        Status::ProofRefused if answer.oauth_error.as_deref() == Some(USE_DPOP_NONCE) => FailureKind::NonceWanted,
        // Any other 2xx may have brought a token that is not looked for there.
        Status::UnexpectedResponse if status.is_success() => FailureKind::InvalidResponse,
        _ => FailureKind::Refused,
    };
    Failure::new(Error::new(kind, message).with_response(answer), cause)
}

fn credentials_refused(http: u16, said: &str) -> String {
    format!(
        "the server does not accept the credentials (HTTP {http}){said}; \
         check client_id, client_secret, username and password in the Tango portal"
    )
}

/// Looked for in the whole of what was said: as text, or anywhere in JSON.
fn is_daily_limit(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains(DAILY_LIMIT)
}

fn names_credentials(answer: &ServerResponse) -> bool {
    answer.oauth_error.as_deref().is_some_and(|code| CREDENTIAL_CODES.contains(&code))
}

/// `: what the server said`, from the most to the least specific.
fn words(answer: &ServerResponse) -> String {
    let description = answer.oauth_error_description.as_ref().or(answer.server_message.as_ref());
    match (&answer.oauth_error, description) {
        (Some(code), Some(text)) => format!(": {code}: {text}"),
        (Some(text), None) | (None, Some(text)) => format!(": {text}"),
        (None, None) => answer.i18n_key.as_ref().map_or_else(String::new, |key| format!(": {key}")),
    }
}

fn target(headers: &HeaderMap, redactor: &Redactor) -> String {
    text(headers, &LOCATION, redactor).map_or_else(String::new, |location| format!(" to {location}"))
}

/// OAuth's error (RFC 6749 section 5.2), Tango's JSON error, plain text, or nothing: all are ordinary here.
fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], redactor: &Redactor) -> ServerResponse {
    let mut answer = ServerResponse {
        http_status: Some(status.as_u16()),
        request_id: request_id(headers, redactor),
        ..ServerResponse::default()
    };
    if status.is_success() {
        return answer;
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => {
            let field = |name: &str| clean(fields.get(name)?.as_str()?, redactor);
            let first = |name: &str| clean(fields.get("errors")?.get(0)?.get(name)?.as_str()?, redactor);
            answer.oauth_error = field("error");
            answer.oauth_error_description = field("error_description");
            answer.i18n_key = field("i18nKey").or_else(|| first("i18nKey"));
            answer.server_message = match (field("message"), first("message")) {
                (Some(summary), Some(detail)) if summary != detail => Some(format!("{summary}: {detail}")),
                (summary, detail) => summary.or(detail),
            };
            answer.request_id = answer.request_id.or_else(|| field("requestId"));
        }
        // Markup helps nobody; that there is some usually means that a proxy answered.
        _ if is_html(headers) => answer.server_message = Some("an HTML page, perhaps of a proxy".into()),
        _ => answer.server_message = clean(&String::from_utf8_lossy(body), redactor),
    }
    answer
}

fn clean(text: &str, redactor: &Redactor) -> Option<String> {
    Some(redactor.clean(text)).filter(|text| !text.is_empty())
}

fn is_html(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// The id that Tango's support asks for.
pub(super) fn request_id(headers: &HeaderMap, redactor: &Redactor) -> Option<String> {
    text(headers, &HeaderName::from_static("x-request-id"), redactor)
}

fn text(headers: &HeaderMap, name: &HeaderName, redactor: &Redactor) -> Option<String> {
    clean(&String::from_utf8_lossy(headers.get(name)?.as_bytes()), redactor)
}

/// RFC 9110 section 10.2.3: seconds, or a date, which is compared with the server's own clock where it tells it.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(date.unwrap_or(now)).unwrap_or_default())
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
