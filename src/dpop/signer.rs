//! The sources of signatures: a key in this process, or a custom signer.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, SHA384};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256};

use super::Algorithm;
use super::der::{INTEGER, SEQUENCE, split_first};
use super::jwk::{Curve, without_leading_zeros};
use crate::callbacks::Foreign;
use crate::error::{Error, Status};
use crate::process::section;
use crate::threads::Code;
use crate::workers::Workers;

/// A token request needs one thread, and abandons it if the signer hangs.
const MAX_WORKERS: u32 = 4;

/// The reason why a custom signer failed. It must not contain a secret.
#[derive(Clone, Debug)]
pub struct SignerError(pub String);

/// Signs a message. ECDSA signatures may be `R || S` or DER; the others are as RFC 7518 and RFC 8037 define them.
pub(super) type SignFunction = dyn Fn(&[u8]) -> Result<Vec<u8>, SignerError> + Send + Sync;

/// A source of signatures.
pub(super) enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(rsa::KeyPair),
    /// A custom signer, such as an HSM, a TPM or a key service.
    External(Foreign<Box<SignFunction>>, Workers),
}

impl Signer {
    pub fn external(sign: Box<SignFunction>) -> Self {
        Self::External(Foreign::new(sign), Workers::new("tango-signer", Code::Program, MAX_WORKERS))
    }

    /// Returns the signature of a JWS (RFC 7518 section 3).
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::External(sign, _) => sign_externally(sign, algorithm, message),
            own => own.sign_here(algorithm, message),
        }
    }

    /// Signs with a key in this process.
    fn sign_here(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
        let _section = section::enter()?;
        match self {
            Self::Ecdsa(key) => key
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(cannot_sign),
            Self::Ed25519(key) => {
                key.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(cannot_sign)
            }
            Self::Rsa(key) => {
                let padding = if algorithm == Algorithm::Rs256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(cannot_sign)?;
                Ok(signature)
            }
            Self::External(..) => Err(cannot_sign(Unspecified)),
        }
    }
}

/// Calls a custom signer, outside a section.
fn sign_externally(sign: &Foreign<Box<SignFunction>>, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |why: &str| Error::new(Status::SigningFailed, format!("the signer of the DPoP key {why}"));
    let returned = sign(message).map_err(|error| failed(&format!("failed: {}", error.0)))?;
    let length = returned.len();
    let signature = fixed_length(algorithm, returned);
    let is_whole = match algorithm {
        Algorithm::Es256 | Algorithm::Eddsa => signature.len() == 64,
        Algorithm::Es384 => signature.len() == 96,
        Algorithm::Rs256 | Algorithm::Ps256 => signature.len() >= 256,
    };
    let problem = || format!("returned {length} bytes, which are not a signature for {}", algorithm.name());
    if is_whole { Ok(signature) } else { Err(failed(&problem())) }
}

/// The prefix of all messages of a key, already hashed. For proofs it is the header, nearly half of the message.
pub(super) struct HashedPrefix {
    length: usize,
    /// For ECDSA only; the other algorithms need the whole message.
    hashed: Option<Context>,
}

impl HashedPrefix {
    pub fn new(algorithm: Algorithm, prefix: &str) -> Self {
        let hash = match algorithm {
            Algorithm::Es256 => Some(&SHA256),
            Algorithm::Es384 => Some(&SHA384),
            Algorithm::Eddsa | Algorithm::Rs256 | Algorithm::Ps256 => None,
        };
        let hashed = hash.map(|hash| {
            let mut context = Context::new(hash);
            context.update(prefix.as_bytes());
            context
        });
        Self { length: prefix.len(), hashed }
    }
}

impl Signer {
    /// Returns the same as `sign`, for a message with this prefix.
    pub fn sign_with_prefix(
        &self,
        prefix: &HashedPrefix,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (Self::Ecdsa(key), Some(hashed)) = (self, &prefix.hashed) else { return self.sign(algorithm, message) };
        let _section = section::enter()?;
        let mut context = hashed.clone();
        context.update(&message[prefix.length..]);
        key.sign_digest(&context.finish()).map(|signature| signature.as_ref().to_vec()).map_err(cannot_sign)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecdsa(_) | Self::Ed25519(_) | Self::Rsa(_) => "a key in this process",
            Self::External(..) => "a custom signer",
        })
    }
}

fn cannot_sign(_: Unspecified) -> Error {
    Error::new(Status::SigningFailed, "the DPoP key could not sign; the machine may be out of memory")
}

/// Converts ECDSA signatures from DER, which HSMs and key services return, to `R || S` (RFC 7518 section 3.4).
pub(super) fn fixed_length(algorithm: Algorithm, signature: Vec<u8>) -> Vec<u8> {
    let length = match algorithm {
        Algorithm::Es256 => Curve::P256.coordinate_length(),
        Algorithm::Es384 => Curve::P384.coordinate_length(),
        Algorithm::Eddsa | Algorithm::Rs256 | Algorithm::Ps256 => return signature,
    };
    if signature.len() == 2 * length {
        return signature;
    }
    from_der(&signature, length).unwrap_or(signature)
}

/// Reads `SEQUENCE { INTEGER r, INTEGER s }`.
fn from_der(der: &[u8], length: usize) -> Option<Vec<u8>> {
    let (SEQUENCE, numbers, []) = split_first(der)? else { return None };
    let (INTEGER, r, rest) = split_first(numbers)? else { return None };
    let (INTEGER, s, []) = split_first(rest)? else { return None };
    Some([padded(r, length)?, padded(s, length)?].concat())
}

/// Returns a number with as many bytes as a signature has for it.
fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let significant = without_leading_zeros(number);
    let padding = length.checked_sub(significant.len())?;
    Some([&vec![0; padding], significant].concat())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, KeyPair, UnparsedPublicKey};
    use proptest::prelude::*;

    use super::*;
    use crate::dpop::jwk::PublicJwk;

    #[test]
    fn der_signature_is_converted_to_jws() {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = PublicJwk::from_point(Curve::P256, key.public_key().as_ref()).unwrap();
        // Many signatures, because some have leading zeros and some a sign byte.
        for number in 0..600_u32 {
            let message = number.to_be_bytes();
            let der = key.sign(&SystemRandom::new(), &message).unwrap();
            let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
            verifier.verify(&message, der.as_ref()).unwrap();
            assert!(public.verifies(
                Algorithm::Es256,
                &message,
                &fixed_length(Algorithm::Es256, der.as_ref().to_vec())
            ));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_der_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..150)) {
            let fixed = fixed_length(Algorithm::Es256, bytes.clone());
            prop_assert!(fixed.len() == 64 || fixed == bytes);
        }
    }
}
