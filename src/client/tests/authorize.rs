//! The headers of API calls, and what responses teach.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::*;
use crate::client::{Authorization, Observation, Verdict};
use crate::dpop::DpopMode;

const ORDERS: &str = "https://api.example/raas/v2/orders?page=1";

fn api_fixture(mode: DpopMode) -> Fixture {
    let token_type = if mode == DpopMode::Off { "Bearer" } else { "DPoP" };
    fixture_with(
        move |config| {
            config.dpop(mode).api_url("https://api.example/raas/v2");
        },
        move |number| {
            ScriptedResponse::json(
                200,
                &format!(r#"{{"access_token":"token-{number}","expires_in":86400,"token_type":"{token_type}"}}"#),
            )
        },
    )
}

fn claims(authorization: &Authorization) -> Value {
    let proof = authorization.dpop().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn refused<'a>(www_authenticate: &'a str, dpop_nonce: Option<&'a str>) -> Observation<'a> {
    Observation { http_status: 401, www_authenticate: Some(www_authenticate), dpop_nonce, date: None }
}

const USE_NONCE: &str = r#"DPoP error="use_dpop_nonce", error_description="a nonce is needed""#;
const INVALID_TOKEN: &str = r#"DPoP error="invalid_token", error_description="revoked""#;

impl Fixture {
    fn authorize(&self) -> Authorization {
        self.client.authorize("GET", ORDERS).unwrap()
    }

    fn date(&self, off_seconds: i64) -> String {
        let seconds = (self.clock.wall_seconds() + off_seconds).unsigned_abs();
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

#[test]
fn try_authorize_waits_for_no_token_and_refuses_a_foreign_origin_before_one_is_requested() {
    let fixture = api_fixture(DpopMode::Required);
    let foreign = fixture.client.try_authorize("GET", "https://other.example/").unwrap_err();
    assert_eq!(foreign.status(), Status::InvalidArgument);
    assert!(fixture.client.try_authorize("GET", ORDERS).unwrap().is_none());
    fixture.client.acquire().unwrap();
    let authorization = fixture.client.try_authorize("GET", ORDERS).unwrap().unwrap();
    assert_eq!(authorization.authorization(), "DPoP token-1");
    assert_eq!(claims(&authorization)["htm"], "GET");
}

#[test]
fn bound_token_is_sent_with_a_proof_and_a_bearer_token_without() {
    let bearer = api_fixture(DpopMode::Off);
    let authorization = bearer.authorize();
    assert_eq!((authorization.authorization(), authorization.dpop()), ("Bearer token-1", None));

    let bound = api_fixture(DpopMode::Required);
    let authorization = bound.authorize();
    assert_eq!(authorization.authorization(), "DPoP token-1");
    let claims = claims(&authorization);
    assert_eq!(
        (claims["htm"].as_str(), claims["htu"].as_str()),
        (Some("GET"), Some("https://api.example/raas/v2/orders"))
    );
    assert!(claims["ath"].is_string());
    assert!(!format!("{authorization:?}").contains("token-1"));
}

#[test]
fn token_is_sent_only_to_the_configured_api() {
    let fixture = api_fixture(DpopMode::Off);
    for url in ["https://evil.example/raas/v2", "http://api.example/", "https://api.example:444/"] {
        assert_eq!(fixture.client.authorize("GET", url).unwrap_err().status(), Status::InvalidArgument, "{url}");
    }
    assert!(fixture.server.requests().is_empty(), "not even a token was fetched");
}

#[test]
fn nonce_is_learned_from_every_response_and_a_challenge_is_retried_once() {
    let fixture = api_fixture(DpopMode::Required);
    let first = fixture.authorize();
    assert_eq!(fixture.client.observe(&first, &refused(USE_NONCE, Some("one"))).unwrap(), Verdict::Retry);
    let again = fixture.client.authorize_again(&first).unwrap();
    assert_eq!(claims(&again)["nonce"], "one");
    assert_ne!(claims(&again)["jti"], claims(&first)["jti"]);

    let error = fixture.client.observe(&again, &refused(USE_NONCE, Some("three"))).unwrap_err();
    assert_eq!((error.status(), error.oauth_error()), (Status::ProofRefused, Some("use_dpop_nonce")));

    let done = Observation { http_status: 200, dpop_nonce: Some("two"), ..Observation::default() };
    assert_eq!(fixture.client.observe(&again, &done).unwrap(), Verdict::Done);
    assert_eq!(claims(&fixture.authorize())["nonce"], "two");
    assert_eq!(fixture.server.requests().len(), 1, "the token was never in doubt");
}

#[test]
fn nonce_challenge_without_a_usable_nonce_is_not_retried() {
    let fixture = api_fixture(DpopMode::Required);
    for nonce in [None, Some(""), Some("a b"), Some("a\r\nb"), Some("a\"b")] {
        let error = fixture.client.observe(&fixture.authorize(), &refused(USE_NONCE, nonce)).unwrap_err();
        assert_eq!(error.status(), Status::ProofRefused, "{nonce:?}");
        assert!(claims(&fixture.authorize()).get("nonce").is_none());
    }
    let known = fixture.authorize();
    assert_eq!(fixture.client.observe(&known, &refused(USE_NONCE, Some("one"))).unwrap(), Verdict::Retry);
    let same = fixture.authorize();
    assert!(
        fixture.client.observe(&same, &refused(USE_NONCE, Some("one"))).is_err(),
        "the nonce that was just refused"
    );
}

#[test]
fn nonce_that_another_thread_learned_meanwhile_is_used_for_the_retry() {
    let fixture = api_fixture(DpopMode::Required);
    let (slow, quick) = (fixture.authorize(), fixture.authorize());
    assert_eq!(fixture.client.observe(&quick, &refused(USE_NONCE, Some("new"))).unwrap(), Verdict::Retry);
    assert_eq!(fixture.client.observe(&slow, &refused(USE_NONCE, Some("old"))).unwrap(), Verdict::Retry);
    assert_eq!(claims(&fixture.client.authorize_again(&slow).unwrap())["nonce"], "new", "and is not set back");
}

/// Single-use nonces and several threads: the nonce of a retry can be used up by another thread as well.
#[test]
fn request_whose_nonce_another_request_used_up_is_sent_once_more() {
    let fixture = api_fixture(DpopMode::Required);
    let mut call = fixture.authorize();
    for number in 0..9 {
        let rival = fixture.authorize();
        let nonce = format!("nonce-{number}");
        let verdict = fixture.client.observe(&call, &refused(USE_NONCE, Some(&nonce)));
        if number == 8 {
            assert_eq!(verdict.unwrap_err().status(), Status::ProofRefused, "not for ever");
            break;
        }
        assert_eq!(verdict.unwrap(), Verdict::Retry, "{number}");
        let done =
            Observation { http_status: 200, dpop_nonce: Some(&format!("rival-{number}")), ..Observation::default() };
        fixture.client.observe(&rival, &done).unwrap();
        call = fixture.client.authorize_again(&call).unwrap();
    }
}

#[test]
fn nonce_of_a_second_refusal_is_for_the_refused_request_alone() {
    let fixture = api_fixture(DpopMode::Required);
    let first = fixture.authorize();
    let rival = fixture.authorize();
    assert_eq!(fixture.client.observe(&first, &refused(USE_NONCE, Some("one"))).unwrap(), Verdict::Retry);
    assert_eq!(claims(&fixture.client.authorize_again(&rival).unwrap())["nonce"], "one", "it is everybody's");
    let second = fixture.client.authorize_again(&first).unwrap();
    assert_eq!(fixture.client.observe(&second, &refused(USE_NONCE, Some("two"))).unwrap(), Verdict::Retry);
    assert_eq!(claims(&fixture.authorize())["nonce"], "one", "nobody else uses it up");
    assert_eq!(claims(&fixture.client.authorize_again(&second).unwrap())["nonce"], "two");
}

#[test]
fn api_that_rejects_every_token_costs_one_replacement() {
    let fixture = api_fixture(DpopMode::Off);
    let challenge = r#"Bearer error="invalid_token""#;
    for number in 0..20 {
        let first = fixture.authorize();
        let outcome = fixture.client.observe(&first, &refused(challenge, None));
        if number == 0 {
            assert_eq!(outcome.unwrap(), Verdict::Retry);
            let again = fixture.client.authorize_again(&first).unwrap();
            let error = fixture.client.observe(&again, &refused(challenge, None)).unwrap_err();
            assert_eq!(error.status(), Status::TokenRefused);
        } else {
            assert_eq!(outcome.unwrap_err().status(), Status::TokenRefused, "the same token need not be sent again");
        }
    }
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn token_that_an_api_rejected_once_is_trusted_again_when_it_is_accepted() {
    let fixture = fixture_with(
        |config| {
            config.api_url("https://api.example/");
        },
        |number| if number == 1 { token(1) } else { quota_refusal() },
    );
    let first = fixture.authorize();
    let rejected = refused(r#"Bearer error="invalid_token""#, None);
    assert_eq!(fixture.client.observe(&first, &rejected).unwrap(), Verdict::Retry);
    let again = fixture.client.authorize_again(&first).unwrap();
    assert_eq!(again.authorization(), "Bearer token-1", "the quota refused another one");
    let error = fixture.client.observe(&again, &rejected).unwrap_err();
    assert_eq!(error.status(), Status::TokenRefused);
    assert!(
        error.message().contains("no replacement is requested") && error.message().contains("20 h 1 min"),
        "{error}"
    );

    let accepted = Observation { http_status: 200, ..Observation::default() };
    fixture.client.observe(&fixture.authorize(), &accepted).unwrap();
    assert!(!fixture.client.0.snapshot.load().is_suspect(&fixture.client.acquire().unwrap()));
    assert_eq!(fixture.server.requests().len(), 2);
}

/// Some servers respond to a proof with a wrong time as if the token were at fault.
#[test]
fn token_is_not_suspected_while_the_clock_of_its_proof_was_wrong() {
    for off in [-300, 600] {
        let fixture = api_fixture(DpopMode::Required);
        let date = fixture.date(off);
        let first = fixture.authorize();
        let response = Observation { date: Some(&date), ..refused(INVALID_TOKEN, None) };
        assert_eq!(fixture.client.observe(&first, &response).unwrap(), Verdict::Retry);
        let again = fixture.client.authorize_again(&first).unwrap();
        assert_eq!(again.authorization(), "DPoP token-1", "the token is the same, the proof another");
        assert_eq!(fixture.client.observe(&again, &response).unwrap(), Verdict::Retry);
        let last = fixture.client.authorize_again(&again).unwrap();
        assert_eq!(last.authorization(), "DPoP token-2", "the token is at fault after all, since the proof was right");
        assert_eq!(fixture.client.observe(&last, &response).unwrap_err().status(), Status::TokenRefused);
    }
}

#[test]
fn nonce_clock_and_token_are_reasons_to_repeat_a_request_once_each() {
    let fixture = api_fixture(DpopMode::Required);
    let date = fixture.date(600);
    let responses = [
        refused(USE_NONCE, Some("one")),
        Observation { date: Some(&date), ..refused(r#"DPoP error="invalid_dpop_proof""#, None) },
        refused(INVALID_TOKEN, None),
    ];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let fixture = api_fixture(DpopMode::Required);
        let mut call = fixture.authorize();
        for reason in order {
            assert_eq!(
                fixture.client.observe(&call, &responses[reason]).unwrap(),
                Verdict::Retry,
                "{order:?}: {reason}"
            );
            call = fixture.client.authorize_again(&call).unwrap();
        }
        assert_eq!((call.authorization(), &claims(&call)["nonce"]), ("DPoP token-2", &"one".into()), "{order:?}");
        for (reason, response) in responses.iter().enumerate() {
            let error = fixture.client.observe(&call, response).unwrap_err();
            assert!(matches!(error.status(), Status::ProofRefused | Status::TokenRefused), "{order:?}: {reason}");
        }
        assert_eq!(fixture.server.requests().len(), 2, "{order:?}");
    }
}

#[test]
fn rejected_token_is_replaced_once_however_many_calls_used_it() {
    let fixture = api_fixture(DpopMode::Required);
    let (first, same) = (fixture.authorize(), fixture.authorize());
    assert_eq!(fixture.client.observe(&first, &refused(INVALID_TOKEN, None)).unwrap(), Verdict::Retry);
    let again = fixture.client.authorize_again(&first).unwrap();
    assert_eq!(again.authorization(), "DPoP token-2");
    assert_eq!(fixture.client.observe(&same, &refused(INVALID_TOKEN, None)).unwrap(), Verdict::Retry);
    assert_eq!(fixture.authorize().authorization(), "DPoP token-2", "a late refusal of the old token");

    let error = fixture.client.observe(&again, &refused(INVALID_TOKEN, None)).unwrap_err();
    assert_eq!((error.status(), error.oauth_error_description()), (Status::TokenRefused, Some("revoked")));
}

#[test]
fn text_in_which_an_api_repeats_the_token_is_not_shown() {
    let fixture = api_fixture(DpopMode::Required);
    let echo = r#"DPoP error="insufficient_scope", error_description="token-1 is too small""#;
    let error = fixture.client.observe(&fixture.authorize(), &refused(echo, None)).unwrap_err();
    assert_eq!(error.oauth_error_description(), Some(HIDDEN));
    assert!(!format!("{error} {error:?}").contains("token-1"));
}

#[test]
fn retry_with_another_client_goes_only_to_the_api_of_that_client() {
    let one = api_fixture(DpopMode::Off);
    let adjust = |config: &mut Config| {
        config.api_url("https://other.example/");
    };
    let other = fixture_with(adjust, token);
    let error = other.client.authorize_again(&one.authorize()).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
}

#[test]
fn invalid_method_or_url_is_an_error_before_a_token_is_requested() {
    let fixture = api_fixture(DpopMode::Off);
    for (method, url) in
        [("G T", ORDERS), ("", ORDERS), ("GET", r"https://api.example\@evil.example/"), ("GET", "orders")]
    {
        assert_eq!(fixture.client.authorize(method, url).err().unwrap().status(), Status::InvalidArgument);
    }
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn proof_challenge_to_a_bearer_token_is_not_retried() {
    let fixture = api_fixture(DpopMode::Off);
    let date = fixture.date(600);
    for challenge in [USE_NONCE, r#"DPoP error="invalid_dpop_proof""#] {
        let response = Observation { date: Some(&date), ..refused(challenge, Some("nonce")) };
        assert_eq!(fixture.client.observe(&fixture.authorize(), &response).unwrap_err().status(), Status::ProofRefused);
    }
}

#[test]
fn every_call_with_the_wrong_clock_is_retried_after_one_learned_it() {
    let fixture = api_fixture(DpopMode::Required);
    let (first, second) = (fixture.authorize(), fixture.authorize());
    let date = fixture.date(600);
    let response = Observation { date: Some(&date), ..refused(r#"DPoP error="invalid_dpop_proof""#, None) };
    assert_eq!(fixture.client.observe(&first, &response).unwrap(), Verdict::Retry);
    assert_eq!(fixture.client.observe(&second, &response).unwrap(), Verdict::Retry);
}

#[test]
fn response_that_does_not_blame_the_token_keeps_it() {
    let fixture = api_fixture(DpopMode::Off);
    let headers =
        [None, Some("Bearer"), Some("Basic realm=\"x\""), Some("Bearer error=\"insufficient_scope\""), Some("???")];
    for www_authenticate in headers {
        let response = Observation { http_status: 401, www_authenticate, ..Observation::default() };
        let error = fixture.client.observe(&fixture.authorize(), &response).unwrap_err();
        assert_eq!(error.status(), Status::TokenRefused, "{www_authenticate:?}");
        assert!(
            error.message().contains(www_authenticate.unwrap_or("without a reason")) || error.oauth_error().is_some()
        );
    }
    for http_status in [200, 400, 403, 404, 500] {
        let response = Observation { http_status, ..refused(INVALID_TOKEN, None) };
        assert_eq!(fixture.client.observe(&fixture.authorize(), &response).unwrap(), Verdict::Done, "{http_status}");
    }
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn status_that_http_does_not_have_is_left_to_the_program_and_accepts_no_token() {
    let fixture = api_fixture(DpopMode::Off);
    let (token, sent) = (fixture.client.acquire().unwrap(), fixture.authorize());
    assert!(fixture.client.invalidate(&token));
    for http_status in [0, 1, 99, 600, 999, u16::MAX] {
        let response = Observation { http_status, ..refused(INVALID_TOKEN, None) };
        assert_eq!(fixture.client.observe(&sent, &response).unwrap(), Verdict::Done, "{http_status}");
    }
    assert!(fixture.client.0.snapshot.load().is_suspect(&token));
}

#[test]
fn text_in_which_the_token_endpoint_repeats_the_token_is_not_shown() {
    let repeats = r#"{"error":"invalid_request","error_description":"token-1 is valid"}"#;
    let fixture = fixture_with(
        |config| {
            config.api_url("https://api.example/raas/v2");
        },
        move |number| if number == 1 { token(1) } else { ScriptedResponse::json(400, repeats) },
    );
    let sent = fixture.authorize();
    assert_eq!(fixture.client.observe(&sent, &refused(INVALID_TOKEN, None)).unwrap(), Verdict::Retry);
    let again = fixture.client.authorize_again(&sent).unwrap();
    let error = fixture.client.observe(&again, &refused(INVALID_TOKEN, None)).unwrap_err();
    assert!(error.message().contains("no replacement is requested"), "{error}");
    assert!(error.message().contains(HIDDEN) && !format!("{error:?}").contains("token-1"), "{error}");
}

#[test]
fn scope_that_repeats_a_secret_is_replaced_by_the_requested_one() {
    for scope in ["raas.all the-secret", "raas.all token-1", "raas.all dG9rZW4tMQ=="] {
        let body = format!(r#"{{"access_token":"token-1","expires_in":60,"token_type":"Bearer","scope":"{scope}"}}"#);
        let fixture = fixture(move |_| ScriptedResponse::json(200, &body));
        assert_eq!(fixture.client.acquire().unwrap().scope(), "raas.all");
    }
}

#[test]
fn header_that_cannot_be_read_is_shown() {
    let fixture = api_fixture(DpopMode::Off);
    let message = |header: &str| fixture.client.observe(&fixture.authorize(), &refused(header, None)).unwrap_err();
    let error = message("Bearer {\"error\":\"invalid_token\"}");
    assert!(error.message().contains("cannot be read (Bearer {\"error\":\"invalid_token\"})"), "{error}");
    let error = message("Bearer {\"token\":\"token-1\"}");
    assert!(error.message().contains("cannot be read ([not shown"), "{error}");
    let error = message(&", ".repeat(32_000));
    assert!(error.message().contains("without a reason"), "{error}");
}

#[test]
fn proof_refused_for_a_wrong_clock_is_made_again_with_the_clock_of_the_api() {
    for off in [-600, 600] {
        let fixture = api_fixture(DpopMode::Required);
        let right = fixture.clock.wall_seconds() + off;
        let first = fixture.authorize();
        let date = fixture.date(off);
        let response = Observation { date: Some(&date), ..refused(r#"DPoP error="invalid_dpop_proof""#, None) };
        assert_eq!(fixture.client.observe(&first, &response).unwrap(), Verdict::Retry);
        let again = fixture.client.authorize_again(&first).unwrap();
        assert_eq!(claims(&again)["iat"].as_i64(), Some(right));
        assert_eq!(
            fixture.client.observe(&again, &response).unwrap_err().status(),
            Status::ProofRefused,
            "once is enough"
        );

        let same_clock = fixture.client.observe(&fixture.authorize(), &response).unwrap_err();
        assert_eq!(same_clock.status(), Status::ProofRefused, "the clock was not it");
    }
}

#[test]
fn token_request_refused_for_a_wrong_clock_is_repeated_with_the_clock_of_the_server() {
    for off in [-600_i64, 600] {
        let server_time = Arc::new(std::sync::Mutex::new(String::new()));
        let date = Arc::clone(&server_time);
        let fixture = fixture_with(
            |config| {
                config.dpop(DpopMode::Required);
            },
            move |number| {
                let date = date.lock().unwrap();
                let body = match number {
                    1 => r#"{"error":"invalid_dpop_proof","error_description":"iat is off"}"#,
                    _ => r#"{"access_token":"token","expires_in":300,"token_type":"DPoP"}"#,
                };
                let (status, length) = (if number == 1 { 400 } else { 200 }, body.len());
                ScriptedResponse::Raw(format!(
                    "HTTP/1.1 {status} Status\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{body}"
                ))
            },
        );
        *server_time.lock().unwrap() = fixture.date(off);
        let token = fixture.client.acquire().unwrap();
        assert_eq!(fixture.server.requests().len(), 2);
        assert!(token.expires_in() <= Duration::from_secs(300), "no lifetime is measured on that clock");
    }
}

#[test]
fn clock_that_jumps_with_each_response_is_a_reason_to_repeat_a_request_once() {
    let fixture = api_fixture(DpopMode::Required);
    let challenge = r#"DPoP error="invalid_dpop_proof""#;
    let (date, later) = (fixture.date(600), fixture.date(1200));
    let first = fixture.authorize();
    let response = Observation { date: Some(&date), ..refused(challenge, None) };
    assert_eq!(fixture.client.observe(&first, &response).unwrap(), Verdict::Retry);
    let again = fixture.client.authorize_again(&first).unwrap();
    let response = Observation { date: Some(&later), ..refused(challenge, None) };
    assert_eq!(fixture.client.observe(&again, &response).unwrap_err().status(), Status::ProofRefused);
}

#[test]
fn replacement_that_is_rejected_when_another_one_may_be_requested_is_no_reason_to_repeat_the_request_again() {
    let fixture = api_fixture(DpopMode::Off);
    let rejected = refused(r#"Bearer error="invalid_token""#, None);
    let first = fixture.authorize();
    assert_eq!(fixture.client.observe(&first, &rejected).unwrap(), Verdict::Retry);
    let again = fixture.client.authorize_again(&first).unwrap();
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.client.observe(&again, &rejected).unwrap_err().status(), Status::TokenRefused);
}
