//! The key that tokens are bound to: generated, loaded, or behind a custom signer.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::Algorithm;
use super::ath::LastToken;
use super::jwk::{Curve, PublicJwk};
use super::key_file;
use super::private_der;
use super::private_jwk::PrivateJwk;
use super::signer::{HashedPrefix, SignFunction, Signer, SignerError};
use super::unusable_key::{Source, describe, describe_key};
use crate::bom::without_bom;
use crate::error::{Error, Status};
use crate::nul_terminated::without_nul;
use crate::pem;
use crate::process::section;
use crate::workers::Workers;

/// A key pair for DPoP proofs (RFC 9449). It is cheap to clone and can be shared between threads.
///
/// A private key in this process is zeroised with the last clone and never printed. The key keeps the last token that a
/// proof was made for, until it makes a proof for another.
#[derive(Clone)]
pub struct DpopKey(Arc<KeyData>);

pub(super) struct KeyData {
    pub algorithm: Algorithm,
    pub signer: Signer,
    /// `base64url(JOSE header).`, the same in each proof of this key.
    pub encoded_header: String,
    pub prefix: HashedPrefix,
    pub last_token: LastToken,
    /// Ends with a NUL, so that C can borrow it.
    public_jwk: String,
    /// Ends with a NUL.
    thumbprint: String,
}

impl DpopKey {
    /// Generates a key. RSA keys have 3,072 bits and take long to generate.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let failed =
            || Error::new(Status::Internal, "the key could not be generated; the machine may be out of memory");
        let _section = section::enter()?;
        let signer = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).map(Signer::Ecdsa),
            Algorithm::Es384 => EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).map(Signer::Ecdsa),
            Algorithm::Eddsa => Ed25519KeyPair::generate().map(Signer::Ed25519),
            Algorithm::Rs256 | Algorithm::Ps256 => rsa::KeyPair::generate(rsa::KeySize::Rsa3072).map(Signer::Rsa),
        };
        // The trial of a new key fails only if it lacks memory.
        Self::from_own_key(signer.map_err(|_| failed())?, Some(algorithm)).map_err(|_| failed())
    }

    /// Reads an unencrypted private key in PEM: PKCS#8, SEC1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// `algorithm` is the signature algorithm; `None` selects the one of the key, and PS256 for RSA. The error says what
    /// the string holds instead, and which command converts it.
    pub fn from_pem(pem: &str, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        Self::read_pem(pem.as_bytes(), algorithm, Source::STRING)
    }

    /// Reads a private key in PKCS#8 (DER).
    pub(crate) fn from_pkcs8(der: &[u8], algorithm: Algorithm) -> Result<Self, Error> {
        let _section = section::enter()?;
        let signer = private_der::from_pkcs8(der).ok_or_else(|| rejected(&describe_key(der)))?;
        Self::from_own_key(signer, Some(algorithm))
    }

    /// Reads a private key as a JWK (RFC 7517), or as a JWK Set with one key. Its `alg`, if it has one, is the
    /// signature algorithm.
    pub fn from_jwk(jwk: &str) -> Result<Self, Error> {
        Self::read_jwk(jwk.as_bytes())
    }

    /// Reads a private key from a file, in PEM or as a JWK.
    ///
    /// A file that every user of the machine can write to is refused. One that every user can read, or its group can
    /// write to, is read with a warning in the log.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let in_file = |problem: &dyn fmt::Display| rejected(&format!("{}: {problem}", path.display()));
        let content = key_file::read(path).map_err(|problem| in_file(&problem))?;
        let is_jwk = without_bom(&content).trim_ascii_start().starts_with(b"{");
        let source = Source { subject: "the file", name: &shell_word(path) };
        let key = if is_jwk { Self::read_jwk(&content) } else { Self::read_pem(&content, None, source) };
        key.map_err(|error| in_file(&error))
    }

    /// Creates a key with a custom signer, such as an HSM, a TPM or a key service: `sign` returns the signature of a
    /// message.
    ///
    /// ECDSA signatures may be `R || S` or DER. This function calls `sign` once and verifies the result with
    /// `public_jwk`, to find a wrong key or format immediately. Later `sign` is called once for each proof, on the
    /// thread that makes the proof, and on several threads at the same time.
    pub fn from_signer(
        algorithm: Algorithm,
        public_jwk: &str,
        sign: impl Fn(&[u8]) -> Result<Vec<u8>, SignerError> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let problem = |problem: String| rejected(&format!("the public JWK {problem}"));
        let Ok(Value::Object(jwk)) = serde_json::from_slice(without_bom(public_jwk.as_bytes())) else {
            return Err(problem("is not a JSON object".into()));
        };
        let public = PublicJwk::parse(&jwk).map_err(problem)?;
        let sign: Box<SignFunction> = Box::new(sign);
        Self::new(Signer::external(sign), &public, Some(algorithm))
    }

    /// Returns the signature algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Returns the public key as a JWK with the required members only.
    pub fn public_jwk(&self) -> &str {
        without_nul(&self.0.public_jwk)
    }

    /// Returns the RFC 7638 thumbprint, which is the `jkt` of a bound token.
    pub fn thumbprint(&self) -> &str {
        without_nul(&self.0.thumbprint)
    }

    /// Returns the threads on which the library waits for a custom signer. `None` if the private key is in this
    /// process, so that signing does not block.
    pub(crate) fn workers(&self) -> Option<&Workers> {
        match &self.0.signer {
            Signer::External(_, workers) => Some(workers),
            Signer::Ecdsa(_) | Signer::Ed25519(_) | Signer::Rsa(_) => None,
        }
    }

    pub(crate) fn public_jwk_with_nul(&self) -> &str {
        &self.0.public_jwk
    }

    pub(crate) fn thumbprint_with_nul(&self) -> &str {
        &self.0.thumbprint
    }

    /// Returns the private key as PKCS#8 in PEM, to store it safely.
    pub fn to_pem(&self) -> Result<SecretString, Error> {
        self.with_pkcs8(to_pem)
    }

    /// Returns the private key as PKCS#8 in base64, without line breaks.
    pub(crate) fn to_base64_pkcs8(&self) -> Result<SecretString, Error> {
        self.with_pkcs8(|der| STANDARD.encode(der).into())
    }

    fn with_pkcs8<T>(&self, encode: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        let failed = |_| Error::new(Status::Internal, "the key could not be encoded; the machine may be out of memory");
        let _section = section::enter()?;
        match &self.0.signer {
            Signer::Ecdsa(key) => Ok(encode(key.to_pkcs8v1().map_err(failed)?.as_ref())),
            Signer::Ed25519(key) => Ok(encode(key.to_pkcs8v1().map_err(failed)?.as_ref())),
            Signer::Rsa(key) => Ok(encode(AsDer::<Pkcs8V1Der>::as_der(key).map_err(failed)?.as_ref())),
            Signer::External(..) => Err(rejected("the private key is not here: a custom signer has it")),
        }
    }

    pub(super) fn read_pem(content: &[u8], algorithm: Option<Algorithm>, source: Source) -> Result<Self, Error> {
        let Ok(mut der) = PrivateKeyDer::from_pem_slice(&pem::normalized(content)) else {
            return Err(rejected(&describe(content, source)));
        };
        let _section = section::enter()?;
        let key = private_der::read(&der);
        der.zeroize();
        let (signer, only) = key.map_err(|problem| rejected(&problem))?;
        if let (Some(only), Some(wanted)) = (only, algorithm)
            && wanted != only
        {
            return Err(rejected(&format!("an RSA-PSS key signs with {only} only")));
        }
        Self::from_own_key(signer, only.or(algorithm))
    }

    fn read_jwk(json: &[u8]) -> Result<Self, Error> {
        let problem = |problem: String| rejected(&format!("the JWK {problem}"));
        let jwk = PrivateJwk::parse(json).map_err(problem)?;
        let algorithm = jwk.algorithm().map_err(problem)?;
        let _section = section::enter()?;
        let signer = jwk.signer().map_err(problem)?;
        Self::from_own_key(signer, algorithm)
    }

    fn from_own_key(signer: Signer, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let public = match &signer {
            Signer::Ecdsa(key) => {
                let point = key.public_key().as_ref();
                PublicJwk::from_point(Curve::P256, point).or_else(|| PublicJwk::from_point(Curve::P384, point))
            }
            Signer::Ed25519(key) => Some(PublicJwk::Ed25519 { x: key.public_key().as_ref().to_vec() }),
            Signer::Rsa(key) => Some(PublicJwk::Rsa {
                n: key.public_key().modulus().big_endian_without_leading_zero().to_vec(),
                e: key.public_key().exponent().big_endian_without_leading_zero().to_vec(),
            }),
            Signer::External(..) => None,
        };
        Self::new(signer, &public.ok_or_else(|| rejected("the public key cannot be read"))?, algorithm)
    }

    fn new(signer: Signer, public: &PublicJwk, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let algorithm = algorithm.unwrap_or(public.algorithms()[0]);
        if !public.algorithms().contains(&algorithm) {
            let own: Vec<_> = public.algorithms().iter().map(|own| own.name()).collect();
            return Err(rejected(&format!(
                "this kind of key cannot sign with {algorithm}, only with {}",
                own.join(" or ")
            )));
        }
        let trial = b"tango-token tries a key";
        let signature = signer.sign(algorithm, trial)?;
        let _section = section::enter()?;
        if !public.verifies(algorithm, trial, &signature) {
            return Err(rejected("the public key does not verify a signature of the private key: they are not a pair"));
        }
        let jwk = public.to_json();
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{algorithm}","jwk":{jwk}}}"#);
        let encoded_header = URL_SAFE_NO_PAD.encode(header) + ".";
        Ok(Self(Arc::new(KeyData {
            algorithm,
            signer,
            prefix: HashedPrefix::new(algorithm, &encoded_header),
            encoded_header,
            last_token: LastToken::default(),
            public_jwk: jwk + "\0",
            thumbprint: public.thumbprint() + "\0",
        })))
    }

    #[cfg(test)]
    pub(crate) fn sign_for_test(&self, message: &[u8]) -> Vec<u8> {
        self.0.signer.sign(self.0.algorithm, message).unwrap()
    }

    pub(super) fn data(&self) -> &KeyData {
        &self.0
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopKey")
            .field("algorithm", &self.0.algorithm)
            .field("thumbprint", &self.thumbprint())
            .field("signer", &self.0.signer)
            .finish_non_exhaustive()
    }
}

fn rejected(problem: &str) -> Error {
    Error::new(Status::KeyRejected, problem)
}

/// Returns a path as a word of a shell, for the commands in messages.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Returns PEM (RFC 7468) with lines of 64 characters.
fn to_pem(der: &[u8]) -> SecretString {
    let body = Zeroizing::new(STANDARD.encode(der));
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n");
    // The exact capacity: a string that grows or shrinks is copied, and a copy of the key stays behind.
    let mut pem = String::with_capacity(begin.len() + body.len() + body.len().div_ceil(64) + end.len());
    pem.push_str(begin);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(end);
    pem.into()
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
