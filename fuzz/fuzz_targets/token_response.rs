//! Responses of the token endpoint, for clients with and without DPoP. What is valid JSON with valid fields is read as
//! `serde_json` reads it.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use support::endpoint::{SECRETS, endpoint};
use support::{check_error, http_message, log, reveal, strings};
use tango_token::fuzzing::{Endpoint, Issued, Refused};
use tango_token::{DpopMode, Status};

const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

static ENDPOINTS: LazyLock<[Endpoint; 3]> =
    LazyLock::new(|| [DpopMode::Off, DpopMode::Optional, DpopMode::Required].map(endpoint));

fuzz_target!(|data: &[u8]| {
    let (status, headers, body) = http_message::read(data);
    let [off, optional, required] =
        ENDPOINTS.each_ref().map(|endpoint| checked(endpoint.read(status, &headers, body), status, body));
    if let Some((token, lifetime)) = valid(status, &headers, body) {
        let issued = off.as_ref().expect("a valid response has a token");
        assert_eq!((&issued.access_token, issued.lifetime), (&token, lifetime));
    }
    // What no proof was sent for is a Bearer token, which only a client that requires bound tokens refuses.
    if let Ok(bearer) = &optional
        && bearer.thumbprint.is_none()
    {
        let refused = required.as_ref().expect_err("a Bearer token is a downgrade");
        assert_eq!(refused.error.status(), Status::Downgraded);
        let token = refused.token.as_ref().expect("the token is kept for other clients");
        assert_eq!((&token.access_token, token.lifetime), (&bearer.access_token, bearer.lifetime));
    }
    assert!(off.is_err() || off.is_ok_and(|issued| issued.thumbprint.is_none()));
    assert!(required.is_err() || required.is_ok_and(|issued| issued.thumbprint.is_some()));
});

fn checked(outcome: Result<Issued, Refused>, status: u16, body: &[u8]) -> Result<Issued, Refused> {
    let log = log::take();
    reveal::check_hidden(&SECRETS, [log.as_str()]);
    match &outcome {
        Ok(issued) => check_token(issued, status, &log),
        Err(refused) => {
            check_error(&refused.error);
            reveal::check_hidden(&SECRETS, strings(&refused.error));
            assert_eq!(refused.error.http_status(), Some(status));
            let arrived = arrived_token(body);
            assert!(arrived.is_none_or(|token| strings(&refused.error).iter().all(|string| !string.contains(&token))));
            refused.token.iter().for_each(|issued| check_token(issued, status, &log));
        }
    }
    outcome
}

fn check_token(issued: &Issued, status: u16, log: &str) {
    let Issued { access_token, scope, lifetime, .. } = issued;
    assert!((200..300).contains(&status));
    assert!(!access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!lifetime.is_zero() && *lifetime <= MAX_LIFETIME);
    assert!(scope.split(' ').all(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())));
    assert!(scope.len() <= 515);
    reveal::check_hidden(&SECRETS, [scope.as_str()]);
    // Shorter ones can be a word of the log by chance.
    assert!(access_token.len() < 32 || !log.contains(access_token), "{log}");
}

/// Returns the token and the lifetime in a response that is valid in every respect.
fn valid(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<(String, Duration)> {
    if status != 200 || headers.contains_key(CONTENT_ENCODING) || body.len() > 64 * 1024 {
        return None;
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
    let token = fields.get("access_token")?.as_str()?;
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let lifetime = match fields.get("expires_in") {
        None => DAY,
        Some(seconds) => Duration::from_secs(seconds.as_u64().filter(|&seconds| seconds > 0)?).min(MAX_LIFETIME),
    };
    let is_bearer = fields.get("token_type")?.as_str()?.eq_ignore_ascii_case("bearer");
    (is_token && is_bearer).then(|| (token.to_owned(), lifetime))
}

/// Returns a token that the body names once, and nothing else in it does.
fn arrived_token(body: &[u8]) -> Option<String> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else { return None };
    let token = fields.get("access_token")?.as_str()?;
    let is_usual = token.len() >= 24 && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_usual && str::from_utf8(body).ok()?.matches(token).count() == 1).then(|| token.to_owned())
}
