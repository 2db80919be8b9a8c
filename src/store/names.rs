//! The names of cache entries.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::{Kind, TokenType};
use crate::dpop::Binding;

/// Part of the names of records: another format gets other names, so two versions never read each other's records. The
/// ledger and the lock keep their names, because all versions share the quota.
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

/// The names of the entries of one identity.
///
/// The quota belongs to the client, so the ledger and the lock are named after the token URL and the client id alone.
/// Records are named after everything that decides which token is the right one, the token type included.
///
/// No name contains a secret, so a new password does not change one. A record can be opened only with the client secret
/// that sealed it. Each client secret therefore has a record of its own: a process with a wrong secret, or with a new
/// one, neither reads nor replaces the record of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    client: String,
    /// The key and the secret id of the record for each token type.
    bearer: RecordName,
    dpop: RecordName,
    /// The key of this identity's section of the ledger. Each DPoP mode has one of its own.
    section: String,
    reads: &'static [TokenType],
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RecordName {
    key: String,
    secret_id: String,
}

impl Names {
    pub fn of(identity: &Identity<'_>) -> Self {
        let purpose = |what| {
            let Identity { token_url, client_id, username, scope, audience, .. } = *identity;
            digest(&["tango-token", FORMAT, token_url, client_id, username, scope, audience, what])
        };
        let secret = hmac::Key::new(hmac::HMAC_SHA256, identity.client_secret.expose_secret().as_bytes());
        let record = |token_type| {
            let key = purpose(token_type);
            let secret_id = hmac::sign(&secret, format!("tango-token secret id {key}").as_bytes());
            RecordName { secret_id: hexadecimal(&secret_id.as_ref()[..SECRET_ID_LENGTH]), key }
        };
        let (mode, reads): (_, &[TokenType]) = match identity.binding {
            None => ("off", &[TokenType::Bearer]),
            Some(Binding { required: false, .. }) => ("optional", &[TokenType::Dpop, TokenType::Bearer]),
            Some(Binding { required: true, .. }) => ("required", &[TokenType::Dpop]),
        };
        Self {
            client: digest(&["tango-token", identity.token_url, identity.client_id]),
            bearer: record("Bearer"),
            dpop: record("DPoP"),
            section: purpose(mode),
            reads,
        }
    }

    /// Returns the cache key of the record for tokens of a type, in lower-case hexadecimal.
    pub fn key(&self, token_type: TokenType) -> &str {
        &self.record(token_type).key
    }

    /// Returns the key of this identity's section of the ledger.
    pub fn section(&self) -> &str {
        &self.section
    }

    /// Returns the types of token that this identity can use, the preferred one first.
    pub fn reads(&self) -> &'static [TokenType] {
        self.reads
    }

    fn record(&self, token_type: TokenType) -> &RecordName {
        match token_type {
            TokenType::Bearer => &self.bearer,
            TokenType::Dpop => &self.dpop,
        }
    }

    /// Returns a name that is valid for a file and as a key of any database.
    pub fn entry(&self, kind: Kind) -> String {
        format!("tango-token.{}.{}", self.client, self.suffix(kind, '.'))
    }

    pub fn lock(&self) -> String {
        format!("tango-token.{}.lock", self.client)
    }

    /// Returns a Redis key. The braces (a hash tag) keep all entries on one node of a cluster.
    pub fn redis_entry(&self, prefix: &str, kind: Kind) -> String {
        format!("{prefix}{{{}}}:{}", self.client, self.suffix(kind, ':'))
    }

    /// Returns what surrounds the secret id in the names of the records of this identity, whatever client secret sealed
    /// them: for each token type what precedes it. All end with `.record`.
    pub fn record_prefixes(&self) -> Vec<String> {
        self.reads.iter().map(|&of| format!("tango-token.{}.{}.", self.client, self.key(of))).collect()
    }

    /// Returns the same for Redis, where all end with `:record`.
    pub fn redis_record_prefixes(&self, prefix: &str) -> Vec<String> {
        self.reads.iter().map(|&of| format!("{prefix}{{{}}}:{}:", self.client, self.key(of))).collect()
    }

    pub fn redis_lock(&self, prefix: &str) -> String {
        format!("{prefix}{{{}}}:lock", self.client)
    }

    fn suffix(&self, kind: Kind, separator: char) -> String {
        match kind {
            Kind::Record(token_type) => {
                let RecordName { key, secret_id } = self.record(token_type);
                format!("{key}{separator}{secret_id}{separator}record")
            }
            Kind::Ledger => "ledger".into(),
            Kind::Rejected => "rejected".into(),
        }
    }
}

/// Returns a key that no other list of parts has.
fn digest(parts: &[&str]) -> String {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        // The length comes first, so that no two lists of parts are hashed as the same bytes.
        digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    }
    hexadecimal(&digest.finish().as_ref()[..DIGEST_LENGTH])
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

    const RECORD: Kind = Kind::Record(TokenType::Bearer);

    /// The names of the identity in docs/cache-format.md, changed by `change`.
    fn names(change: impl for<'a> FnOnce(Identity<'a>, &'a SecretString, &'a Binding) -> Identity<'a>) -> Names {
        let [client_secret, password, another] = ["secret", "password", "another"].map(SecretString::from);
        let binding =
            Binding { key: DpopKey::generate(Algorithm::Es256).unwrap(), required: true, is_configured: false };
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
    fn everything_that_decides_which_token_is_right_changes_the_name_of_the_record() {
        let all = [
            documented(),
            names(|identity, _, _| Identity { token_url: "https://auth.tangocard.com/oauth/token", ..identity }),
            names(|identity, _, _| Identity { client_id: "id2", ..identity }),
            names(|identity, _, _| Identity { username: "name2", ..identity }),
            names(|identity, _, _| Identity { scope: "raas.some", ..identity }),
            names(|identity, _, _| Identity { audience: "api.bhn.com/fiveminute", ..identity }),
            // The same letters, divided at another place.
            names(|identity, _, _| Identity { client_id: "idn", username: "ame", ..identity }),
        ];
        let records: Vec<_> =
            all.iter().flat_map(|names| [TokenType::Bearer, TokenType::Dpop].map(|of| names.key(of))).collect();
        for (index, key) in records.iter().enumerate() {
            assert!(!records[..index].contains(key), "{index}");
        }
    }

    #[test]
    fn identities_of_one_client_share_its_ledger_and_lock() {
        let documented = documented();
        for same in [
            names(|identity, _, _| Identity { username: "name2", ..identity }),
            names(|identity, _, _| Identity { scope: "raas.some", ..identity }),
            names(|identity, _, _| Identity { audience: "api.bhn.com/fiveminute", ..identity }),
            names(|identity, _, binding| Identity { binding: Some(binding), ..identity }),
        ] {
            assert_eq!((same.entry(Kind::Ledger), same.lock()), (documented.entry(Kind::Ledger), documented.lock()));
            assert_ne!(same.section(), documented.section());
        }
        for other in [
            names(|identity, _, _| Identity { token_url: "https://auth.tangocard.com/oauth/token", ..identity }),
            names(|identity, _, _| Identity { client_id: "id2", ..identity }),
        ] {
            assert!(other.entry(Kind::Ledger) != documented.entry(Kind::Ledger) && other.lock() != documented.lock());
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
        assert_ne!(mine.entry(RECORD), other.entry(RECORD));
        assert_eq!((mine.entry(Kind::Ledger), mine.lock()), (other.entry(Kind::Ledger), other.lock()));
    }

    /// docs/cache-format.md states this key, for other implementations to compare with.
    #[test]
    fn the_documented_identity_has_the_documented_key() {
        let names = documented();
        let (client, key) = ("551b311bad131275160c0100f86297d2", "45aa2030db9937e8b05f47ae88a64927");
        assert_eq!(names.key(TokenType::Bearer), key);
        assert_eq!(names.entry(RECORD), format!("tango-token.{client}.{key}.89b40ff1f52b4454.record"));
        assert_eq!(names.redis_lock("p:"), format!("p:{{{client}}}:lock"));
    }
}
