//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) and their thumbprints (RFC 7638).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Algorithm;
use crate::human;

/// The shortest modulus of an RSA key (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2048;
/// The longest modulus that aws-lc supports.
const MAX_RSA_BITS: usize = 8192;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicJwk {
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    pub fn coordinate_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

impl PublicJwk {
    /// Reads an uncompressed point, `04 || x || y`.
    pub fn from_point(curve: Curve, point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4])?;
        let (x, y) = coordinates.split_at_checked(curve.coordinate_length())?;
        (y.len() == x.len()).then(|| Self::Ec { curve, x: x.to_vec(), y: y.to_vec() })
    }

    /// Reads the public members. The error is a predicate, such as `has an x of the wrong length`, and repeats nothing.
    pub fn parse(jwk: &Map<String, Value>) -> Result<Self, String> {
        match (string(jwk, "kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => Self::parse_ec(Curve::P256, jwk),
            ("EC", Some("P-384")) => Self::parse_ec(Curve::P384, jwk),
            ("EC", crv) => Err(format!("has {}, and proofs are signed with P-256 or P-384", known_crv(crv))),
            ("OKP", Some("Ed25519")) => match bytes(jwk, "x")? {
                x if x.len() == 32 => Ok(Self::Ed25519 { x: x.to_vec() }),
                _ => Err("has an x of the wrong length".into()),
            },
            ("OKP", crv) => Err(format!("has {}, and proofs are signed with Ed25519", known_crv(crv))),
            ("RSA", _) => Self::parse_rsa(jwk),
            ("oct", _) => Err("is a symmetric key (kty oct), and proofs need a key pair".into()),
            _ => Err("has a kty that is not EC, OKP or RSA".into()),
        }
    }

    fn parse_ec(curve: Curve, jwk: &Map<String, Value>) -> Result<Self, String> {
        let (x, y) = (bytes(jwk, "x")?.to_vec(), bytes(jwk, "y")?.to_vec());
        // Leading zeros are required (RFC 7518 section 6.2.1.2).
        let right_length = |coordinate: &[u8]| coordinate.len() == curve.coordinate_length();
        if right_length(&x) && right_length(&y) {
            Ok(Self::Ec { curve, x, y })
        } else {
            Err("has an x or y of the wrong length".into())
        }
    }

    /// Some libraries write a zero before the modulus, against RFC 7518 section 6.3.1.1. It is dropped, because the
    /// thumbprint is that of the shortest form.
    fn parse_rsa(jwk: &Map<String, Value>) -> Result<Self, String> {
        let number = |name| Ok::<_, String>(without_leading_zeros(&bytes(jwk, name)?).to_vec());
        let (n, e) = (number("n")?, number("e")?);
        wrong_rsa_length(&n).map_or(Ok(Self::Rsa { n, e }), Err)
    }

    /// Returns the encoding of the public key that aws-lc-rs expects; empty for RSA.
    pub fn point(&self) -> Vec<u8> {
        match self {
            Self::Ec { x, y, .. } => [&[4], x.as_slice(), y].concat(),
            Self::Ed25519 { x } => x.clone(),
            Self::Rsa { .. } => Vec::new(),
        }
    }

    /// Returns the JWK with the required members in lexicographic order and without white space, for the thumbprint and
    /// for proofs.
    pub fn to_json(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec { curve, x, y } => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), encode(x), encode(y))
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
        }
    }

    /// Returns the RFC 7638 thumbprint with SHA-256.
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.to_json().as_bytes()))
    }

    /// Returns the algorithms of this kind of key; the first is the default.
    pub fn algorithms(&self) -> &'static [Algorithm] {
        match self {
            Self::Ec { curve: Curve::P256, .. } => &[Algorithm::Es256],
            Self::Ec { curve: Curve::P384, .. } => &[Algorithm::Es384],
            Self::Ed25519 { .. } => &[Algorithm::Eddsa],
            Self::Rsa { .. } => &[Algorithm::Ps256, Algorithm::Rs256],
        }
    }

    /// Returns whether `signature`, in the format of JWS (RFC 7518 section 3), is valid.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let with = |verification: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(verification, self.point()).verify(message, signature).is_ok()
        };
        match (self, algorithm) {
            (Self::Ec { curve: Curve::P256, .. }, Algorithm::Es256) => with(&signature::ECDSA_P256_SHA256_FIXED),
            (Self::Ec { curve: Curve::P384, .. }, Algorithm::Es384) => with(&signature::ECDSA_P384_SHA384_FIXED),
            (Self::Ed25519 { .. }, Algorithm::Eddsa) => with(&signature::ED25519),
            (Self::Rsa { n, e }, Algorithm::Rs256 | Algorithm::Ps256) => {
                let parameters = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    _ => &signature::RSA_PSS_2048_8192_SHA256,
                };
                signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            _ => false,
        }
    }
}

/// Returns what is wrong with the length of an RSA modulus, as a predicate.
pub(super) fn wrong_rsa_length(modulus: &[u8]) -> Option<String> {
    let modulus = without_leading_zeros(modulus);
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    let is = |limit| Some(format!("is an RSA key of {} bits, and {limit}", human::grouped(bits)));
    match bits {
        0..MIN_RSA_BITS => is("at least 2,048 are required (RFC 7518 section 3.3)"),
        MIN_RSA_BITS..=MAX_RSA_BITS => None,
        _ => is("at most 8,192 are supported"),
    }
}

pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

/// Returns how an error calls a `crv`: by its name only if that is a known one.
fn known_crv(crv: Option<&str>) -> String {
    let known = ["P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", "X448"];
    match crv {
        None => "no crv".into(),
        Some(crv) if known.contains(&crv) => format!("the crv {crv}"),
        Some(_) => "an unknown crv".into(),
    }
}

fn string<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, String> {
    match jwk.get(name) {
        Some(Value::String(string)) => Ok(string),
        Some(_) => Err(format!("has a member `{name}` that is not a string")),
        None => Err(format!("lacks the member `{name}`")),
    }
}

/// Returns the bytes of a member, which may be private.
pub(super) fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, String> {
    let decoded = URL_SAFE_NO_PAD.decode(string(jwk, name)?);
    let problem = |_| format!("has a member `{name}` that is not base64url without padding (RFC 7515 section 2)");
    decoded.map(Zeroizing::new).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<PublicJwk, String> {
        PublicJwk::parse(serde_json::from_str::<Value>(json).unwrap().as_object().unwrap())
    }

    #[test]
    fn thumbprint_matches_rfc_7638_section_3_1() {
        let key = parse(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
        );
        assert_eq!(key.unwrap().thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn thumbprint_matches_rfc_9449_section_6_1() {
        let key = parse(
            r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
        );
        assert_eq!(key.unwrap().thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn thumbprint_matches_rfc_8037_appendix_a_3() {
        let key = parse(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        assert_eq!(key.unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn invalid_public_jwk_is_refused() {
        for json in [
            "{}",
            r#"{"kty":"oct","k":"AAAA"}"#,
            r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-256"}"#,
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"="}"#,
            r#"{"kty":"RSA","n":1,"e":"AQAB"}"#,
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
    }
}
