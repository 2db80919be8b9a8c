//! Tokens that are bound to a key: what is sent, what happens with a nonce, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::*;
use crate::clock::manual::ManualClock;
use crate::dpop::{Algorithm, DpopKey, DpopMode, SignerError};

fn bound_fixture(mode: DpopMode, respond: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static) -> Fixture {
    fixture_with(
        move |config| {
            config.dpop(mode);
        },
        respond,
    )
}

fn bound_token(number: usize, nonce: &str) -> ScriptedResponse {
    let body = format!(r#"{{"access_token":"token-{number}","expires_in":86400,"token_type":"DPoP"}}"#);
    with_nonce(200, nonce, &body)
}

fn challenge(nonce: &str) -> ScriptedResponse {
    with_nonce(400, nonce, r#"{"error":"use_dpop_nonce","error_description":"a nonce is needed"}"#)
}

fn with_nonce(status: u16, nonce: &str, body: &str) -> ScriptedResponse {
    let length = body.len();
    let header = if nonce.is_empty() { String::new() } else { format!("DPoP-Nonce: {nonce}\r\n") };
    ScriptedResponse::Raw(format!("HTTP/1.1 {status} Status\r\n{header}content-length: {length}\r\n\r\n{body}"))
}

/// The claims of the proof that each request carried.
fn proofs(fixture: &Fixture) -> Vec<Value> {
    let claims = |request: String| {
        let proof = request.lines().find_map(|line| line.strip_prefix("dpop: ")).expect("a proof").to_owned();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap()).unwrap()).unwrap()
    };
    fixture.server.requests().into_iter().map(claims).collect()
}

#[test]
fn bound_token_is_requested_with_a_proof_and_knows_its_key() {
    let fixture = bound_fixture(DpopMode::Required, |number| bound_token(number, ""));
    let token = fixture.client.acquire().unwrap();
    assert_eq!(token.token_type(), "DPoP");
    assert!(token.dpop_key().is_some());
    let proof = &proofs(&fixture)[0];
    let url = fixture.server.url();
    assert_eq!((proof["htm"].as_str(), proof["htu"].as_str()), (Some("POST"), Some(url.as_str())));
    assert!(proof.get("ath").is_none() && proof.get("nonce").is_none());
}

#[test]
fn nonce_challenge_is_retried_once_and_its_nonce_is_remembered() {
    let fixture = bound_fixture(DpopMode::Optional, |number| match number {
        1 => challenge("first"),
        2 => bound_token(number, "second"),
        _ => bound_token(number, ""),
    });
    let token = fixture.client.acquire().unwrap();
    assert_eq!(token.value(), "token-2");
    fixture.client.invalidate(&token);
    assert_eq!(fixture.value(), "token-3", "with the nonce that came with the token there is no challenge");
    let proofs = proofs(&fixture);
    let nonces: Vec<_> = proofs.iter().map(|proof| proof["nonce"].as_str()).collect();
    assert_eq!(nonces, [None, Some("first"), Some("second")]);
    assert_ne!(proofs[0]["jti"], proofs[1]["jti"]);
}

#[test]
fn nonce_challenge_that_repeats_or_has_no_usable_nonce_is_an_error() {
    for (nonces, requests) in [(["one", "two"], 2), (["one", "one"], 2), (["", ""], 1), (["a b", ""], 1)] {
        let fixture = bound_fixture(DpopMode::Required, move |number| challenge(nonces[(number - 1).min(1)]));
        assert_eq!(fixture.failure().status(), Status::ProofRefused);
        assert_eq!(fixture.server.requests().len(), requests, "{nonces:?}");
    }
}

/// Refused because its `iat` is ten minutes off.
fn wrong_clock() -> ScriptedResponse {
    let right = u64::try_from(ManualClock::new().wall_seconds()).unwrap() + 600;
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(right));
    let body = r#"{"error":"invalid_dpop_proof"}"#;
    let length = body.len();
    ScriptedResponse::Raw(format!("HTTP/1.1 400 Status\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{body}"))
}

#[test]
fn token_request_is_repeated_once_for_a_nonce_and_once_for_a_clock_in_any_order() {
    for responses in [[challenge("one"), wrong_clock()], [wrong_clock(), challenge("one")]] {
        let repeats = responses.clone();
        let granted = bound_fixture(DpopMode::Required, move |number| {
            responses.get(number - 1).cloned().unwrap_or_else(|| bound_token(number, ""))
        });
        assert_eq!(granted.value(), "token-3");
        let last = proofs(&granted).pop().unwrap();
        assert_eq!(
            (last["nonce"].as_str(), last["iat"].as_i64()),
            (Some("one"), Some(granted.clock.wall_seconds() + 600))
        );

        // What was learned does not help a server that refuses for the same reasons again.
        let refused = bound_fixture(DpopMode::Required, move |number| repeats[(number - 1) % 2].clone());
        assert_eq!(refused.failure().status(), Status::ProofRefused);
        assert_eq!(refused.server.requests().len(), 3);
    }
}

#[test]
fn token_request_that_is_refused_for_its_credentials_after_a_nonce_challenge_is_not_repeated() {
    for (code, status) in
        [("invalid_client", Status::CredentialsRefused), ("invalid_grant", Status::CredentialsRefused)]
    {
        let body = format!(r#"{{"error":"{code}"}}"#);
        let fixture = bound_fixture(DpopMode::Required, move |number| {
            if number == 1 { challenge("one") } else { with_nonce(401, "two", &body) }
        });
        assert_eq!(fixture.failure().status(), status, "{code}");
        assert_eq!(fixture.server.requests().len(), 2, "{code}");
    }
}

#[test]
fn nonce_challenge_without_dpop_is_reported() {
    let fixture = fixture(|_| challenge("nonce"));
    let error = fixture.failure();
    assert_eq!((error.status(), error.oauth_error()), (Status::ProofRefused, Some("use_dpop_nonce")));
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn bearer_token_is_used_in_optional_mode_and_refused_in_required_mode() {
    let optional = bound_fixture(DpopMode::Optional, token);
    assert_eq!(optional.client.acquire().unwrap().token_type(), "Bearer");

    let required = bound_fixture(DpopMode::Required, token);
    let error = required.failure();
    assert_eq!(error.status(), Status::Downgraded);
    assert_eq!(error.retry_after(), None, "waiting does not enable DPoP");
    required.clock.advance(Duration::from_secs(14));
    assert_eq!(required.failure().status(), Status::Downgraded, "it cost a token");
    assert_eq!(required.server.requests().len(), 1);
}

#[test]
fn every_attempt_has_a_new_proof() {
    let fixture = bound_fixture(DpopMode::Required, |number| {
        if number < 3 { ScriptedResponse::text(503, "") } else { bound_token(number, "") }
    });
    fixture.value();
    let jtis: std::collections::HashSet<_> = proofs(&fixture).iter().map(|proof| proof["jti"].to_string()).collect();
    assert_eq!(jtis.len(), 3);
}

#[test]
fn signer_that_hangs_is_given_up_and_asked_again_by_the_next_call() {
    let inside = DpopKey::generate(Algorithm::Es256).unwrap();
    let public = inside.public_jwk().to_owned();
    let calls = AtomicUsize::new(0);
    let key = DpopKey::from_signer(Algorithm::Es256, &public, move |message| {
        if calls.fetch_add(1, SeqCst) == 1 {
            thread::sleep(Duration::from_secs(4));
        }
        Ok(inside.sign_for_test(message))
    });
    let adjust = |config: &mut Config| {
        config.dpop(DpopMode::Required).dpop_key(key.unwrap()).total_timeout(Duration::from_millis(1500));
    };
    let fixture = fixture_with(adjust, |number| bound_token(number, ""));
    assert_eq!(fixture.failure().status(), Status::SigningFailed);
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.value(), "token-1");
}

#[test]
fn signer_that_fails_sends_nothing() {
    let inside = DpopKey::generate(Algorithm::Es256).unwrap();
    let public = inside.public_jwk().to_owned();
    // The first call is the trial when the key is made.
    let calls = AtomicUsize::new(0);
    let key = DpopKey::from_signer(Algorithm::Es256, &public, move |message| match calls.fetch_add(1, SeqCst) {
        0 => Ok(inside.sign_for_test(message)),
        _ => Err(SignerError("the module was pulled out".into())),
    });
    let adjust = |config: &mut Config| {
        config.dpop(DpopMode::Required).dpop_key(key.unwrap());
    };
    let fixture = fixture_with(adjust, token);
    let error = fixture.failure();
    assert_eq!(error.status(), Status::SigningFailed);
    assert!(error.message().contains("the module was pulled out"));
    assert!(fixture.server.requests().is_empty());
}
