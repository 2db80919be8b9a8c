//! A proof on its own: the checks of RFC 9449 section 4.3 that do not need the request.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwk::PublicKey;

/// Algorithms of proofs, as the `algs` of a challenge (section 7.1). Never `none`, never a symmetric algorithm.
pub const ALGS: &str = "ES256 ES384 EdDSA RS256 PS256";

/// The claims of section 4.2, not yet compared with the request.
pub struct Claims {
    pub jti: String,
    pub htm: String,
    pub htu: String,
    pub iat: i64,
    pub nonce: Option<String>,
    pub ath: Option<String>,
}

/// A proof whose signature is valid.
pub struct Proof {
    pub claims: Claims,
    /// RFC 7638 thumbprint of the key that signed it.
    pub thumbprint: String,
}

impl Proof {
    /// Reads the value of a `DPoP` header. The error does not repeat any of it.
    pub fn decode(compact: &str) -> Result<Self, Cow<'static, str>> {
        let parts = compact.rsplit_once('.').and_then(|(message, signature)| {
            let (header, claims) = message.split_once('.')?;
            Some((message, object(header)?, object(claims)?, signature))
        });
        let (message, header, claims, signature) = parts.ok_or("the proof is not a JWT")?;
        let key = key(&header)?;
        if !key.verifies(message, signature) {
            return Err("the signature is wrong".into());
        }
        Ok(Self { claims: Claims::read(&claims)?, thumbprint: key.thumbprint })
    }
}

/// Checks the header and returns the key that signed the proof.
fn key(header: &Map<String, Value>) -> Result<PublicKey, Cow<'static, str>> {
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return Err("typ is not dpop+jwt".into());
    }
    // An unknown extension must be refused (RFC 7515 section 4.1.11), and this verifier knows none.
    if header.contains_key("crit") {
        return Err("crit names an extension that is not supported".into());
    }
    let alg = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let algorithm = ALGS.split(' ').find(|known| *known == alg).and_then(|known| known.parse().ok());
    let algorithm = algorithm.ok_or_else(|| format!("alg is not one of {ALGS}"))?;
    let jwk = header.get("jwk").and_then(Value::as_object).ok_or("jwk is missing or not an object")?;
    PublicKey::from_jwk(jwk, algorithm)
}

impl Claims {
    fn read(claims: &Map<String, Value>) -> Result<Self, Cow<'static, str>> {
        let optional = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(_) => Err(Cow::from(format!("{name} is not a string"))),
        };
        let required = |name: &str| match optional(name)? {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(Cow::from(format!("{name} is missing or empty"))),
        };
        Ok(Self {
            jti: required("jti")?,
            htm: required("htm")?,
            htu: required("htu")?,
            iat: claims.get("iat").and_then(Value::as_i64).ok_or("iat is missing or not an integer")?,
            nonce: optional("nonce")?,
            ath: optional("ath")?,
        })
    }
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

    fn error(compact: &str) -> String {
        Proof::decode(compact).err().expect("the proof is refused").into_owned()
    }

    #[test]
    fn proof_of_the_rfc_is_valid() {
        let proof = Proof::decode(&format!("{HEADER}.{CLAIMS}.{SIGNATURE}")).unwrap_or_else(|why| panic!("{why}"));
        let claims = &proof.claims;
        assert_eq!((claims.jti.as_str(), claims.htm.as_str()), ("-BwC3ESc6acc2lTc", "POST"));
        assert_eq!((claims.htu.as_str(), claims.iat), ("https://server.example.com/token", 1_562_262_616));
        assert_eq!((&claims.nonce, &claims.ath), (&None, &None));
        assert_eq!(proof.thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn signature_covers_header_and_claims() {
        let other = BASE64_URL_SAFE_NO_PAD.encode(r#"{"jti":"a"}"#);
        for signature in ["", "AA", &SIGNATURE[..84], "!"] {
            assert_eq!(error(&format!("{HEADER}.{CLAIMS}.{signature}")), "the signature is wrong", "{signature}");
        }
        assert_eq!(error(&format!("{HEADER}.{other}.{SIGNATURE}")), "the signature is wrong");
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
            assert_eq!(error(&compact), "the proof is not a JWT", "{compact}");
        }
    }

    #[test]
    fn each_mistake_in_the_header_is_reported() {
        let alg = "alg is not one of ES256 ES384 EdDSA RS256 PS256";
        for (name, value, why) in [
            ("typ", Value::Null, "typ is not dpop+jwt"),
            ("typ", json!("JWT"), "typ is not dpop+jwt"),
            ("alg", Value::Null, alg),
            ("alg", json!("none"), alg),
            ("alg", json!("HS256"), alg),
            ("alg", json!("RS384"), alg),
            ("alg", json!("ES256 ES384"), alg),
            ("alg", json!(""), alg),
            ("jwk", json!("key"), "jwk is missing or not an object"),
            ("crit", json!(["b64"]), "crit names an extension that is not supported"),
        ] {
            let mut header = object(HEADER).unwrap();
            header.insert(name.into(), value);
            let header = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap());
            assert_eq!(error(&format!("{header}.{CLAIMS}.{SIGNATURE}")), why);
        }
    }

    #[test]
    fn each_mistake_in_the_claims_is_reported() {
        let good = json!({"jti": "a", "htm": "GET", "htu": "https://a/", "iat": 1, "nonce": "n", "ath": "h"});
        let read = |claims: &Value| Claims::read(claims.as_object().unwrap()).err();
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
