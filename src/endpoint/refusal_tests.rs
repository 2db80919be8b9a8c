use proptest::prelude::*;
use reqwest::header::HeaderValue;
use secrecy::SecretString;

use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn refused(status: u16, body: &str) -> Failure {
    let redactor = Redactor::new(&[SecretString::from("the-password")]);
    classify(StatusCode::from_u16(status).unwrap(), &headers(&[]), body.as_bytes(), &redactor)
}

#[test]
fn each_answer_has_its_cause() {
    use Status::{
        CredentialsRefused, ProofRefused, QuotaRefused, RateLimited, RequestRefused, ServerError, UnexpectedResponse,
    };
    let limit = "Client sandbox abc-1 has exceeded the daily rate limit";
    for (status, body, expected) in [
        (400, limit, QuotaRefused),
        (400, r#"{"message":"Client x y has EXCEEDED the daily rate limit"}"#, QuotaRefused),
        (
            400,
            r#"{"message":"Bad Request","errors":[{"message":"x has exceeded the daily rate limit"}]}"#,
            QuotaRefused,
        ),
        (429, limit, QuotaRefused),
        (400, "", RequestRefused),
        (400, "audience is missing", RequestRefused),
        (400, r#"{"error":"invalid_grant"}"#, CredentialsRefused),
        (400, r#"{"error":"invalid_client"}"#, CredentialsRefused),
        (400, r#"{"error":"invalid_scope"}"#, RequestRefused),
        (400, r#"{"error":"use_dpop_nonce"}"#, ProofRefused),
        (400, r#"{"error":"invalid_dpop_proof"}"#, ProofRefused),
        (401, "", CredentialsRefused),
        (401, "Unauthorized", CredentialsRefused),
        (403, "", RequestRefused),
        (404, "", RequestRefused),
        (429, "", RateLimited),
        (500, "", ServerError),
        (503, limit, ServerError),
        (302, "", UnexpectedResponse),
        (204, "", UnexpectedResponse),
    ] {
        assert_eq!(refused(status, body).error.status(), expected, "{status} {body}");
    }
}

#[test]
fn only_what_may_pass_is_retried() {
    assert_eq!(refused(503, "").kind, FailureKind::Busy { retry_after: None });
    assert_eq!(refused(429, "").kind, FailureKind::Busy { retry_after: None });
    for (status, body, cause) in [
        (400, "", FailureKind::Refused),
        (401, "", FailureKind::Refused),
        (302, "", FailureKind::Refused),
        (204, "", FailureKind::InvalidResponse),
        (400, r#"{"error":"use_dpop_nonce"}"#, FailureKind::NonceWanted),
        (400, r#"{"error":"invalid_dpop_proof"}"#, FailureKind::Refused),
        (400, "x has exceeded the daily rate limit", FailureKind::Quota { retry_after: None }),
    ] {
        assert_eq!(refused(status, body).kind, cause, "{status} {body}");
    }
}

#[test]
fn tangos_json_error_is_read_field_by_field() {
    let body = r#"{"timestamp":"2026-01-01T00:00:00Z","requestId":"r-1","path":"/oauth/token","httpCode":400,
        "httpPhrase":"Bad Request","i18nKey":"","message":"","errors":[{"path":"a","i18nKey":"E.1","message":"no"}]}"#;
    let error = refused(400, body).error;
    assert_eq!((error.i18n_key(), error.server_message(), error.request_id()), (Some("E.1"), Some("no"), Some("r-1")));
    let both = refused(400, r#"{"message":"Bad Request","errors":[{"message":"no"}]}"#).error;
    assert_eq!(both.server_message(), Some("Bad Request: no"));
}

#[test]
fn oauths_error_is_read_field_by_field() {
    let error = refused(400, r#"{"error":"invalid_grant","error_description":"wrong the-password"}"#).error;
    assert_eq!(error.oauth_error(), Some("invalid_grant"));
    assert_eq!(error.oauth_error_description(), Some("wrong [redacted]"));
    assert!(error.message().contains("invalid_grant: wrong [redacted]"));
}

#[test]
fn html_is_named_and_not_repeated() {
    let html = headers(&[("content-type", "Text/HTML; charset=utf-8"), ("x-request-id", "r-2")]);
    let redactor = Redactor::new([]);
    let error = classify(StatusCode::BAD_GATEWAY, &html, b"<html><script>", &redactor).error;
    assert!(error.message().contains("HTML") && !error.message().contains("script"));
    assert_eq!(error.request_id(), Some("r-2"));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
    let read = |pairs: &[(&'static str, &str)]| retry_after(&headers(pairs), now).map(|wait| wait.as_secs());
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[("retry-after", "120")]), Some(120));
    assert_eq!(read(&[("retry-after", "99999999999999999999999")]), Some(u64::MAX));
    assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]), Some(60));
    assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0), "a date that has passed");
    let servers_clock = ("date", "Sun, 06 Nov 1994 08:50:00 GMT");
    assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), servers_clock]), Some(37));
    for junk in ["", "-1", "soon", "1.5", "12 s"] {
        assert_eq!(read(&[("retry-after", junk)]), None, "{junk}");
    }
}

proptest! {
    #[test]
    fn no_body_brings_the_secret_or_a_control_character_out(
        status in 300_u16..600, before in ".{0,60}", after in any::<Vec<u8>>(),
    ) {
        let redactor = Redactor::new(&[SecretString::from("the-password")]);
        let body = [before.as_bytes(), b"the-password", &after].concat();
        let error = classify(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &body, &redactor).error;
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains("the-password"));
        prop_assert!(!shown.contains(char::is_control));
    }
}
