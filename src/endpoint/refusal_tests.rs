use proptest::prelude::*;
use reqwest::header::HeaderValue;
use secrecy::SecretString;

use super::*;
use crate::secret::HIDDEN;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: i64 = 784_111_777;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn refused(status: u16, body: &str) -> Failure {
    let redactor = Redactor::new(&[SecretString::from("the-password")]);
    classify(StatusCode::from_u16(status).unwrap(), &headers(&[]), body.as_bytes(), NOW, &redactor)
}

#[test]
fn each_response_has_its_status() {
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
        (502, "", ServerError),
        (504, limit, ServerError),
        (408, "", ServerError),
        (421, "", ServerError),
        (425, "", ServerError),
        (302, "", UnexpectedResponse),
        (204, "", UnexpectedResponse),
    ] {
        assert_eq!(refused(status, body).error.status(), expected, "{status} {body}");
    }
}

#[test]
fn each_response_has_its_failure_kind() {
    for not_processed in [408, 421, 425, 429, 500, 503] {
        assert_eq!(refused(not_processed, "").kind, FailureKind::Busy { retry_after: None }, "{not_processed}");
    }
    for unknown_outcome in [502, 504, 520, 524, 599] {
        assert_eq!(refused(unknown_outcome, "").kind, FailureKind::NoResponse, "{unknown_outcome}");
    }
    for (status, body, kind) in [
        (400, "", FailureKind::Refused),
        (401, "", FailureKind::Refused),
        (302, "", FailureKind::Refused),
        (501, "", FailureKind::Refused),
        (505, "", FailureKind::Refused),
        (511, "", FailureKind::Refused),
        (204, "", FailureKind::InvalidResponse),
        (400, r#"{"error":"use_dpop_nonce"}"#, FailureKind::NonceWanted),
        (400, r#"{"error":"invalid_dpop_proof"}"#, FailureKind::Refused),
        (400, "x has exceeded the daily rate limit", FailureKind::Quota { retry_after: None }),
    ] {
        assert_eq!(refused(status, body).kind, kind, "{status} {body}");
    }
}

#[test]
fn fields_of_tangos_json_error_are_read() {
    let body = r#"{"timestamp":"2026-01-01T00:00:00Z","requestId":"r-1","path":"/oauth/token","httpCode":400,
        "httpPhrase":"Bad Request","i18nKey":"","message":"","errors":[{"path":"a","i18nKey":"E.1","message":"no"}]}"#;
    let error = refused(400, body).error;
    assert_eq!((error.i18n_key(), error.server_message(), error.request_id()), (Some("E.1"), Some("no"), Some("r-1")));
    let both = refused(400, r#"{"message":"Bad Request","errors":[{"message":"no"}]}"#).error;
    assert_eq!(both.server_message(), Some("Bad Request: no"));
}

#[test]
fn fields_of_an_oauth_error_are_read() {
    let error = refused(400, r#"{"error":"invalid_grant","error_description":"wrong the-password"}"#).error;
    assert_eq!(error.oauth_error(), Some("invalid_grant"));
    assert_eq!(error.oauth_error_description(), Some(HIDDEN));
    assert!(error.message().contains(&format!("invalid_grant: {HIDDEN}")));
}

#[test]
fn html_body_is_mentioned_but_not_repeated() {
    let html = headers(&[("content-type", "Text/HTML; charset=utf-8"), ("x-request-id", "r-2")]);
    let redactor = Redactor::new([]);
    let error = classify(StatusCode::BAD_GATEWAY, &html, b"<html><script>", NOW, &redactor).error;
    assert!(error.message().contains("HTML") && !error.message().contains("script"));
    assert_eq!(error.request_id(), Some("r-2"));
}

#[test]
fn response_of_a_gateway_keeps_its_words_and_names_the_risk() {
    let error = refused(502, "upstream reset").error;
    assert!(error.message().contains("(HTTP 502): upstream reset"), "{error}");
    assert!(error.message().contains("may have issued a token"), "{error}");
    assert_eq!((error.http_status(), error.server_message()), (Some(502), Some("upstream reset")));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let read = |pairs: &[(&'static str, &str)]| retry_after(&headers(pairs), NOW).map(|wait| wait.as_secs());
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[("retry-after", "120")]), Some(120));
    assert_eq!(read(&[("retry-after", "99999999999999999999999")]), Some(u64::MAX));
    assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]), Some(60));
    assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0), "a date that has passed");
    for junk in ["", "-1", "soon", "1.5", "12 s"] {
        assert_eq!(read(&[("retry-after", junk)]), None, "{junk}");
    }
}

/// Returns error responses in JSON, with the fields of OAuth and of Tango. Each string may contain the secret.
fn any_json_error() -> impl Strategy<Value = Value> {
    let string = || ("[ -~\\x00é]{0,8}", prop::bool::ANY, "[ -~\\x00é]{0,8}");
    let strings = prop::collection::vec(string(), 8);
    strings.prop_map(|strings| {
        let mut strings = strings.into_iter().map(|(before, has_secret, after)| {
            let secret = if has_secret { "the-password" } else { "" };
            Value::from(format!("{before}{secret}{after}"))
        });
        let mut next = || strings.next().unwrap();
        serde_json::json!({
            "error": next(), "error_description": next(), "i18nKey": next(), "message": next(), "requestId": next(),
            "errors": [{"i18nKey": next(), "message": next(), "path": next()}],
        })
    })
}

proptest! {
    #[test]
    fn error_from_json_contains_no_secret_and_no_control_character(status in 300_u16..600, body in any_json_error()) {
        let error = refused(status, &body.to_string()).error;
        let strings = [
            Some(error.message()), error.oauth_error(), error.oauth_error_description(), error.i18n_key(),
            error.server_message(), error.request_id(),
        ];
        for string in strings.into_iter().flatten() {
            prop_assert!(!string.contains("the-password"), "{}", string);
            prop_assert!(!string.contains(char::is_control), "{}", string);
        }
    }

    #[test]
    fn error_contains_no_secret_and_no_control_character(
        status in 300_u16..600, before in ".{0,60}", after in any::<Vec<u8>>(),
    ) {
        let redactor = Redactor::new(&[SecretString::from("the-password")]);
        let body = [before.as_bytes(), b"the-password", &after].concat();
        let error = classify(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &body, NOW, &redactor).error;
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains("the-password"));
        prop_assert!(!shown.contains(char::is_control));
    }
}
