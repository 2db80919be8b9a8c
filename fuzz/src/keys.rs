//! What holds for each key that was read, by the crate `jsonwebtoken`.

use std::collections::HashSet;

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use tango_token::fuzzing::{key_from_pem, proof_at};
use tango_token::{DpopKey, Error};

/// Checks that a key has its thumbprint, makes valid proofs, and is the same when it was written and read again.
pub fn check(key: &DpopKey) {
    assert_eq!(thumbprint(key.public_jwk()), key.thumbprint());
    let proof = proof_at(key, 1, "POST", "https://auth.example/token", None, None).expect("the arguments are valid");
    verified(key, &proof);
    let pem = key.to_pem().expect("the key is here");
    let again = key_from_pem(pem_of(&pem).as_bytes(), Some(key.algorithm())).expect("what was written can be read");
    assert_eq!((again.thumbprint(), again.algorithm()), (key.thumbprint(), key.algorithm()));
}

fn pem_of(pem: &impl secrecy::ExposeSecret<str>) -> &str {
    pem.expose_secret()
}

/// Returns the thumbprint of a public key.
pub fn thumbprint(public_jwk: &str) -> String {
    parsed(public_jwk).thumbprint(ThumbprintHash::SHA256).expect("the key has the members of its type")
}

fn parsed(public_jwk: &str) -> Jwk {
    serde_json::from_str(public_jwk).expect("the public key is a JWK")
}

/// Returns the claims of a proof, whose header and signature are verified.
pub fn verified(key: &DpopKey, proof: &str) -> Value {
    let algorithm: Algorithm = key.algorithm().name().parse().expect("the algorithm is a registered one");
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims = HashSet::new();
    let public = DecodingKey::from_jwk(&parsed(key.public_jwk())).expect("the public key can be used");
    let token = jsonwebtoken::decode::<Value>(proof, &public, &validation).expect("the signature is valid");
    assert_eq!(token.header.typ.as_deref(), Some("dpop+jwt"));
    let jwk = serde_json::to_value(token.header.jwk).expect("the header has a key");
    let own: Value = serde_json::from_str(key.public_jwk()).expect("the public key is JSON");
    assert!(own.as_object().is_some_and(|own| own.iter().all(|(name, value)| jwk.get(name) == Some(value))), "{jwk}");
    token.claims
}

/// Checks that the error for an input does not repeat it.
pub fn check_refusal(error: &Error, input: &str) {
    crate::check_error(error);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    for word in input.split(|c: char| !is_part(c)).filter(|word| word.len() >= 32) {
        assert!(!error.message().contains(word), "{word} is in {error}");
    }
}
