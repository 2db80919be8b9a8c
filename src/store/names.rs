//! The names of cache entries.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::Kind;
use crate::dpop::Binding;

/// Part of every name: another format gets other names, so two versions never read each other's entries.
const FORMAT: &str = "1";
/// 128 bits: no two identities get the same key by chance.
const DIGEST_LENGTH: usize = 16;
const SECRET_ID_LENGTH: usize = 8;

/// Whose tokens a cache holds: everything that decides which token is the right one, and the secrets that seal it.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    /// In the normal form of the URL standard.
    pub token_url: &'a str,
    pub client_id: &'a str,
    pub client_secret: &'a SecretString,
    pub username: &'a str,
    pub password: &'a SecretString,
    pub scope: &'a str,
    pub audience: &'a str,
    /// The key that proofs are made with, if any are sent.
    pub binding: Option<&'a Binding>,
}

/// The cache key, and the names of the entries under it.
///
/// The key contains no secret, so a new password does not change it. A record can be opened only with the client secret
/// that sealed it. Each client secret therefore has a record of its own: a process with a wrong secret, or with a new
/// one, neither reads nor replaces the record of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    key: String,
    secret_id: String,
}

impl Names {
    pub fn of(identity: &Identity<'_>) -> Self {
        let parts = [
            "tango-token",
            FORMAT,
            identity.token_url,
            identity.client_id,
            identity.username,
            identity.scope,
            identity.audience,
            if identity.binding.is_some() { "DPoP" } else { "Bearer" },
        ];
        let mut digest = Context::new(&SHA256);
        for part in parts {
            // The length comes first, so that no two lists of parts are hashed as the same bytes.
            digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let key = hexadecimal(&digest.finish().as_ref()[..DIGEST_LENGTH]);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, identity.client_secret.expose_secret().as_bytes());
        let secret_id = hmac::sign(&secret, format!("tango-token secret id {key}").as_bytes());
        Self { secret_id: hexadecimal(&secret_id.as_ref()[..SECRET_ID_LENGTH]), key }
    }

    /// Returns the cache key in lower-case hexadecimal.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns a name that is valid for a file and as a key of any database.
    pub fn entry(&self, kind: Kind) -> String {
        format!("tango-token.{}.{}", self.key, self.suffix(kind, '.'))
    }

    pub fn lock(&self) -> String {
        format!("tango-token.{}.lock", self.key)
    }

    /// Returns a Redis key. The braces (a hash tag) keep all entries on one node of a cluster.
    pub fn redis_entry(&self, prefix: &str, kind: Kind) -> String {
        format!("{prefix}{{{}}}:{}", self.key, self.suffix(kind, ':'))
    }

    pub fn redis_lock(&self, prefix: &str) -> String {
        format!("{prefix}{{{}}}:lock", self.key)
    }

    fn suffix(&self, kind: Kind, separator: char) -> String {
        match kind {
            Kind::Record => format!("{}{separator}record", self.secret_id),
            Kind::Ledger => "ledger".into(),
            Kind::Rejected => "rejected".into(),
        }
    }
}

/// Returns the bytes in lower-case hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut string = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(string, "{byte:02x}");
    }
    string
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpop::{Algorithm, DpopKey};

    /// The names of the identity in docs/cache-format.md, changed by `change`.
    fn names(change: impl for<'a> FnOnce(Identity<'a>, &'a SecretString, &'a Binding) -> Identity<'a>) -> Names {
        let [client_secret, password, another] = ["secret", "password", "another"].map(SecretString::from);
        let binding = Binding { key: DpopKey::generate(Algorithm::Es256).unwrap(), required: true };
        let identity = Identity {
            token_url: "https://sandbox-auth.tangocard.com/oauth/token",
            client_id: "id",
            client_secret: &client_secret,
            username: "name",
            password: &password,
            scope: "raas.all",
            audience: "https://api.tangocard.com/",
            binding: None,
        };
        Names::of(&change(identity, &another, &binding))
    }

    fn documented() -> Names {
        names(|identity, _, _| identity)
    }

    #[test]
    fn everything_that_decides_which_token_is_right_changes_the_key() {
        let all = [
            documented(),
            names(|identity, _, _| Identity { token_url: "https://auth.tangocard.com/oauth/token", ..identity }),
            names(|identity, _, _| Identity { client_id: "id2", ..identity }),
            names(|identity, _, _| Identity { username: "name2", ..identity }),
            names(|identity, _, _| Identity { scope: "raas.some", ..identity }),
            names(|identity, _, _| Identity { audience: "api.bhn.com/fiveminute", ..identity }),
            names(|identity, _, binding| Identity { binding: Some(binding), ..identity }),
            // The same letters, divided at another place.
            names(|identity, _, _| Identity { client_id: "idn", username: "ame", ..identity }),
        ];
        for (index, names) in all.iter().enumerate() {
            assert!(all[..index].iter().all(|other| other.key() != names.key()), "{index}");
        }
    }

    #[test]
    fn a_new_password_changes_no_name() {
        assert_eq!(names(|identity, another, _| Identity { password: another, ..identity }), documented());
    }

    #[test]
    fn each_client_secret_has_its_own_record_and_shares_the_other_entries() {
        let mine = documented();
        let other = names(|identity, another, _| Identity { client_secret: another, ..identity });
        assert_ne!(mine.entry(Kind::Record), other.entry(Kind::Record));
        assert_eq!((mine.entry(Kind::Ledger), mine.lock()), (other.entry(Kind::Ledger), other.lock()));
    }

    /// docs/cache-format.md states this key, for other implementations to compare with.
    #[test]
    fn the_documented_identity_has_the_documented_key() {
        let names = documented();
        assert_eq!(names.key(), "45aa2030db9937e8b05f47ae88a64927");
        assert_eq!(names.entry(Kind::Record), format!("tango-token.{}.89b40ff1f52b4454.record", names.key()));
        assert_eq!(names.redis_lock("p:"), format!("p:{{{}}}:lock", names.key()));
    }
}
