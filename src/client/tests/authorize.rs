//! The headers of API calls, and what answers teach.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::*;
use crate::client::{Authorization, Observation, Verdict};
use crate::dpop::DpopMode;

const ORDERS: &str = "https://api.example/raas/v2/orders?page=1";

fn api_bench(mode: DpopMode) -> Fixture {
    let token_type = if mode == DpopMode::Off { "Bearer" } else { "DPoP" };
    bench_with(
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
fn a_bearer_token_has_one_header_and_a_bound_one_two() {
    let bearer = api_bench(DpopMode::Off);
    let authorization = bearer.authorize();
    assert_eq!((authorization.authorization(), authorization.dpop()), ("Bearer token-1", None));

    let bound = api_bench(DpopMode::Required);
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
fn a_token_goes_to_the_api_and_nowhere_else() {
    let bench = api_bench(DpopMode::Off);
    for url in ["https://evil.example/raas/v2", "http://api.example/", "https://api.example:444/"] {
        assert_eq!(bench.client.authorize("GET", url).unwrap_err().status(), Status::InvalidArgument, "{url}");
    }
    assert!(bench.server.requests().is_empty(), "not even a token was fetched");
}

#[test]
fn a_nonce_is_learned_from_every_answer_and_a_challenge_is_answered_once() {
    let bench = api_bench(DpopMode::Required);
    let first = bench.authorize();
    assert_eq!(bench.client.observe(&first, &refused(USE_NONCE, Some("one"))).unwrap(), Verdict::Retry);
    let again = bench.client.authorize_again(&first).unwrap();
    assert_eq!(claims(&again)["nonce"], "one");
    assert_ne!(claims(&again)["jti"], claims(&first)["jti"]);

    let error = bench.client.observe(&again, &refused(USE_NONCE, Some("three"))).unwrap_err();
    assert_eq!((error.status(), error.oauth_error()), (Status::ProofRefused, Some("use_dpop_nonce")));

    let done = Observation { http_status: 200, dpop_nonce: Some("two"), ..Observation::default() };
    assert_eq!(bench.client.observe(&again, &done).unwrap(), Verdict::Done);
    assert_eq!(claims(&bench.authorize())["nonce"], "two");
    assert_eq!(bench.server.requests().len(), 1, "the token was never in doubt");
}

#[test]
fn a_challenge_without_a_usable_nonce_is_no_reason_to_try_again() {
    let bench = api_bench(DpopMode::Required);
    for nonce in [None, Some(""), Some("a b"), Some("a\r\nb"), Some("a\"b")] {
        let error = bench.client.observe(&bench.authorize(), &refused(USE_NONCE, nonce)).unwrap_err();
        assert_eq!(error.status(), Status::ProofRefused, "{nonce:?}");
        assert!(claims(&bench.authorize()).get("nonce").is_none());
    }
    let known = bench.authorize();
    assert_eq!(bench.client.observe(&known, &refused(USE_NONCE, Some("one"))).unwrap(), Verdict::Retry);
    let same = bench.authorize();
    assert!(bench.client.observe(&same, &refused(USE_NONCE, Some("one"))).is_err(), "the nonce that was just refused");
}

#[test]
fn another_thread_may_have_learned_the_nonce_meanwhile() {
    let bench = api_bench(DpopMode::Required);
    let (slow, quick) = (bench.authorize(), bench.authorize());
    assert_eq!(bench.client.observe(&quick, &refused(USE_NONCE, Some("new"))).unwrap(), Verdict::Retry);
    assert_eq!(bench.client.observe(&slow, &refused(USE_NONCE, Some("old"))).unwrap(), Verdict::Retry);
    assert_eq!(claims(&bench.client.authorize_again(&slow).unwrap())["nonce"], "new", "and is not set back");
}

/// Single-use nonces and several threads: the nonce of a retry can be used up by another thread as well.
#[test]
fn request_whose_nonce_another_request_used_up_is_sent_once_more() {
    let bench = api_bench(DpopMode::Required);
    let mut call = bench.authorize();
    for number in 0..9 {
        let rival = bench.authorize();
        let nonce = format!("nonce-{number}");
        let verdict = bench.client.observe(&call, &refused(USE_NONCE, Some(&nonce)));
        if number == 8 {
            assert_eq!(verdict.unwrap_err().status(), Status::ProofRefused, "not for ever");
            break;
        }
        assert_eq!(verdict.unwrap(), Verdict::Retry, "{number}");
        let done =
            Observation { http_status: 200, dpop_nonce: Some(&format!("rival-{number}")), ..Observation::default() };
        bench.client.observe(&rival, &done).unwrap();
        call = bench.client.authorize_again(&call).unwrap();
    }
}

#[test]
fn nonce_of_a_second_refusal_is_for_the_refused_request_alone() {
    let bench = api_bench(DpopMode::Required);
    let first = bench.authorize();
    let rival = bench.authorize();
    assert_eq!(bench.client.observe(&first, &refused(USE_NONCE, Some("one"))).unwrap(), Verdict::Retry);
    assert_eq!(claims(&bench.client.authorize_again(&rival).unwrap())["nonce"], "one", "it is everybody's");
    let second = bench.client.authorize_again(&first).unwrap();
    assert_eq!(bench.client.observe(&second, &refused(USE_NONCE, Some("two"))).unwrap(), Verdict::Retry);
    assert_eq!(claims(&bench.authorize())["nonce"], "one", "nobody else uses it up");
    assert_eq!(claims(&bench.client.authorize_again(&second).unwrap())["nonce"], "two");
}

#[test]
fn api_that_rejects_every_token_costs_one_replacement() {
    let bench = api_bench(DpopMode::Off);
    let challenge = r#"Bearer error="invalid_token""#;
    for number in 0..20 {
        let first = bench.authorize();
        let outcome = bench.client.observe(&first, &refused(challenge, None));
        if number == 0 {
            assert_eq!(outcome.unwrap(), Verdict::Retry);
            let again = bench.client.authorize_again(&first).unwrap();
            let error = bench.client.observe(&again, &refused(challenge, None)).unwrap_err();
            assert_eq!(error.status(), Status::TokenRefused);
        } else {
            assert_eq!(outcome.unwrap_err().status(), Status::TokenRefused, "the same token need not be sent again");
        }
    }
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn token_that_an_api_rejected_once_is_trusted_again_when_it_is_accepted() {
    let bench = bench_with(
        |config| {
            config.api_url("https://api.example/");
        },
        |number| if number == 1 { token(1) } else { super::fleet::quota_refusal() },
    );
    let first = bench.authorize();
    let rejected = refused(r#"Bearer error="invalid_token""#, None);
    assert_eq!(bench.client.observe(&first, &rejected).unwrap(), Verdict::Retry);
    let again = bench.client.authorize_again(&first).unwrap();
    assert_eq!(again.authorization(), "Bearer token-1", "the quota refused another one");
    let error = bench.client.observe(&again, &rejected).unwrap_err();
    assert_eq!(error.status(), Status::TokenRefused);
    assert!(
        error.message().contains("no replacement is requested") && error.message().contains("20 h 1 min"),
        "{error}"
    );

    let accepted = Observation { http_status: 200, ..Observation::default() };
    bench.client.observe(&bench.authorize(), &accepted).unwrap();
    assert!(!bench.client.0.snapshot.load().is_suspect(&bench.client.acquire().unwrap()));
    assert_eq!(bench.server.requests().len(), 2);
}

/// Some servers respond to a proof with a wrong time as if the token were at fault.
#[test]
fn token_is_not_suspected_while_the_clock_of_its_proof_was_wrong() {
    for off in [-300, 600] {
        let bench = api_bench(DpopMode::Required);
        let date = bench.date(off);
        let first = bench.authorize();
        let answer = Observation { date: Some(&date), ..refused(INVALID_TOKEN, None) };
        assert_eq!(bench.client.observe(&first, &answer).unwrap(), Verdict::Retry);
        let again = bench.client.authorize_again(&first).unwrap();
        assert_eq!(again.authorization(), "DPoP token-1", "the token is the same, the proof another");
        assert_eq!(bench.client.observe(&again, &answer).unwrap_err().status(), Status::TokenRefused);
        assert_eq!(bench.value(), "token-2", "the token is at fault after all, since the proof was right");
    }
}

#[test]
fn a_refused_token_is_dropped_that_very_one_and_replaced_once() {
    let bench = api_bench(DpopMode::Required);
    let (first, same) = (bench.authorize(), bench.authorize());
    assert_eq!(bench.client.observe(&first, &refused(INVALID_TOKEN, None)).unwrap(), Verdict::Retry);
    let again = bench.client.authorize_again(&first).unwrap();
    assert_eq!(again.authorization(), "DPoP token-2");
    assert_eq!(bench.client.observe(&same, &refused(INVALID_TOKEN, None)).unwrap(), Verdict::Retry);
    assert_eq!(bench.authorize().authorization(), "DPoP token-2", "a late refusal of the old token");

    let error = bench.client.observe(&again, &refused(INVALID_TOKEN, None)).unwrap_err();
    assert_eq!((error.status(), error.oauth_error_description()), (Status::TokenRefused, Some("revoked")));
}

#[test]
fn what_an_api_echoes_comes_out_without_the_token() {
    let bench = api_bench(DpopMode::Required);
    let echo = r#"DPoP error="insufficient_scope", error_description="token-1 is too small""#;
    let error = bench.client.observe(&bench.authorize(), &refused(echo, None)).unwrap_err();
    assert_eq!(error.oauth_error_description(), Some("[redacted] is too small"));
    assert!(!format!("{error} {error:?}").contains("token-1"));
}

#[test]
fn a_retry_goes_where_its_own_client_may_send_tokens() {
    let one = api_bench(DpopMode::Off);
    let adjust = |config: &mut Config| {
        config.api_url("https://other.example/");
    };
    let other = bench_with(adjust, token);
    let error = other.client.authorize_again(&one.authorize()).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
}

#[test]
fn a_mistake_of_the_caller_costs_no_token() {
    let bench = api_bench(DpopMode::Off);
    for (method, url) in
        [("G T", ORDERS), ("", ORDERS), ("GET", r"https://api.example\@evil.example/"), ("GET", "orders")]
    {
        assert_eq!(bench.client.authorize(method, url).err().unwrap().status(), Status::InvalidArgument);
    }
    assert!(bench.server.requests().is_empty());
}

#[test]
fn a_bearer_token_has_no_proof_that_could_be_made_again() {
    let bench = api_bench(DpopMode::Off);
    let date = bench.date(600);
    for challenge in [USE_NONCE, r#"DPoP error="invalid_dpop_proof""#] {
        let answer = Observation { date: Some(&date), ..refused(challenge, Some("nonce")) };
        assert_eq!(bench.client.observe(&bench.authorize(), &answer).unwrap_err().status(), Status::ProofRefused);
    }
}

#[test]
fn each_of_several_callers_may_retry_after_the_clock_was_learned() {
    let bench = api_bench(DpopMode::Required);
    let (first, second) = (bench.authorize(), bench.authorize());
    let date = bench.date(600);
    let answer = Observation { date: Some(&date), ..refused(r#"DPoP error="invalid_dpop_proof""#, None) };
    assert_eq!(bench.client.observe(&first, &answer).unwrap(), Verdict::Retry);
    assert_eq!(bench.client.observe(&second, &answer).unwrap(), Verdict::Retry);
}

#[test]
fn a_refusal_without_a_reason_keeps_the_token() {
    let bench = api_bench(DpopMode::Off);
    let headers =
        [None, Some("Bearer"), Some("Basic realm=\"x\""), Some("Bearer error=\"insufficient_scope\""), Some("???")];
    for www_authenticate in headers {
        let answer = Observation { http_status: 401, www_authenticate, ..Observation::default() };
        let error = bench.client.observe(&bench.authorize(), &answer).unwrap_err();
        assert_eq!(error.status(), Status::TokenRefused, "{www_authenticate:?}");
    }
    for http_status in [200, 400, 403, 404, 500] {
        let answer = Observation { http_status, ..refused(INVALID_TOKEN, None) };
        assert_eq!(bench.client.observe(&bench.authorize(), &answer).unwrap(), Verdict::Done, "{http_status}");
    }
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn a_proof_that_a_wrong_clock_spoilt_is_made_again_with_the_servers() {
    for off in [-600, 600] {
        let bench = api_bench(DpopMode::Required);
        let right = bench.clock.wall_seconds() + off;
        let first = bench.authorize();
        let date = bench.date(off);
        let answer = Observation { date: Some(&date), ..refused(r#"DPoP error="invalid_dpop_proof""#, None) };
        assert_eq!(bench.client.observe(&first, &answer).unwrap(), Verdict::Retry);
        let again = bench.client.authorize_again(&first).unwrap();
        assert_eq!(claims(&again)["iat"].as_i64(), Some(right));
        assert_eq!(bench.client.observe(&again, &answer).unwrap_err().status(), Status::ProofRefused, "once is enough");

        let same_clock = bench.client.observe(&bench.authorize(), &answer).unwrap_err();
        assert_eq!(same_clock.status(), Status::ProofRefused, "the clock was not it");
    }
}

#[test]
fn a_token_that_a_wrong_clock_kept_away_is_fetched_with_the_servers() {
    for off in [-600_i64, 600] {
        let server_time = Arc::new(std::sync::Mutex::new(String::new()));
        let date = Arc::clone(&server_time);
        let bench = bench_with(
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
        *server_time.lock().unwrap() = bench.date(off);
        let token = bench.client.acquire().unwrap();
        assert_eq!(bench.server.requests().len(), 2);
        assert!(token.expires_in() <= Duration::from_secs(300), "no life is measured on that clock");
    }
}
