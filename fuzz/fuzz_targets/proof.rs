//! Proofs. The crate `jsonwebtoken` verifies each one, and `serde_json` reads the claims, which are written by hand.
//!
//! The lines of the input are the method, the URL, the access token and the nonce; an empty one is left out.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{check_error, keys, line};
use tango_token::fuzzing::{htu, nonce, proof_at};
use tango_token::{Algorithm, DpopKey, Status};

static KEYS: LazyLock<[DpopKey; 3]> = LazyLock::new(|| {
    [Algorithm::Es256, Algorithm::Es384, Algorithm::Eddsa].map(|algorithm| DpopKey::generate(algorithm).expect("a key"))
});

fuzz_target!(|text: &str| {
    let (method, rest) = line(text);
    let (url, rest) = line(rest);
    let (token, rest) = line(rest);
    let (given, _) = line(rest);
    let [access_token, sent] = [token, given].map(|value| Some(value).filter(|value| !value.is_empty()));
    let iat = i64::try_from(text.len()).expect("an input is short");
    let key = &KEYS[text.len() % KEYS.len()];
    let is_valid = is_method(method)
        && htu(url).is_ok()
        && token.bytes().all(|byte| byte.is_ascii_graphic())
        && sent.is_none_or(|sent| nonce(sent) == Some(sent));
    match proof_at(key, iat, method, url, access_token, sent) {
        Ok(proof) => {
            assert!(is_valid);
            check_claims(keys::verified(key, &proof), iat, method, url, access_token, sent);
        }
        Err(error) => {
            assert!(!is_valid && error.status() == Status::InvalidArgument);
            check_error(&error);
            // What is short or has spaces can be a part of the message itself.
            assert!(token.len() < 24 || token.contains(' ') || !error.message().contains(token), "{error}");
        }
    }
});

fn is_method(method: &str) -> bool {
    !method.is_empty() && http::Method::from_bytes(method.as_bytes()).is_ok()
}

fn check_claims(mut claims: Value, iat: i64, method: &str, url: &str, token: Option<&str>, nonce: Option<&str>) {
    let jti = claims["jti"].take();
    let jti = jti.as_str().and_then(|jti| URL_SAFE_NO_PAD.decode(jti).ok());
    assert!(jti.is_some_and(|jti| jti.len() >= 12), "RFC 9449 asks for 96 bits");
    let mut expected = json!({"jti": null, "iat": iat, "htm": method, "htu": htu(url).expect("the URL was valid")});
    if let Some(token) = token {
        expected["ath"] = hash(token).into();
    }
    if let Some(nonce) = nonce {
        expected["nonce"] = nonce.into();
    }
    assert_eq!(claims, expected);
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}
