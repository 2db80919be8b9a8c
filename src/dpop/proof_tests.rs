use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dpop::Algorithm;
use crate::dpop::jti::JTI_BYTES;
use crate::dpop::jwk::PublicJwk;

const URL: &str = "https://resource.example.org/protectedresource?q=1";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn key() -> DpopKey {
    DpopKey::generate(Algorithm::Es256).unwrap()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Verifies a proof and returns its header and claims.
fn opened(proof: &str) -> (Value, Value) {
    let (signed, signature) = proof.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let (header, claims) = (decoded(header), decoded(claims));
    let public = PublicJwk::parse(header["jwk"].as_object().unwrap()).unwrap();
    let algorithm = Algorithm::from_name(header["alg"].as_str().unwrap()).unwrap();
    assert!(public.verifies(algorithm, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()));
    (header, claims)
}

#[test]
fn ath_matches_rfc_9449_section_7_1() {
    let (_, claims) = opened(&key().proof("GET", URL, Some(TOKEN), None).unwrap());
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

#[test]
fn proof_has_exactly_the_header_and_claims_of_the_rfc() {
    let key = key();
    let (header, claims) =
        opened(&key.proof_at(1_562_262_616, "POST", "https://Server.example.com/token", None, None).unwrap());
    let jwk: Value = serde_json::from_str(key.public_jwk()).unwrap();
    assert_eq!(header, json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}));
    let jti = claims["jti"].clone();
    assert_eq!(
        claims,
        json!({"jti": jti, "htm": "POST", "htu": "https://server.example.com/token", "iat": 1_562_262_616})
    );

    let (_, claims) = opened(&key.proof_at(7, "GET", URL, Some(TOKEN), Some("eyJ7S_zG.eyJH0-Z.HX4w-7v")).unwrap());
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["ath", "htm", "htu", "iat", "jti", "nonce"]);
    assert_eq!(
        (&claims["nonce"], &claims["htu"]),
        (&json!("eyJ7S_zG.eyJH0-Z.HX4w-7v"), &json!("https://resource.example.org/protectedresource"))
    );
}

#[test]
fn proof_of_every_algorithm_verifies() {
    for algorithm in Algorithm::ALL {
        let (header, _) = opened(&DpopKey::generate(algorithm).unwrap().proof("GET", URL, Some(TOKEN), None).unwrap());
        assert_eq!(header["alg"], algorithm.name());
        assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|private| header["jwk"].get(private).is_none()));
    }
}

#[test]
fn each_proof_has_a_new_jti() {
    let key = key();
    let jti = |_| opened(&key.proof("GET", URL, None, None).unwrap()).1["jti"].as_str().unwrap().to_owned();
    let seen: HashSet<_> = (0..1_000).map(jti).collect();
    assert_eq!(seen.len(), 1_000);
    assert!(seen.iter().all(|jti| URL_SAFE_NO_PAD.decode(jti).unwrap().len() == JTI_BYTES));
}

#[test]
fn ath_changes_with_the_token() {
    let key = key();
    let ath = |token: &str| opened(&key.proof("GET", URL, Some(token), None).unwrap()).1["ath"].clone();
    let (first, second) = (ath("token-one"), ath("token-two"));
    assert_ne!(first, second);
    assert_eq!(ath("token-one"), first);
}

#[test]
fn invalid_argument_is_refused_and_named() {
    let key = key();
    for (method, url, token, nonce, named) in [
        ("", URL, None, None, "method"),
        ("GET\"", URL, None, None, "method"),
        ("GET /", URL, None, None, "method"),
        ("GET", "not a url", None, None, "url"),
        ("GET", URL, Some("to ken"), None, "access_token"),
        ("GET", URL, Some("tökén"), None, "access_token"),
        ("GET", URL, Some(""), None, "access_token"),
        ("GET", URL, None, Some("a\"b"), "nonce"),
        ("GET", URL, None, Some("a\\b"), "nonce"),
        ("GET", URL, None, Some("a\r\nb"), "nonce"),
        ("GET", URL, None, Some(""), "nonce"),
    ] {
        let error = key.proof(method, url, token, nonce).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().starts_with(named), "{error}");
    }
}

proptest! {
    #[test]
    fn accepted_arguments_are_signed_unchanged(
        method in "[!-~]{1,12}", path in "[ -~é]{0,30}", nonce in proptest::option::of("[ -~]{0,30}"),
    ) {
        static KEY: std::sync::OnceLock<DpopKey> = std::sync::OnceLock::new();
        let url = format!("https://host.example/{path}");
        if let Ok(proof) = KEY.get_or_init(key).proof(&method, &url, None, nonce.as_deref()) {
            let (_, claims) = opened(&proof);
            prop_assert_eq!(claims["htm"].as_str(), Some(method.as_str()));
            prop_assert_eq!(claims["nonce"].as_str(), nonce.as_deref());
            prop_assert_eq!(claims["htu"].as_str(), Some(&*htu(&url).unwrap()));
        }
    }
}
