//! Seals records with a key that is derived from the client secret, so that no further key has to be managed.
//!
//! `TTR`, the version, a nonce (12 bytes), then the AES-256-GCM ciphertext and its tag, with everything before the
//! nonce and the cache key as associated data. docs/cache-format.md describes each byte.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::StoreError;
use crate::process::section;

const HEAD: [u8; 4] = *b"TTR\x01";
const SALT: &[u8] = b"tango-token cache 1";

/// Seals and opens the records of one cache key.
pub(super) struct Seal {
    key: LessSafeKey,
    cache_key: String,
}

/// The reason why a record cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenError {
    /// The bytes are not a record of this version, or are too short for one.
    Format,
    /// The record was changed after it was sealed, or was sealed with another secret or for another cache key.
    Changed,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "it is not a record of this version",
            Self::Changed => "it was changed, or sealed with another client secret (use the same one in all processes)",
        })
    }
}

impl Seal {
    pub fn new(client_secret: &SecretString, cache_key: &str) -> Result<Self, StoreError> {
        let failed = |_| StoreError::new("its key cannot be derived; the machine may be out of memory");
        let secret = Salt::new(HKDF_SHA256, SALT).extract(client_secret.expose_secret().as_bytes());
        let key = derive::<32>(&secret, &[b"record", cache_key.as_bytes()]).map_err(failed)?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(failed)?);
        Ok(Self { key, cache_key: cache_key.into() })
    }

    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |_| StoreError::new("its record cannot be sealed; the machine may be out of memory");
        let mut nonce = [0; NONCE_LEN];
        let _section = section::enter().map_err(|locked| StoreError::new(locked.to_string()))?;
        rand::fill(&mut nonce).map_err(failed)?;
        // Allocated once: a vector that grows leaves copies of the token behind.
        let mut sealed = Vec::with_capacity(HEAD.len() + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&HEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let body = &mut sealed[HEAD.len() + NONCE_LEN..];
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), self.associated_data(), body)
            .map_err(failed)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let rest = sealed.strip_prefix(&HEAD).ok_or(OpenError::Format)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Format)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let opened = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), self.associated_data(), &mut plain)
            .map_err(|_| OpenError::Changed)?
            .len();
        plain.truncate(opened);
        Ok(plain)
    }

    fn associated_data(&self) -> Aad<Vec<u8>> {
        Aad::from([&HEAD, self.cache_key.as_bytes()].concat())
    }
}

/// Identifies the credentials without revealing them: eight bytes derived from the client secret and the password.
pub(super) fn fingerprint(client_secret: &SecretString, password: &[u8]) -> Option<String> {
    use base64::Engine;
    let secret = Salt::new(HKDF_SHA256, SALT).extract(client_secret.expose_secret().as_bytes());
    let bytes = derive::<8>(&secret, &[b"fingerprint", password]).ok()?;
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bytes))
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(
    secret: &Prk,
    purpose: &[&[u8]; 2],
) -> Result<Zeroizing<[u8; N]>, aws_lc_rs::error::Unspecified> {
    let mut bytes = Zeroizing::new([0; N]);
    secret.expand(purpose, Length(N))?.fill(&mut *bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secret: &str, cache_key: &str) -> Seal {
        Seal::new(&secret.into(), cache_key).unwrap()
    }

    #[test]
    fn sealed_record_opens_with_the_same_secret() {
        let sealed = seal("secret", "key").seal(b"a token").unwrap();
        assert_eq!(*seal("secret", "key").open(&sealed).unwrap(), b"a token");
        assert_ne!(sealed, seal("secret", "key").seal(b"a token").unwrap(), "each record has its own nonce");
        assert!(!sealed.windows(5).any(|part| part == b"token"));
    }

    #[test]
    fn sealed_record_does_not_open_with_another_secret_or_key() {
        let sealed = seal("secret", "key").seal(b"a token").unwrap();
        assert_eq!(seal("another", "key").open(&sealed), Err(OpenError::Changed));
        assert_eq!(seal("secret", "another").open(&sealed), Err(OpenError::Changed));
    }

    /// Sealed by Python's `cryptography`, as docs/cache-format.md says, with the bytes 0 to 11 as the nonce.
    #[test]
    fn record_of_another_implementation_opens() {
        let sealed = b"TTR\x01\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\xbe\x3b\x3a\xc7\x81\xe8\xd2\x8a\xdf\xc9\
                       \xef\xbd\x19\xce\x1d\x0b\x8a\xfc\xdf\x6d\x21\x4a\x49";
        assert_eq!(*seal("secret", "key").open(sealed).unwrap(), b"a token");
    }

    #[test]
    fn changed_or_truncated_record_does_not_open() {
        let seal = seal("secret", "key");
        let sealed = seal.seal(b"a token").unwrap();
        for position in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[position] ^= 1 << bit;
                assert!(seal.open(&changed).is_err(), "byte {position}, bit {bit}");
            }
            assert!(seal.open(&sealed[..position]).is_err(), "{position} bytes");
        }
        assert!(seal.open(&[&sealed[..], &[0]].concat()).is_err());
    }

    #[test]
    fn reason_why_a_record_cannot_be_opened_tells_another_version_from_another_secret() {
        let reasons = [OpenError::Format, OpenError::Changed].map(|reason| reason.to_string());
        assert!(reasons[0].contains("version") && reasons[1].contains("another client secret"), "{reasons:?}");
    }

    #[test]
    fn fingerprint_depends_on_the_client_secret_and_the_password() {
        let of = |secret: &str, password: &[u8]| fingerprint(&secret.into(), password).unwrap();
        assert_eq!(of("secret", b"password"), of("secret", b"password"));
        assert_ne!(of("secret", b"password"), of("secret", b"Password"));
        assert_ne!(of("secret", b"password"), of("Secret", b"password"));
        assert_eq!(of("secret", b"password").len(), 11);
    }
}
