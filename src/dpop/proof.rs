//! Proofs: a JWT for one request, signed with the key that the token is bound to (RFC 9449 section 4).
//!
//! Each API call needs a proof, and a signature takes 16 microseconds. Therefore the header is created once for each
//! key, the hash once for each token, and the claims are written by hand from parts that need no escaping.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::DpopKey;
use super::htu::htu;
use super::jti;
use super::key::KeyData;
use super::nonce::is_nonce;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Status};

/// The length of all claims except `htm`, `htu` and `nonce`, with a margin.
const FIXED_CLAIMS: usize = 160;
/// The length of an encoded signature with a dot, for all algorithms except RSA.
const SIGNATURE: usize = 129;

impl DpopKey {
    /// Returns the value of the `DPoP` header for one request: `method` as it is sent, the URL, the access token in the
    /// request, if any, and the last nonce from this server, if any. Each request, also a repeated one, needs a new
    /// proof.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        access_token: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<String, Error> {
        self.proof_at(SystemClock.wall_seconds(), method, url, access_token, nonce)
    }

    /// `iat` is in seconds since 1970.
    pub(crate) fn proof_at(
        &self,
        iat: i64,
        method: &str,
        url: &str,
        access_token: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<String, Error> {
        let key = self.data();
        check_method(method)?;
        let htu = htu(url)?;
        if let Some(token) = access_token {
            check(token, "access_token", |byte| byte.is_ascii_graphic())?;
        }
        if nonce.is_some_and(|nonce| !is_nonce(nonce)) {
            return Err(invalid("nonce"));
        }
        let hashed = access_token.map(|token| key.last_token.hash(token));
        let ath = hashed.as_ref().map(|hashed| hashed.ath());
        let claims = claims(iat, method, &htu, ath, nonce)?;
        key.sign(&claims)
    }
}

impl KeyData {
    fn sign(&self, claims: &str) -> Result<String, Error> {
        let capacity = self.encoded_header.len() + claims.len().div_ceil(3) * 4 + SIGNATURE + 1;
        let mut proof = String::with_capacity(capacity);
        proof.push_str(&self.encoded_header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut proof);
        let signature = self.signer.sign_with_prefix(&self.prefix, self.algorithm, proof.as_bytes())?;
        proof.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut proof);
        Ok(proof)
    }
}

/// Returns the claims. Each part was checked to need no escaping.
fn claims(iat: i64, htm: &str, htu: &str, ath: Option<&str>, nonce: Option<&str>) -> Result<String, Error> {
    let mut claims = String::with_capacity(FIXED_CLAIMS + htm.len() + htu.len() + nonce.map_or(0, str::len));
    claims.push_str(r#"{"jti":""#);
    URL_SAFE_NO_PAD.encode_string(jti::draw()?, &mut claims);
    for (name, value) in [(r#"","htm":""#, htm), (r#"","htu":""#, htu)] {
        claims.push_str(name);
        claims.push_str(value);
    }
    // Writing to a string cannot fail.
    let _ = write!(claims, r#"","iat":{iat}"#);
    for (name, value) in [(r#","ath":""#, ath), (r#","nonce":""#, nonce)] {
        if let Some(value) = value {
            claims.push_str(name);
            claims.push_str(value);
            claims.push('"');
        }
    }
    claims.push('}');
    Ok(claims)
}

/// Refuses a string that is not a method (RFC 9110 section 9.1).
pub(crate) fn check_method(method: &str) -> Result<(), Error> {
    check(method, "method", is_token_character)
}

fn check(string: &str, name: &str, is_allowed: impl Fn(u8) -> bool) -> Result<(), Error> {
    if !string.is_empty() && string.bytes().all(is_allowed) { Ok(()) } else { Err(invalid(name)) }
}

/// Returns an error without the value, which may be a secret.
fn invalid(name: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("{name} is empty or contains a character that is not allowed"))
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
