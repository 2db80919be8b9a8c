//! A proof on its own: the checks of RFC 9449 section 4.3 that do not need the request.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::check::{Check, Examination, Outcome};
use super::jwk::{self, PublicKey};

/// Algorithms of proofs, as the `algs` of a challenge (section 7.1). Never `none`, never a symmetric algorithm.
pub const ALGS: &str = "ES256 ES384 EdDSA RS256 PS256";

/// A proof that was taken apart. Nothing of it is checked yet.
pub struct DecodedProof<'a> {
    /// What the signature covers.
    message: &'a str,
    signature: &'a str,
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl<'a> DecodedProof<'a> {
    /// Decodes the value of a `DPoP` header, if it is a well-formed JWT.
    pub fn decode(compact: &'a str) -> Option<Self> {
        let (message, signature) = compact.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        Some(Self { message, signature, header: object(header)?, claims: object(claims)? })
    }

    #[cfg(test)]
    pub fn of_claims(claims: Value) -> Self {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        Self { message: "", signature: "", header: Map::new(), claims }
    }

    /// Makes the checks of the header, of the signature and of the types of claims.
    pub fn examine(&self, examination: &mut Examination) {
        let header = &self.header;
        let typ = header.get("typ").and_then(Value::as_str);
        examination.require(Check::Typ, typ == Some("dpop+jwt"), "typ is not dpop+jwt");
        // An unknown extension must be refused (RFC 7515 section 4.1.11), and this verifier knows none.
        let critical = header.contains_key("crit");
        examination.require(Check::Crit, !critical, "crit names an extension that is not supported");
        let alg = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = ALGS.split(' ').find(|known| *known == alg).and_then(|known| known.parse().ok());
        examination.require(Check::Alg, algorithm.is_some(), format!("alg is not one of {ALGS}"));
        let jwk = header.get("jwk").and_then(Value::as_object);
        match jwk {
            Some(jwk) => examination.require(Check::PrivateKey, !jwk::is_private(jwk), "jwk holds a private key"),
            None => examination.record(Check::PrivateKey, Outcome::Skipped("there is no jwk")),
        }
        match public_key(jwk, algorithm) {
            Ok(key) => {
                examination.record(Check::Key, Outcome::Passed);
                let verifies = key.verifies(self.message, self.signature);
                examination.require(Check::Signature, verifies, "the signature is wrong");
                examination.thumbprint = Some(key.thumbprint);
            }
            Err(why) => {
                examination.record(Check::Key, why);
                examination.record(Check::Signature, Outcome::Skipped("there is no key that can verify it"));
            }
        }
        let complete = check_claims(&self.claims);
        examination.record(Check::Claims, complete.map_or_else(Outcome::Failed, |()| Outcome::Passed));
    }

    /// Returns a claim that is a string, and not an empty one.
    pub fn string(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str().filter(|value| !value.is_empty())
    }
}

fn public_key(jwk: Option<&Map<String, Value>>, algorithm: Option<Algorithm>) -> Result<PublicKey, Outcome> {
    let jwk = jwk.ok_or(Outcome::Failed("jwk is missing or not an object".into()))?;
    let algorithm = algorithm.ok_or(Outcome::Skipped("alg does not say which kind of key it is"))?;
    PublicKey::from_jwk(jwk, algorithm).map_err(Outcome::Failed)
}

/// Checks that the claims of section 4.2 are there, and the type of each.
fn check_claims(claims: &Map<String, Value>) -> Result<(), Cow<'static, str>> {
    let optional = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(Cow::from(format!("{name} is not a string"))),
    };
    for name in ["jti", "htm", "htu"] {
        if optional(name)?.is_none_or(String::is_empty) {
            return Err(format!("{name} is missing or empty").into());
        }
    }
    claims.get("iat").and_then(Value::as_i64).ok_or("iat is missing or not an integer")?;
    optional("nonce").and(optional("ath")).map(drop)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 9449 section 4.1, its three parts.
    const HEADER: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklD\
                          UkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2\
                          R1JEQSIsImNydiI6IlAtMjU2In19";
    const CLAIMS: &str = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29t\
                          L3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ";
    const SIGNATURE: &str = "2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

    fn examination(compact: &str) -> Examination {
        let mut examination = Examination::default();
        DecodedProof::decode(compact).expect("a JWT").examine(&mut examination);
        examination
    }

    fn with_header(header: &Map<String, Value>) -> String {
        let header = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(header).unwrap());
        format!("{header}.{CLAIMS}.{SIGNATURE}")
    }

    /// The reason of each check that failed.
    fn failures(compact: &str) -> Vec<(Check, String)> {
        let examination = examination(compact);
        let failures = examination.results().iter().filter_map(|(check, outcome)| match outcome {
            Outcome::Failed(reason) => Some((*check, reason.to_string())),
            _ => None,
        });
        failures.collect()
    }

    #[test]
    fn proof_of_the_rfc_is_valid() {
        let compact = format!("{HEADER}.{CLAIMS}.{SIGNATURE}");
        let examination = examination(&compact);
        assert!(examination.results().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
        assert_eq!(examination.thumbprint.unwrap(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        let proof = DecodedProof::decode(&compact).unwrap();
        assert_eq!((proof.string("jti"), proof.string("htm")), (Some("-BwC3ESc6acc2lTc"), Some("POST")));
        assert_eq!((proof.string("htu"), proof.string("ath")), (Some("https://server.example.com/token"), None));
        assert_eq!(proof.claims["iat"], 1_562_262_616);
    }

    #[test]
    fn signature_covers_header_and_claims() {
        let other = BASE64_URL_SAFE_NO_PAD.encode(r#"{"jti":"a"}"#);
        for signature in ["", "AA", &SIGNATURE[..84], "!"] {
            let failures = failures(&format!("{HEADER}.{CLAIMS}.{signature}"));
            assert_eq!(failures, [(Check::Signature, "the signature is wrong".into())], "{signature}");
        }
        let failures = failures(&format!("{HEADER}.{other}.{SIGNATURE}"));
        assert_eq!(failures[0], (Check::Signature, "the signature is wrong".into()));
    }

    #[test]
    fn string_that_is_not_a_jwt_is_refused() {
        let array = BASE64_URL_SAFE_NO_PAD.encode("[]");
        for compact in [
            String::new(),
            "..".into(),
            "a.b.c".into(),
            format!("{HEADER}.{CLAIMS}"),
            format!("{HEADER}.{CLAIMS}.{SIGNATURE}.{SIGNATURE}"),
            format!("{array}.{CLAIMS}.{SIGNATURE}"),
            format!("{HEADER}.{array}.{SIGNATURE}"),
            format!("{HEADER}.{CLAIMS}=.{SIGNATURE}"),
        ] {
            assert!(DecodedProof::decode(&compact).is_none(), "{compact}");
        }
    }

    /// A changed header also has a wrong signature, if there is a key that could verify it.
    #[test]
    fn each_mistake_in_the_header_is_reported_by_its_check() {
        let alg = "alg is not one of ES256 ES384 EdDSA RS256 PS256";
        for (name, value, check, why) in [
            ("typ", Value::Null, Check::Typ, "typ is not dpop+jwt"),
            ("typ", json!("JWT"), Check::Typ, "typ is not dpop+jwt"),
            ("alg", Value::Null, Check::Alg, alg),
            ("alg", json!("none"), Check::Alg, alg),
            ("alg", json!("HS256"), Check::Alg, alg),
            ("alg", json!("RS384"), Check::Alg, alg),
            ("alg", json!("ES256 ES384"), Check::Alg, alg),
            ("alg", json!(""), Check::Alg, alg),
            ("alg", json!("ES384"), Check::Key, "jwk is not an EC key on P-384, which alg requires"),
            ("jwk", json!("key"), Check::Key, "jwk is missing or not an object"),
            ("jwk", json!({}), Check::Key, "jwk is not an EC key on P-256, which alg requires"),
            ("crit", json!(["b64"]), Check::Crit, "crit names an extension that is not supported"),
        ] {
            let mut header = object(HEADER).unwrap();
            header.insert(name.into(), value);
            let mut failures = failures(&with_header(&header));
            failures.retain(|(check, _)| *check != Check::Signature);
            assert_eq!(failures, [(check, why.into())]);
        }
    }

    #[test]
    fn private_key_is_reported_though_its_public_part_is_valid() {
        let mut header = object(HEADER).unwrap();
        header["jwk"]["d"] = json!("AA");
        let failures = failures(&with_header(&header));
        assert_eq!(failures[0], (Check::PrivateKey, "jwk holds a private key".into()));
        assert_eq!(failures[1].0, Check::Signature);
    }

    #[test]
    fn each_mistake_in_the_claims_is_reported() {
        let good = json!({"jti": "a", "htm": "GET", "htu": "https://a/", "iat": 1, "nonce": "n", "ath": "h"});
        let read = |claims: &Value| check_claims(claims.as_object().unwrap()).err();
        assert_eq!(read(&good), None);
        for (name, value, why) in [
            ("jti", json!(""), "jti is missing or empty"),
            ("jti", json!(1), "jti is not a string"),
            ("htm", json!(["GET"]), "htm is not a string"),
            ("iat", json!(1.5), "iat is missing or not an integer"),
            ("iat", json!("1"), "iat is missing or not an integer"),
            ("nonce", json!(1), "nonce is not a string"),
            ("ath", Value::Null, "ath is not a string"),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            assert_eq!(read(&claims).unwrap(), why);
        }
        for name in ["jti", "htm", "htu", "iat"] {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            assert!(read(&claims).unwrap().starts_with(&format!("{name} is missing")));
        }
    }
}
