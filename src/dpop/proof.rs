//! Proofs: a JWT for one request, signed with the key that the token is bound to (RFC 9449 section 4).
//!
//! This is on the way of every API call, and a signature takes 16 microseconds. So the header is made once for each key
//! and the token's hash once for each token, and the claims are written by hand, from parts that need no escaping.

use std::fmt::Write;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::DpopKey;
use super::htu::htu;
use super::jti;
use super::key::KeyData;
use super::nonce::is_nonce;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, Status};

/// The other claims around `htm`, `htu` and `nonce`, and a margin.
const FIXED_CLAIMS: usize = 160;
/// The signatures of all but RSA, encoded, with a dot.
const SIGNATURE: usize = 129;

/// A token and its `ath`.
pub(super) struct TokenHash {
    token: SecretString,
    ath: String,
}

impl DpopKey {
    /// A proof for one request: `method` as it is sent, the URL that it goes to, the access token that it presents, if
    /// any, and the nonce that this server gave last, if any. Every request, a repeated one too, needs its own.
    ///
    /// The result is the value of the `DPoP` header.
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
        check(method, "method", is_token_character)?;
        let htu = htu(url)?;
        let ath = access_token.map(|token| key.hash_of(token)).transpose()?;
        if nonce.is_some_and(|nonce| !is_nonce(nonce)) {
            return Err(invalid("nonce"));
        }
        let ath = ath.as_deref().map(|hash| hash.ath.as_str());
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
        let signature = self.signer.sign_after(&self.beginning, self.algorithm, proof.as_bytes())?;
        proof.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut proof);
        Ok(proof)
    }

    /// `ath` = base64url(SHA-256(ASCII(access token))), kept for the next proof.
    fn hash_of(&self, token: &str) -> Result<Arc<TokenHash>, Error> {
        if let Some(hash) = self.token_hash.load().as_ref().filter(|hash| hash.token.expose_secret() == token) {
            return Ok(Arc::clone(hash));
        }
        check(token, "access_token", |byte| byte.is_ascii_graphic())?;
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        let hash = Arc::new(TokenHash { token: token.into(), ath });
        self.token_hash.store(Some(Arc::clone(&hash)));
        Ok(hash)
    }
}

/// Each part was checked to be made of characters that JSON takes as they are.
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

fn check(text: &str, name: &str, is_allowed: impl Fn(u8) -> bool) -> Result<(), Error> {
    if !text.is_empty() && text.bytes().all(is_allowed) { Ok(()) } else { Err(invalid(name)) }
}

/// The text itself may be a secret.
fn invalid(name: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("{name} is empty or holds a character that it cannot have"))
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
