//! Keys (RFC 7517) and their thumbprints (RFC 7638).

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::{Map, Value, json};
use tango_token::DpopKey;

use super::report::Report;

/// The members that only a private or a symmetric key has (RFC 7518 section 6, RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

pub fn is_private(jwk: &Map<String, Value>) -> bool {
    PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member))
}

/// Returns the members for a person, without the private ones.
pub fn shown(jwk: &Map<String, Value>) -> Map<String, Value> {
    let shown = |(name, value): (&String, &Value)| {
        let is_private = PRIVATE_MEMBERS.contains(&name.as_str());
        (name.clone(), if is_private { "[private: not shown]".into() } else { value.clone() })
    };
    jwk.iter().map(shown).collect()
}

/// Returns the thumbprint of a key that is complete.
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    parse(jwk)?.thumbprint(ThumbprintHash::SHA256).ok()
}

pub fn parse(jwk: &Map<String, Value>) -> Option<Jwk> {
    serde_json::from_value(jwk.clone().into()).ok()
}

/// Returns the algorithms that a key can sign proofs with.
pub fn algorithms(jwk: &Map<String, Value>) -> &'static [(&'static str, Algorithm)] {
    match (jwk.get("kty").and_then(Value::as_str), jwk.get("crv").and_then(Value::as_str)) {
        (Some("EC"), Some("P-256")) => &[("ES256", Algorithm::ES256)],
        (Some("EC"), Some("P-384")) => &[("ES384", Algorithm::ES384)],
        (Some("OKP"), Some("Ed25519")) => &[("EdDSA", Algorithm::EdDSA), ("Ed25519", Algorithm::EdDSA)],
        (Some("RSA"), _) => &[("RS256", Algorithm::RS256), ("PS256", Algorithm::PS256)],
        _ => &[],
    }
}

pub fn of_jwk(jwk: &Map<String, Value>) -> Report {
    let is_private = is_private(jwk);
    let title = if is_private { "A private key, as a JWK" } else { "A public key, as a JWK" };
    let mut report = Report::new("jwk", title);
    report.part("members", shown(jwk));
    match thumbprint(jwk) {
        Some(thumbprint) => {
            report.part("derived", [("thumbprint".into(), thumbprint.into())]);
            report.check("members", true, "the required members of its kind are there", "RFC 7518 section 6");
        }
        None => report.check(
            "members",
            false,
            "a required member is missing, or is not of its form; there is no thumbprint",
            "RFC 7518 section 6",
        ),
    }
    let names: Vec<_> = algorithms(jwk).iter().map(|(name, _)| *name).collect();
    report.check(
        "algorithm",
        !names.is_empty(),
        match names.as_slice() {
            [] => "no algorithm that this library signs proofs with fits".into(),
            names => format!("it can sign proofs with {}", names.join(" or ")),
        },
        "RFC 9449 section 4.2",
    );
    if is_private {
        report.note(
            "private",
            "it is private: any process that has it can use tokens that are bound to it",
            "RFC 7517 section 9.2",
        );
        of_whole_key(&mut report, DpopKey::from_jwk(&Value::Object(jwk.clone()).to_string()));
    }
    report
}

pub fn of_pem(pem: &str) -> Report {
    let key = DpopKey::from_pem(pem, None);
    let mut report = Report::new("pem_key", "A key, in PEM");
    if let Ok(key) = &key {
        let jwk: Value = serde_json::from_str(key.public_jwk()).unwrap_or_default();
        let members = [
            ("algorithm", json!(key.algorithm().name())),
            ("thumbprint", json!(key.thumbprint())),
            ("public_jwk", jwk),
        ];
        report.part("derived", members.map(|(name, value)| (name.into(), value)));
    }
    of_whole_key(&mut report, key);
    report
}

fn of_whole_key(report: &mut Report, key: Result<DpopKey, tango_token::Error>) {
    match key {
        Ok(_) => report.check("pair", true, "the private and the public key are a pair, and can sign proofs", ""),
        Err(error) => report.check("pair", false, error.message(), ""),
    }
}
