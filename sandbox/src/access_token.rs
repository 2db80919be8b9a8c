//! Access tokens: JWTs that are signed with HS256 and a key that only this process has.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::random;

const ISSUER: &str = "tango-sandbox";

/// The key that a token is bound to (RFC 7800 section 3, RFC 9449 section 6.1).
#[derive(Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

/// The reason why the API refuses a token.
#[derive(Debug, PartialEq, Eq)]
pub enum InvalidToken {
    Malformed,
    Signature,
    Revoked,
    Expired,
}

impl InvalidToken {
    /// Returns the `error_description` of RFC 6750 section 3: printable ASCII without quotes or backslashes.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Malformed => "The access token is malformed",
            Self::Signature => "The signature of the access token is wrong",
            Self::Revoked => "The access token was revoked",
            Self::Expired => "The access token expired",
        }
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

/// Issues and verifies tokens.
pub struct AccessTokens(Mutex<SigningKey>);

/// Each revocation replaces the key, so that no list of revoked tokens is needed.
struct SigningKey {
    generation: u64,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    fn new(generation: u64) -> Self {
        let secret = random::bytes::<32>();
        let (encoding, decoding) = (EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret));
        Self { generation, encoding, decoding }
    }
}

impl AccessTokens {
    /// Starts with a random key.
    pub fn new() -> Self {
        Self(Mutex::new(SigningKey::new(0)))
    }

    fn key(&self) -> MutexGuard<'_, SigningKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a token at `now`, in seconds like its lifetime. `jkt` is the thumbprint of the key that it is bound to.
    pub fn issue(
        &self,
        audience: &str,
        subject: &str,
        now: u64,
        lifetime: u32,
        jkt: Option<String>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let key = self.key();
        let header = Header { kid: Some(key.generation.to_string()), ..Header::new(Algorithm::HS256) };
        let claims = Claims {
            iss: ISSUER.into(),
            aud: audience.into(),
            sub: subject.into(),
            iat: now,
            exp: now + u64::from(lifetime),
            jti: random::id(),
            cnf: jkt.map(|jkt| Confirmation { jkt }),
        };
        encode(&header, &claims, &key.encoding)
    }

    /// Checks that this server issued the token and that it is valid at `now` (seconds). Returns its `jkt`.
    pub fn verify(&self, token: &str, now: u64) -> Result<Option<String>, InvalidToken> {
        let key = self.key();
        let kid = decode_header(token).map_err(|_| InvalidToken::Malformed)?.kid;
        let generation = kid.and_then(|kid| kid.parse::<u64>().ok()).ok_or(InvalidToken::Malformed)?;
        // The key of an earlier generation is gone, so the signature cannot be checked; the result is the same either
        // way.
        if generation < key.generation {
            return Err(InvalidToken::Revoked);
        }
        let claims = decode::<Claims>(token, &key.decoding, &validation()).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => InvalidToken::Signature,
            _ => InvalidToken::Malformed,
        })?;
        let Claims { exp, cnf, .. } = claims.claims;
        if exp <= now { Err(InvalidToken::Expired) } else { Ok(cnf.map(|cnf| cnf.jkt)) }
    }

    /// Makes every token issued so far invalid.
    pub fn revoke_all(&self) {
        let mut key = self.key();
        *key = SigningKey::new(key.generation + 1);
    }
}

/// Checks the signature only: the expiry is compared with the server's own clock, which can be wrong on purpose.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;

    fn issue(tokens: &AccessTokens) -> String {
        tokens.issue("audience", "client", NOW, 300, None).unwrap()
    }

    #[test]
    fn bound_token_names_its_key() {
        let tokens = AccessTokens::new();
        let token = tokens.issue("audience", "client", NOW, 300, Some("thumbprint".into())).unwrap();
        assert_eq!(tokens.verify(&token, NOW), Ok(Some("thumbprint".into())));
    }

    #[test]
    fn token_is_valid_until_it_expires() {
        let tokens = AccessTokens::new();
        let token = issue(&tokens);
        assert_eq!(tokens.verify(&token, NOW), Ok(None));
        assert_eq!(tokens.verify(&token, NOW + 299), Ok(None));
        assert_eq!(tokens.verify(&token, NOW + 300), Err(InvalidToken::Expired));
    }

    #[test]
    fn tokens_issued_in_the_same_second_differ() {
        let tokens = AccessTokens::new();
        assert_ne!(issue(&tokens), issue(&tokens));
    }

    #[test]
    fn revocation_spares_later_tokens() {
        let tokens = AccessTokens::new();
        let old = issue(&tokens);
        tokens.revoke_all();
        assert_eq!(tokens.verify(&old, NOW), Err(InvalidToken::Revoked));
        assert_eq!(tokens.verify(&issue(&tokens), NOW), Ok(None));
    }

    #[test]
    fn foreign_or_malformed_token_is_refused() {
        let tokens = AccessTokens::new();
        assert_eq!(tokens.verify(&issue(&AccessTokens::new()), NOW), Err(InvalidToken::Signature));
        for malformed in ["", "a", "a.b.c", "..", "é.é.é"] {
            assert_eq!(tokens.verify(malformed, NOW), Err(InvalidToken::Malformed), "{malformed}");
        }
    }
}
