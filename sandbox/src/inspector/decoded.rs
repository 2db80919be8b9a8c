//! Proofs and tokens, decoded for the page. Never a signature, a private key or a whole token: what is shown cannot be
//! used.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::dpop::{DecodedProof, Examination, Outcome, is_private_member};
use crate::sandbox::Sandbox;

/// Longer strings are cut. The longest that is usual is the modulus of an RSA key.
const MAX_CHARACTERS: usize = 400;
/// Characters of a token that are shown: they tell that it is a JWT, and nothing more.
const TOKEN_PREFIX: usize = 8;
/// Enough to recognise a token, and to compare it with the `ath` of a proof.
const HASH_PREFIX: usize = 10;

/// Returns header and claims of a proof.
pub fn proof(proof: &DecodedProof<'_>) -> Value {
    json!({"header": public(&proof.header), "claims": public(&proof.claims)})
}

/// Returns each check with its result.
pub fn checks(examination: &Examination) -> Value {
    let check = |(check, outcome): &(crate::dpop::Check, Outcome)| {
        let (result, reason) = match outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Failed(reason) => ("failed", reason.as_ref()),
            Outcome::Skipped(why) => ("skipped", *why),
        };
        let source = check.source();
        json!({
            "name": check.name(),
            "requirement": check.requirement(),
            "rfc": source.rfc,
            "section": source.section,
            "item": source.item,
            "result": result,
            "reason": reason,
        })
    };
    examination.results().iter().map(check).collect()
}

/// Describes an access token, and whether the API would accept it now.
pub fn token(sandbox: &Sandbox, token: &str) -> Value {
    let verified = sandbox.tokens.verify(token, sandbox.clock.now_seconds());
    let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
    json!({
        "shortened": shortened(token),
        "characters": token.chars().count(),
        "hash": hash.get(..HASH_PREFIX),
        // A JWT has the same three parts as a proof.
        "claims": DecodedProof::decode(token).map(|jwt| public(&jwt.claims)),
        "jkt": verified.as_ref().ok(),
        "error": verified.as_ref().err().map(ToString::to_string),
    })
}

/// Returns the beginning of a token.
pub fn shortened(token: &str) -> String {
    let prefix: String = token.chars().take(TOKEN_PREFIX.min(token.chars().count() / 2)).collect();
    format!("{prefix}…")
}

/// Cuts a string if it is long.
pub fn cut(string: &str) -> String {
    match string.char_indices().nth(MAX_CHARACTERS) {
        None => string.into(),
        Some((end, _)) => format!("{}… ({} characters)", &string[..end], string.chars().count()),
    }
}

/// Copies an object without what nobody else may know, and with long strings cut.
fn public(object: &Map<String, Value>) -> Value {
    object.iter().map(|(name, value)| (name.clone(), public_value(name, value))).collect::<Map<_, _>>().into()
}

fn public_value(name: &str, value: &Value) -> Value {
    match value {
        _ if is_private_member(name) => "(hidden: part of a private key)".into(),
        Value::String(string) => cut(string).into(),
        Value::Object(object) => public(object),
        Value::Array(values) => values.iter().map(|value| public_value("", value)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public_json(value: &Value) -> Value {
        public(value.as_object().unwrap())
    }

    #[test]
    fn private_members_are_hidden_at_any_depth() {
        let shown = public_json(&json!({"jwk": {"kty": "EC", "x": "AA", "d": "SECRET"}, "a": [{"k": "SECRET"}]}));
        assert_eq!((&shown["jwk"]["kty"], &shown["jwk"]["x"]), (&json!("EC"), &json!("AA")));
        assert!(!shown.to_string().contains("SECRET"), "{shown}");
    }

    #[test]
    fn long_string_is_cut() {
        let shown = public_json(&json!({"htu": "ü".repeat(1_000)}));
        assert_eq!(shown["htu"].as_str().unwrap(), format!("{}… (1000 characters)", "ü".repeat(400)));
    }

    #[test]
    fn token_is_shortened_to_less_than_half() {
        assert_eq!(shortened("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"), "eyJhbGci…");
        assert_eq!((shortened("abcd"), shortened("a"), shortened("")), ("ab…".into(), "…".into(), "…".into()));
    }
}
