//! The public key of a proof (RFC 7517) and its thumbprint (RFC 7638).

use std::borrow::Cow;
use std::ops::RangeInclusive;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// Members that only a private or a symmetric key has (RFC 7518 section 6, RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// 2048 to 8192 bits: RFC 7518 section 3.3 requires the minimum, the cryptographic library has the maximum.
const MODULUS_BYTES: RangeInclusive<usize> = 256..=1024;

/// Returns whether a key has a member that only its owner may know.
pub fn is_private(jwk: &Map<String, Value>) -> bool {
    jwk.keys().any(|member| is_private_member(member))
}

/// Returns whether only the owner of a key may know the member of this name.
pub fn is_private_member(name: &str) -> bool {
    PRIVATE_MEMBERS.contains(&name)
}

/// A key that verifies signatures of one algorithm.
pub struct PublicKey {
    /// The `jkt`: base64url of the SHA-256 thumbprint.
    pub thumbprint: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads the public members of a key for signatures of `algorithm`. The error is the reason why it cannot be used.
    pub fn from_jwk(jwk: &Map<String, Value>, algorithm: Algorithm) -> Result<Self, Cow<'static, str>> {
        // Each member is base64url, so the JSON of section 3.2 needs no escapes.
        let (required_members, key) = match algorithm {
            Algorithm::ES256 => elliptic_curve(jwk, "P-256", 32)?,
            Algorithm::ES384 => elliptic_curve(jwk, "P-384", 48)?,
            Algorithm::EdDSA => octet_key_pair(jwk)?,
            Algorithm::RS256 | Algorithm::PS256 => rsa(jwk)?,
            _ => return Err("alg is not supported".into()),
        };
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, required_members.as_bytes()));
        Ok(Self { thumbprint, algorithm, key: key.map_err(|_| "jwk is not a key")? })
    }

    /// Returns whether `signature` (base64url) is a valid signature of `message`.
    pub fn verifies(&self, message: &str, signature: &str) -> bool {
        verify(signature, message.as_bytes(), &self.key, self.algorithm).unwrap_or(false)
    }
}

/// The JSON that the thumbprint is computed from, and the key itself.
type Parsed = Result<(String, Result<DecodingKey, jsonwebtoken::errors::Error>), Cow<'static, str>>;

fn elliptic_curve(jwk: &Map<String, Value>, curve: &str, bytes: usize) -> Parsed {
    if string(jwk, "kty") != Some("EC") || string(jwk, "crv") != Some(curve) {
        return Err(format!("jwk is not an EC key on {curve}, which alg requires").into());
    }
    let coordinate = |name| member(jwk, name, |value| value.len() == bytes);
    let (x, y) = (coordinate("x")?, coordinate("y")?);
    let required = format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Ok((required, DecodingKey::from_ec_components(x, y)))
}

fn octet_key_pair(jwk: &Map<String, Value>) -> Parsed {
    if string(jwk, "kty") != Some("OKP") || string(jwk, "crv") != Some("Ed25519") {
        return Err("jwk is not an OKP key on Ed25519, which alg requires".into());
    }
    let x = member(jwk, "x", |value| value.len() == 32)?;
    Ok((format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#), DecodingKey::from_ed_components(x)))
}

fn rsa(jwk: &Map<String, Value>) -> Parsed {
    if string(jwk, "kty") != Some("RSA") {
        return Err("jwk is not an RSA key, which alg requires".into());
    }
    // A leading zero would give one key two thumbprints (RFC 7518 section 6.3.1.1).
    let minimal = |value: &[u8]| value.first().is_some_and(|&byte| byte != 0);
    let n = member(jwk, "n", |value| minimal(value) && MODULUS_BYTES.contains(&value.len()))?;
    let e = member(jwk, "e", minimal)?;
    Ok((format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#), DecodingKey::from_rsa_components(n, e)))
}

/// Returns a member, still in base64url, if its bytes are valid.
fn member<'a>(
    jwk: &'a Map<String, Value>,
    name: &'static str,
    is_valid: impl Fn(&[u8]) -> bool,
) -> Result<&'a str, Cow<'static, str>> {
    string(jwk, name)
        .filter(|value| BASE64_URL_SAFE_NO_PAD.decode(value).is_ok_and(|bytes| is_valid(&bytes)))
        .ok_or_else(|| format!("{name} of jwk is missing, not base64url or of a wrong length").into())
}

fn string<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(jwk: &Value, algorithm: Algorithm) -> Result<PublicKey, Cow<'static, str>> {
        PublicKey::from_jwk(jwk.as_object().unwrap(), algorithm)
    }

    /// RFC 9449 section 4.1.
    fn p256() -> Value {
        json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        })
    }

    /// RFC 7638 section 3.1.
    fn rsa_2048() -> Value {
        json!({
            "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4\
                  n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7\
                  d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF\
                  44-csFCur-kEgU8awapJzKnqDKgw",
        })
    }

    /// RFC 8037 appendix A.2.
    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    #[test]
    fn thumbprint_matches_the_rfcs() {
        for (jwk, algorithm, thumbprint) in [
            (rsa_2048(), Algorithm::RS256, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (rsa_2048(), Algorithm::PS256, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (p256(), Algorithm::ES256, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
            (ed25519(), Algorithm::EdDSA, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        ] {
            assert_eq!(key(&jwk, algorithm).unwrap_or_else(|why| panic!("{why}")).thumbprint, thumbprint);
        }
    }

    #[test]
    fn private_key_is_recognised_by_any_of_its_members() {
        for mut jwk in [p256(), rsa_2048(), ed25519()] {
            assert!(!is_private(jwk.as_object().unwrap()));
            for member in PRIVATE_MEMBERS {
                jwk[member] = json!("AA");
                assert!(is_private(jwk.as_object().unwrap()), "{member}");
                jwk.as_object_mut().unwrap().remove(member);
            }
        }
    }

    #[test]
    fn key_of_another_kind_than_the_algorithm_is_refused() {
        for (jwk, algorithm, why) in [
            (p256(), Algorithm::ES384, "jwk is not an EC key on P-384, which alg requires"),
            (ed25519(), Algorithm::ES256, "jwk is not an EC key on P-256, which alg requires"),
            (p256(), Algorithm::EdDSA, "jwk is not an OKP key on Ed25519, which alg requires"),
            (p256(), Algorithm::PS256, "jwk is not an RSA key, which alg requires"),
            (p256(), Algorithm::HS256, "alg is not supported"),
        ] {
            assert_eq!(key(&jwk, algorithm).err().unwrap(), why);
        }
    }

    #[test]
    fn key_in_another_encoding_is_refused() {
        let n = rsa_2048()["n"].as_str().unwrap().to_owned();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(n).unwrap();
        let padded = BASE64_URL_SAFE_NO_PAD.encode([&[0], &bytes[..]].concat());
        let short = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..255]);
        for (mut jwk, algorithm, name, value) in [
            (p256(), Algorithm::ES256, "x", json!("AA")),
            (p256(), Algorithm::ES256, "y", json!("9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA=")),
            (p256(), Algorithm::ES256, "y", json!(7)),
            (ed25519(), Algorithm::EdDSA, "x", Value::Null),
            (rsa_2048(), Algorithm::RS256, "n", json!(padded)),
            (rsa_2048(), Algorithm::RS256, "n", json!(short)),
            (rsa_2048(), Algorithm::RS256, "e", json!("AAEAAQ")),
        ] {
            jwk[name] = value;
            let why = format!("{name} of jwk is missing, not base64url or of a wrong length");
            assert_eq!(key(&jwk, algorithm).err().unwrap(), why);
        }
    }
}
