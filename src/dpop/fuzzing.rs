//! Keys, proofs and `htu`, for the fuzz targets.

use serde_json::Value;

use super::jwk::PublicJwk;
use super::natural::Natural;
use super::rsa_primes::CrtMembers;
use super::unusable_key::Source;
use super::{Algorithm, DpopKey, htu as target_uri, signer};
use crate::error::Error;

/// Returns the `htu` of a URL.
pub fn htu(url: &str) -> Result<String, Error> {
    target_uri::htu(url).map(Into::into)
}

/// Returns the same without the fast path.
pub fn normalised_url(url: &str) -> Result<String, Error> {
    target_uri::normalised(url)
}

/// Returns a proof with this `iat`.
pub fn proof_at(
    key: &DpopKey,
    iat: i64,
    method: &str,
    url: &str,
    access_token: Option<&str>,
    nonce: Option<&str>,
) -> Result<String, Error> {
    key.proof_at(iat, method, url, access_token, nonce)
}

/// Reads a key from the content of a file in PEM.
pub fn key_from_pem(content: &[u8], algorithm: Option<Algorithm>) -> Result<DpopKey, Error> {
    DpopKey::read_pem(content, algorithm, Source::STRING)
}

/// Reads a key from a record of the cache.
pub fn key_from_pkcs8(der: &[u8], algorithm: Algorithm) -> Result<DpopKey, Error> {
    DpopKey::from_pkcs8(der, algorithm)
}

/// Returns the public key in its normal form, and its thumbprint.
pub fn public_jwk(json: &str) -> Option<Result<(String, String), String>> {
    let Ok(Value::Object(jwk)) = serde_json::from_str(json) else { return None };
    Some(PublicJwk::parse(&jwk).map(|key| (key.to_json(), key.thumbprint())))
}

/// Converts an ECDSA signature to `R || S`.
pub fn fixed_length(algorithm: Algorithm, signature: &[u8]) -> Vec<u8> {
    signer::fixed_length(algorithm, signature.to_vec())
}

/// The results of arithmetic, big-endian.
#[derive(Debug, PartialEq, Eq)]
pub struct Arithmetic {
    /// `a + b`
    pub sum: Vec<u8>,
    /// `a - b`, unless it is negative
    pub difference: Option<Vec<u8>>,
    /// `a * b`
    pub product: Vec<u8>,
    /// `a / b` and `a % b`
    pub quotient: Option<(Vec<u8>, Vec<u8>)>,
    /// The greatest common divisor.
    pub divisor: Vec<u8>,
    /// The inverse of `a` modulo `b`.
    pub inverse: Option<Vec<u8>>,
    /// The square root of `a`.
    pub root: Vec<u8>,
}

/// Computes with two natural numbers.
pub fn arithmetic(a: &[u8], b: &[u8]) -> Arithmetic {
    let (a, b) = (Natural::from_bytes(a), Natural::from_bytes(b));
    let bytes = |number: Natural| number.to_bytes().to_vec();
    Arithmetic {
        sum: bytes(a.plus(&b)),
        difference: a.minus(&b).map(bytes),
        product: bytes(a.times(&b)),
        quotient: a.divided_by(&b).map(|(quotient, rest)| (bytes(quotient), bytes(rest))),
        divisor: bytes(a.greatest_common_divisor(&b)),
        inverse: a.inverse(&b).map(bytes),
        root: bytes(a.square_root()),
    }
}

/// Computes `p`, `q`, `dp`, `dq` and `qi` of an RSA key.
pub fn rsa_members(n: &[u8], e: &[u8], d: &[u8]) -> Option<[Vec<u8>; 5]> {
    let CrtMembers { p, q, dp, dq, qi } = CrtMembers::compute(n, e, d)?;
    Some([p, q, dp, dq, qi].map(|number| number.to_vec()))
}
