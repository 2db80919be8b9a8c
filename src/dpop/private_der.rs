//! Private keys in DER: PKCS#8 (RFC 5208), SEC1 (RFC 5915) and PKCS#1 (RFC 8017).

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair};
use rustls::pki_types::PrivateKeyDer;

use super::Algorithm;
use super::der::{DerDocument, KeyKind};
use super::signer::Signer;
use super::unusable_key::describe_key;

/// Returns the key, and the only algorithm that it may be used with, if there is one. The error is a sentence.
pub(super) fn read(der: &PrivateKeyDer) -> Result<(Signer, Option<Algorithm>), String> {
    let unusable = || describe_key(der.secret_der());
    if let Some(pkcs1) = pss_key(der.secret_der()) {
        let key = rsa::KeyPair::from_der(pkcs1).map_err(|_| unusable())?;
        return Ok((Signer::Rsa(key), Some(Algorithm::Ps256)));
    }
    let signer = match der {
        PrivateKeyDer::Pkcs8(key) => from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Sec1(key) => from_sec1(key.secret_sec1_der()),
        PrivateKeyDer::Pkcs1(key) => rsa::KeyPair::from_der(key.secret_pkcs1_der()).map(Signer::Rsa).ok(),
        _ => None,
    };
    Ok((signer.ok_or_else(unusable)?, None))
}

pub(super) fn from_pkcs8(der: &[u8]) -> Option<Signer> {
    from_sec1(der)
        .or_else(|| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Signer::Ed25519).ok())
        .or_else(|| rsa::KeyPair::from_pkcs8(der).map(Signer::Rsa).ok())
}

fn from_sec1(der: &[u8]) -> Option<Signer> {
    [&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED_SIGNING]
        .into_iter()
        .find_map(|algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).map(Signer::Ecdsa).ok())
}

/// Returns the key in PKCS#1 if it is an RSA-PSS key, which may be used for PSS only (RFC 4055 section 1.2), and can
/// make signatures of PS256.
fn pss_key(pkcs8: &[u8]) -> Option<&[u8]> {
    match DerDocument::read(pkcs8) {
        DerDocument::PrivateKey(KeyKind::RsaPss { parameters, pkcs1 }) if KeyKind::allows_ps256(parameters) => {
            Some(pkcs1)
        }
        _ => None,
    }
}
