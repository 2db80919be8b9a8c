//! Private keys as JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037).

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair};
use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::Algorithm;
use super::jwk::{Curve, PublicJwk, bytes};
use super::rsa_primes::CrtMembers;
use super::signer::Signer;
use crate::bom::without_bom;

/// The members by which an RSA key signs faster: all of them or none (RFC 7518 section 6.3.2).
const CRT_MEMBERS: [&str; 5] = ["p", "q", "dp", "dq", "qi"];

/// A private JWK. Its members are zeroised when it is dropped. Errors are predicates, such as `is a public key`, and
/// repeat nothing.
pub(super) struct PrivateJwk(Map<String, Value>);

impl PrivateJwk {
    /// Reads a JWK, or a JWK Set with one key.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let json = without_bom(json).trim_ascii();
        match serde_json::from_slice(json) {
            Ok(Value::Object(jwk)) => Self(jwk).only_key(),
            _ if json.is_empty() => Err("is empty".into()),
            _ if json.starts_with(b"-----BEGIN ") => Err("is PEM, and not a JSON object".into()),
            _ => Err("is not a JSON object".into()),
        }
    }

    /// Returns the key of a set (RFC 7517 section 5), or this key if it is no set.
    fn only_key(mut self) -> Result<Self, String> {
        match self.0.get_mut("keys").map(Value::take) {
            None if self.0.contains_key("ciphertext") => Err("is encrypted (RFC 7516); decrypt it first".into()),
            None => Ok(self),
            Some(Value::Array(keys)) => {
                // A key of the wrong type counts, and is refused as one without members.
                let mut keys: Vec<_> = keys.into_iter().map(|key| Self(into_object(key))).collect();
                match (keys.pop(), keys.len()) {
                    (Some(key), 0) => Ok(key),
                    (None, _) => Err("is a JWK Set without a key".into()),
                    (Some(_), others) => Err(format!(
                        "is a JWK Set of {} keys; take the right one out, such as the first: \
                         jq '.keys[0]' keys.json > key.json",
                        others + 1
                    )),
                }
            }
            Some(_) => Err("has a member `keys` that is not an array".into()),
        }
    }

    pub fn algorithm(&self) -> Result<Option<Algorithm>, String> {
        match self.0.get("alg").map(Value::as_str) {
            None => Ok(None),
            Some(name) => name
                .and_then(Algorithm::from_name)
                .map(Some)
                .ok_or_else(|| "has an alg that is none of ES256, ES384, EdDSA, Ed25519, PS256 and RS256".into()),
        }
    }

    pub fn signer(&self) -> Result<Signer, String> {
        let public = PublicJwk::parse(&self.0)?;
        if !self.0.contains_key("d") {
            return Err("is a public key: it has no d".into());
        }
        let signer = match &public {
            PublicJwk::Ec { curve, .. } => self.ec_key(*curve, &public)?.map(Signer::Ecdsa),
            PublicJwk::Ed25519 { x } => {
                Ed25519KeyPair::from_seed_and_public_key(&self.number(32)?, x).map(Signer::Ed25519).ok()
            }
            PublicJwk::Rsa { n, e } => self.rsa_key(n, e)?.map(Signer::Rsa),
        };
        signer.ok_or_else(|| "contains numbers that are not a key pair".into())
    }

    fn ec_key(&self, curve: Curve, public: &PublicJwk) -> Result<Option<EcdsaKeyPair>, String> {
        let algorithm = match curve {
            Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        };
        let number = self.number(curve.coordinate_length())?;
        Ok(EcdsaKeyPair::from_private_key_and_public_key(algorithm, &number, &public.point()).ok())
    }

    fn rsa_key(&self, n: &[u8], e: &[u8]) -> Result<Option<rsa::KeyPair>, String> {
        if self.0.contains_key("oth") {
            return Err("has more than two primes (oth), which is not supported".into());
        }
        let d = bytes(&self.0, "d")?;
        let Some(crt) = self.crt_members(n, e, &d)? else { return Ok(None) };
        let components = rsa::KeyPairComponents {
            public_key: rsa::PublicKeyComponents { n, e },
            d: d.as_slice(),
            p: &crt.p,
            q: &crt.q,
            dP: &crt.dp,
            dQ: &crt.dq,
            qInv: &crt.qi,
        };
        Ok(rsa::KeyPair::from_components(&components).ok())
    }

    /// Returns the members, computed if there is none of them.
    fn crt_members(&self, n: &[u8], e: &[u8], d: &[u8]) -> Result<Option<CrtMembers>, String> {
        if !CRT_MEMBERS.iter().any(|name| self.0.contains_key(*name)) {
            return Ok(CrtMembers::compute(n, e, d));
        }
        let member = |name| bytes(&self.0, name);
        Ok(Some(CrtMembers {
            p: member("p")?,
            q: member("q")?,
            dp: member("dp")?,
            dq: member("dq")?,
            qi: member("qi")?,
        }))
    }

    /// Returns `d`, whose leading zeros are required (RFC 7518 section 6.2.2.1, RFC 8037 section 2).
    fn number(&self, length: usize) -> Result<Zeroizing<Vec<u8>>, String> {
        let number = bytes(&self.0, "d")?;
        if number.len() == length { Ok(number) } else { Err("has a d of the wrong length".into()) }
    }
}

impl Drop for PrivateJwk {
    fn drop(&mut self) {
        for member in self.0.values_mut() {
            if let Value::String(string) = member {
                string.zeroize();
            }
        }
    }
}

fn into_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
