//! DPoP proofs: the checks of RFC 9449 section 4.3, as far as they can be made without the server.
//!
//! They use another library than the one that makes the proofs, so one mistake cannot hide on both sides.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::verify;
use reqwest::Url;
use serde_json::{Map, Value};

use super::jwt::{self, Jwt};
use super::report::Report;
use super::{Expected, jwk};

/// RFC 9449 leaves the time to the server: "on the order of seconds or minutes".
const MAX_AGE_SECONDS: u64 = 300;
const TITLE: &str = "A DPoP proof (RFC 9449 section 4)";

/// Returns the thumbprint of the key of a proof.
pub fn thumbprint(compact: &str) -> Option<String> {
    jwk::thumbprint(Jwt::decode(compact)?.header.get("jwk")?.as_object()?)
}

pub fn report(compact: &str, expected: &Expected) -> Report {
    let mut report = Report::new("dpop_proof", TITLE);
    let Some(proof) = Jwt::decode(compact) else {
        report.check("jwt", false, "it is not a JWT of two JSON objects and a signature", "RFC 7519 section 7.2");
        return report;
    };
    let key = proof.header.get("jwk").and_then(Value::as_object);
    let mut header = proof.header.clone();
    if let Some(key) = key {
        header.insert("jwk".into(), jwk::shown(key).into());
    }
    report.part("header", header).part("claims", proof.shown_claims(expected.now));
    if let Some(thumbprint) = key.and_then(jwk::thumbprint) {
        report.part("derived", [("jkt".into(), thumbprint.into())]);
    }
    check_header(&mut report, &proof, key);
    check_request(&mut report, &proof, expected);
    check_token(&mut report, &proof, expected);
    report
}

fn check_header(report: &mut Report, proof: &Jwt, key: Option<&Map<String, Value>>) {
    const SECTION: &str = "RFC 9449 section 4.2";
    let typ = proof.header_string("typ");
    report.check("typ", typ == Some("dpop+jwt"), format!("typ is {}", named(typ)), SECTION);
    let alg = proof.header_string("alg");
    let known = key.map(jwk::algorithms).unwrap_or_default().iter().find(|(name, _)| Some(*name) == alg);
    match (alg, known) {
        (Some("none" | "HS256" | "HS384" | "HS512"), _) => {
            report.check("alg", false, format!("alg is {}: not an asymmetric signature", named(alg)), SECTION);
        }
        (_, Some(_)) => report.check("alg", true, format!("alg is {}, which fits the key", named(alg)), SECTION),
        (_, None) => report.check("alg", false, format!("alg is {}, which does not fit the key", named(alg)), SECTION),
    }
    let Some(key) = key else {
        return report.check("jwk", false, "the header has no public key (jwk)", SECTION);
    };
    if jwk::is_private(key) {
        return report.check(
            "jwk",
            false,
            "the header contains the private key: replace that key",
            "RFC 9449 section 4.3",
        );
    }
    report.check("jwk", jwk::parse(key).is_some(), "the header has the public key (jwk)", SECTION);
    let is_valid = jwk::parse(key).zip(known).is_some_and(|(jwk, (_, algorithm))| {
        let key = DecodingKey::from_jwk(&jwk);
        key.and_then(|key| verify(proof.signature, proof.message.as_bytes(), &key, *algorithm)).unwrap_or(false)
    });
    let text = if is_valid { "the signature is that of the key" } else { "the signature is not that of the key" };
    report.check("signature", is_valid, text, "RFC 9449 section 4.3");
}

fn check_request(report: &mut Report, proof: &Jwt, expected: &Expected) {
    const SECTION: &str = "RFC 9449 section 4.2";
    let jti = proof.claim("jti");
    report.check("jti", jti.is_some_and(|jti| !jti.is_empty()), format!("jti is {}", named(jti)), SECTION);
    let htm = proof.claim("htm");
    match expected.method {
        Some(method) if htm != Some(method) => {
            report.check("htm", false, format!("htm is {}, and the request a {method}", named(htm)), SECTION);
        }
        _ => report.check("htm", htm.is_some(), format!("htm is {}", named(htm)), SECTION),
    }
    check_htu(report, proof.claim("htu"), expected.url);
    let iat = proof.time("iat");
    let is_fresh = iat.is_some_and(|iat| iat.abs_diff(expected.now) <= MAX_AGE_SECONDS);
    let text =
        iat.map_or_else(|| "iat is missing".into(), |iat| format!("it was made {}", jwt::distance(iat, expected.now)));
    let advice = if is_fresh { "" } else { "; servers accept seconds or minutes: make a new one, or set the clock" };
    report.check("iat", is_fresh, text + advice, "RFC 9449 section 11.1");
    match (proof.claim("nonce"), expected.nonce) {
        (found, Some(nonce)) if found != Some(nonce) => {
            report.check(
                "nonce",
                false,
                format!("nonce is {}, and not the expected one", named(found)),
                "RFC 9449 section 8",
            );
        }
        (Some(_), _) => report.check("nonce", true, "it has a nonce", "RFC 9449 section 8"),
        (None, _) => report.note("nonce", "it has no nonce; a server may ask for one", "RFC 9449 section 8"),
    }
}

fn check_htu(report: &mut Report, htu: Option<&str>, expected: Option<&str>) {
    const SECTION: &str = "RFC 9449 section 4.2";
    let url = htu.and_then(|htu| Url::parse(htu).ok());
    let Some(url) = url.filter(|url| ["http", "https"].contains(&url.scheme())) else {
        return report.check("htu", false, format!("htu is {}: not an absolute URL", named(htu)), SECTION);
    };
    if url.query().is_some() || url.fragment().is_some() {
        return report.check("htu", false, "htu has a query or a fragment", SECTION);
    }
    let wanted = expected.map(|url| {
        let mut url = Url::parse(url).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    });
    match wanted {
        Some(wanted) if wanted.as_ref() != Some(&url) => {
            report.check("htu", false, format!("htu is {url}, and not the URL of the request"), SECTION);
        }
        _ => report.check("htu", true, format!("htu is {url}"), SECTION),
    }
}

fn check_token(report: &mut Report, proof: &Jwt, expected: &Expected) {
    const SECTION: &str = "RFC 9449 section 4.3";
    let ath = proof.claim("ath");
    match (ath, expected.token) {
        (Some(ath), Some(token)) => {
            let is_its_hash = ath == hash(token);
            let text = if is_its_hash { "ath is the hash of the token" } else { "ath is not the hash of the token" };
            report.check("ath", is_its_hash, text, SECTION);
        }
        (None, Some(_)) => report.check("ath", false, "ath is missing, which a request with a token needs", SECTION),
        (Some(_), None) => report.note("ath", "ath is there; --token-file compares it with a token", SECTION),
        (None, None) => report.note("ath", "it has no ath: it is for a request without a token", SECTION),
    }
}

/// Returns the `ath` of a token.
pub fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

fn named(value: Option<&str>) -> String {
    value.map_or_else(|| "missing".into(), |value| format!("`{value}`"))
}
