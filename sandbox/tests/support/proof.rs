//! Valid and invalid proofs of possession. They are built by hand and signed with aws-lc-rs, because the sandbox
//! verifies them with jsonwebtoken.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::{Value, json};

pub const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];

/// A key and its signature algorithm.
pub struct Key {
    pub alg: &'static str,
    pub jwk: Value,
    signer: Signer,
}

enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(&'static RsaKeyPair, &'static dyn RsaEncoding),
}

impl Key {
    /// A new key. An RSA key is the same each time, because it takes long to generate.
    pub fn new(alg: &'static str) -> Self {
        let ecdsa = |algorithm, crv, bytes: usize| {
            let pair = EcdsaKeyPair::generate(algorithm).unwrap();
            let (x, y) = pair.public_key().as_ref()[1..].split_at(bytes);
            (json!({"kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y)}), Signer::Ecdsa(pair))
        };
        let rsa = |encoding| {
            static PAIR: OnceLock<RsaKeyPair> = OnceLock::new();
            let pair = PAIR.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
            let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
            (json!({"kty": "RSA", "n": base64url(public.n), "e": base64url(public.e)}), Signer::Rsa(pair, encoding))
        };
        let (jwk, signer) = match alg {
            "ES256" => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32),
            "ES384" => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "PS256" => rsa(&RSA_PSS_SHA256),
            _ => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let x = base64url(pair.public_key().as_ref());
                (json!({"kty": "OKP", "crv": "Ed25519", "x": x}), Signer::Ed25519(pair))
            }
        };
        Self { alg, jwk, signer }
    }

    /// The RFC 7638 thumbprint by another library.
    pub fn thumbprint(&self) -> String {
        let jwk: Jwk = serde_json::from_value(self.jwk.clone()).unwrap();
        jwk.thumbprint(ThumbprintHash::SHA256).unwrap()
    }

    /// A valid proof.
    pub fn proof(&self, method: &str, htu: &str) -> Proof<'_> {
        let header = json!({"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk});
        let mut jti = [0; 16];
        fill(&mut jti).unwrap();
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({"jti": base64url(jti), "htm": method, "htu": htu, "iat": iat});
        Proof { key: self, header, claims }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.signer {
            Signer::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().into(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().into(),
            Signer::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// A proof that is not signed yet.
#[derive(Clone)]
pub struct Proof<'a> {
    key: &'a Key,
    header: Value,
    claims: Value,
}

impl Proof<'_> {
    /// Sets a member of the key.
    pub fn jwk_member(mut self, name: &str, value: &str) -> Self {
        self.header["jwk"][name] = value.into();
        self
    }

    /// Sets a parameter of the header.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    /// Writes a claim in lower case.
    pub fn lower(self, name: &str) -> Self {
        let value = self.claims[name].as_str().unwrap().to_lowercase();
        self.claim(name, value)
    }

    /// Appends to a claim.
    pub fn suffix(self, name: &str, suffix: &str) -> Self {
        let value = format!("{}{suffix}", self.claims[name].as_str().unwrap());
        self.claim(name, value)
    }

    /// Moves the claim `iat` into the past, or into the future if `seconds` is negative.
    pub fn aged(self, seconds: i64) -> Self {
        let iat = self.claims["iat"].as_i64().unwrap() - seconds;
        self.claim("iat", iat)
    }

    /// Adds the hash of the access token that the request carries.
    pub fn with_token(self, token: &str) -> Self {
        self.claim("ath", base64url(digest(&SHA256, token.as_bytes())))
    }

    /// Signs the proof and returns the value of the header.
    pub fn sign(&self) -> String {
        let message = format!("{}.{}", base64url(self.header.to_string()), base64url(self.claims.to_string()));
        let signature = base64url(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
