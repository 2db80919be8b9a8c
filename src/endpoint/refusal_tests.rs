use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::dpop::{Algorithm, Binding, DpopKey};
use crate::endpoint::outcome;
use crate::endpoint::response::tests::context;
use crate::secret::{HIDDEN, Redactor};

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: i64 = 784_111_777;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn refused(status: u16, body: &str) -> Failure {
    refused_with(status, &[], body.as_bytes(), None)
}

fn refused_with(status: u16, pairs: &[(&'static str, &str)], body: &[u8], binding: Option<&Binding>) -> Failure {
    let redactor = Redactor::new(&[SecretString::from("the-password")]);
    let context = RequestContext { binding, ..context(&redactor) };
    outcome::read(StatusCode::from_u16(status).unwrap(), &headers(pairs), body, NOW, &context).unwrap_err()
}

#[test]
fn token_in_a_response_that_reports_something_else_is_not_shown() {
    for status in [400, 500, 502, 600, 999] {
        for body in [
            r#"{"access_token":"opaque-token-1","token_type":"Bearer"}"#,
            r#"{"access_token":"opaque-token-1","message":"saved as {\"access_token\":\"opaque-token-1\"}"}"#,
            "access_token=opaque-token-1",
        ] {
            let shown = format!("{:?}", refused(status, body).error);
            assert!(!shown.contains("opaque"), "{shown}");
        }
    }
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
        (200, limit, QuotaRefused),
        (403, limit, QuotaRefused),
        (503, limit, QuotaRefused),
        (504, limit, QuotaRefused),
        (400, r#"{"message":"x has exceeded\u0020the daily\nrate limit"}"#, QuotaRefused),
        (200, r#"{"error":"invalid_grant"}"#, CredentialsRefused),
        (200, r#"{"error":"new_code"}"#, RequestRefused),
        (200, r#"{"access_token":null,"error":"invalid_grant"}"#, CredentialsRefused),
        (400, r#"{"error":"unauthorized_client"}"#, CredentialsRefused),
        (400, r#"{"error":"unsupported_grant_type"}"#, RequestRefused),
        (400, r#"{"error":"temporarily_unavailable"}"#, ServerError),
        (400, r#"{"error":"server_error"}"#, ServerError),
        (400, r#"{"error":"slow_down"}"#, RateLimited),
        (429, r#"{"error":"access_denied"}"#, RateLimited),
        (502, "", ServerError),
        (504, "", ServerError),
        (408, "", ServerError),
        (421, "", ServerError),
        (425, "", ServerError),
        (302, "", UnexpectedResponse),
        (204, "", UnexpectedResponse),
        (202, "{}", UnexpectedResponse),
        (600, "", UnexpectedResponse),
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
        (200, "x has exceeded the daily rate limit", FailureKind::Quota { retry_after: None }),
        (200, r#"{"error":"invalid_grant"}"#, FailureKind::Refused),
        (200, r#"{"message":"no"}"#, FailureKind::InvalidResponse),
        (400, r#"{"error":"temporarily_unavailable"}"#, FailureKind::Busy { retry_after: None }),
        (200, r#"{"error":"server_error"}"#, FailureKind::Busy { retry_after: None }),
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
    let html = [("content-type", "Text/HTML; charset=utf-8"), ("x-request-id", "r-2")];
    let error = refused_with(502, &html, b"<html><title>Squid \xe2\x80\xaetxt</title><script>x()", None).error;
    assert_eq!(error.server_message(), Some("an HTML page, perhaps from a proxy: Squid txt"));
    assert_eq!(error.request_id(), Some("r-2"));
}

/// The code and the words that an error shows, and whether both are in its message.
fn shown(status: u16, body: &str) -> (Option<String>, Option<String>) {
    let error = refused(status, body).error;
    for part in [error.oauth_error(), error.server_message()].into_iter().flatten() {
        assert!(error.message().contains(part), "{part} is not in {error}");
    }
    (error.oauth_error().map(Into::into), error.server_message().map(Into::into))
}

#[test]
fn words_of_every_format_are_shown() {
    let apigee = r#"{"fault":{"faultstring":"Invalid key","detail":{"errorcode":"oauth.v2.InvalidKey"}}}"#;
    let soap = "<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>no &amp; no</faultstring>\
                </s:Fault></s:Body></s:Envelope>";
    for (body, code, words) in [
        (apigee, Some("oauth.v2.InvalidKey"), "Invalid key"),
        (r#"{"Message":"Authorization has been denied"}"#, None, "Authorization has been denied"),
        (r#"{"error":{"message":"no such user","code":"E42"}}"#, Some("E42"), "no such user"),
        (r#"{"error":{"message":"no such user","code":401,"status":"UNAUTHENTICATED"}}"#, None, "no such user"),
        (r#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"blocked"}"#, None, "Forbidden: blocked"),
        (
            r#"{"errorCode":"E0000011","errorSummary":"Invalid token","errorCauses":[]}"#,
            Some("E0000011"),
            "Invalid token",
        ),
        (
            r#"[{"message":"Session expired","errorCode":"INVALID_SESSION"}]"#,
            Some("INVALID_SESSION"),
            "Session expired",
        ),
        (
            r#"{"statusCode":400,"message":["audience must be a string"],"error":"Bad"}"#,
            Some("Bad"),
            "audience must be a string",
        ),
        (r#"{"blocked_by":"the firewall"}"#, None, r#"{"blocked_by":"the firewall"}"#),
        (r#""Unauthorized""#, None, "Unauthorized"),
        ("error=access_denied&message=not+today", Some("access_denied"), "not today"),
        (soap, Some("s:Client"), "no & no"),
        (
            "<?xml version=\"1.0\"?><Error><Code>Denied</Code><Message>not you</Message></Error>",
            Some("Denied"),
            "not you",
        ),
        ("<x>all <y>of</y> it</x>", None, "all  of  it"),
        ("plain \u{200b}text\u{202e}", None, "plain text"),
        ("\u{feff}{\"message\":\"after a mark\"}", None, "after a mark"),
        ("{\"message\":\"half of a pair \\ud83d\"}", None, "half of a pair \u{fffd}"),
        ("{\"message\":\"said\",\"more\":\"cut o", None, "said"),
    ] {
        assert_eq!(shown(403, body), (code.map(Into::into), Some(words.into())), "{body}");
    }
    assert_eq!(shown(403, r#"{"a":1,"b":[null,true,{}]}"#), (None, None), "no words");
}

#[test]
fn words_in_a_success_without_a_token_are_shown() {
    let error = refused(200, r#"{"fault":{"faultstring":"no more"}}"#).error;
    assert_eq!((error.status(), error.http_status()), (Status::MalformedResponse, Some(200)));
    assert_eq!(error.message(), "the response of the token endpoint has no access_token: no more; check token_url");
    let error = refused(200, r#"{"error":"invalid_client","error_description":"unknown"}"#).error;
    assert_eq!(
        error.message(),
        format!("{CREDENTIALS_REFUSED} (HTTP 200): invalid_client: unknown; {CHECK_CREDENTIALS}")
    );
}

#[test]
fn words_of_the_daily_limit_are_shown_with_every_status() {
    let limit = "Client shop 42 has exceeded the daily rate limit";
    for status in [200, 400, 403, 503] {
        assert_eq!(refused(status, limit).error.server_message(), Some(limit), "{status}");
    }
}

#[test]
fn text_of_a_success_that_may_be_a_token_is_not_shown() {
    for body in
        ["hush-hush", r#"{"access_token":"hush hush","message":"hush"}"#, r#"{"access_token":["hush"],"error":"hush"}"#]
    {
        let error = refused(200, body).error;
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}

#[test]
fn grant_is_named_where_the_server_refuses_it() {
    let not_allowed = "requested grant type is not allowed for this client";
    for (code, description) in
        [("unauthorized_client", ""), ("unsupported_grant_type", ""), ("invalid_request", not_allowed)]
    {
        let error = refused(400, &json!({"error": code, "error_description": description}).to_string()).error;
        assert!(error.message().contains("the grant type `password`"), "{error}");
    }
}

#[test]
fn unavailable_server_has_a_sentence_of_its_own() {
    for (status, body, words) in [
        (408, "", "waited too long for the request (HTTP 408)"),
        (421, "", "a server that is not responsible for it (HTTP 421)"),
        (425, "", "was not ready for the request (HTTP 425)"),
        (400, r#"{"error":"temporarily_unavailable"}"#, "is temporarily unavailable (HTTP 400)"),
        (400, r#"{"error":"server_error"}"#, "reports an error of its own (HTTP 400)"),
        (400, r#"{"error":"slow_down"}"#, "asks for fewer requests (HTTP 400)"),
    ] {
        let error = refused(status, body).error;
        assert!(error.message().contains(words) && !error.message().contains("check"), "{error}");
    }
}

#[test]
fn refusal_about_a_proof_names_the_mode_the_clock_or_the_header() {
    let key = DpopKey::generate(Algorithm::Es256).unwrap();
    let binding = Binding { key, required: true, is_configured: false };
    let advice = |code: &str, description: &str, binding: Option<&Binding>| {
        let body = json!({"error": code, "error_description": description}).to_string();
        let error = refused_with(400, &[], body.as_bytes(), binding).error;
        assert_eq!(error.status(), Status::ProofRefused, "{error}");
        error.message().rsplit_once("; ").unwrap().1.to_owned()
    };
    for (code, description) in [
        ("invalid_request", "DPoP proof is missing"),
        ("invalid_request", "DPoP proof JWT not provided"),
        ("invalid_dpop_proof", "The DPoP proof JWT header is missing."),
        ("use_dpop_nonce", ""),
    ] {
        assert_eq!(advice(code, description, None), "set dpop to `optional` or `required`", "{description}");
    }
    for (code, description, expected) in [
        ("invalid_dpop_proof", "DPoP proof is not active", "set the clock of this machine"),
        ("invalid_request", "DPoP proof is not active", "set the clock of this machine"),
        ("invalid_dpop_proof", "DPoP proof iat is not recent enough", "set the clock of this machine"),
        ("invalid_request", "DPoP proof is missing", "check whether a proxy removes the header DPoP"),
        ("invalid_dpop_proof", "htu mismatch", "check the dpop setting and the clock of this machine"),
    ] {
        assert_eq!(advice(code, description, Some(&binding)), expected, "{description}");
    }
    assert_eq!(refused(400, "DPoP proof required").error.status(), Status::ProofRefused);
}

#[test]
fn nonce_that_cannot_be_used_is_named() {
    let key = DpopKey::generate(Algorithm::Es256).unwrap();
    let binding = Binding { key, required: true, is_configured: false };
    let long = "a".repeat(513);
    for (nonces, words) in [
        (&[][..], "sent no nonce (HTTP 400)"),
        (&["n-1"], "sent a nonce that it refuses (HTTP 400)"),
        (&[long.as_str()], "sent a nonce of more than 512 characters (HTTP 400)"),
        (&["n 1"], "sent a nonce with a character that RFC 9449 does not allow (HTTP 400)"),
        (&["n-1", "n-2"], "sent several nonces, of which it is not known which one it means (HTTP 400)"),
    ] {
        let mut headers = HeaderMap::new();
        for nonce in nonces {
            headers.append("dpop-nonce", HeaderValue::from_str(nonce).unwrap());
        }
        let redactor = Redactor::new([]);
        let context = RequestContext { binding: Some(&binding), ..context(&redactor) };
        let body = br#"{"error":"use_dpop_nonce"}"#;
        let error = outcome::read(StatusCode::BAD_REQUEST, &headers, body, NOW, &context).unwrap_err().error;
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn response_of_a_gateway_keeps_its_words_and_names_the_risk() {
    let error = refused(502, "upstream reset").error;
    assert!(error.message().contains("(HTTP 502): upstream reset"), "{error}");
    assert!(error.message().contains("may have issued a token"), "{error}");
    assert_eq!((error.http_status(), error.server_message()), (Some(502), Some("upstream reset")));
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
        json!({
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
        let body = [before.as_bytes(), b"the-password", &after].concat();
        let error = refused_with(status, &[], &body, None).error;
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains("the-password"));
        prop_assert!(!shown.contains(char::is_control));
    }
}
