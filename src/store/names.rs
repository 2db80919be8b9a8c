//! What entries are called.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};

use super::Kind;
use crate::config::Settings;

/// Part of every name: what is written in another format gets other names, and two versions never meet.
const FORMAT: &str = "1";
/// 128 bits: no two sets of credentials meet by chance.
const DIGEST_LENGTH: usize = 16;

/// The cache key, and the names of the entries under it. No secret goes into it, so that a new password leaves it as it
/// is, and everything that decides which token is right does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    key: String,
}

impl Names {
    pub fn of(settings: &Settings) -> Self {
        let request = &settings.request;
        let token_type = if settings.binding.is_some() { "DPoP" } else { "Bearer" };
        let parts = [
            "tango-token",
            FORMAT,
            settings.token_url.as_str(),
            &request.client_id,
            &request.username,
            &request.scope,
            &request.audience,
            token_type,
        ];
        let mut digest = Context::new(&SHA256);
        for part in parts {
            // With its length, so that no two lists of parts read the same.
            digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut key = String::with_capacity(2 * DIGEST_LENGTH);
        for byte in &digest.finish().as_ref()[..DIGEST_LENGTH] {
            // Writing to a string cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        Self { key }
    }

    /// The cache key in hexadecimal, lower case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A name that is good for a file and for the key of any database.
    pub fn entry(&self, kind: Kind) -> String {
        format!("tango-token.{}.{}", self.key, word(kind))
    }

    pub fn lock(&self) -> String {
        format!("tango-token.{}.lock", self.key)
    }

    /// A key of Redis, whose braces keep all of them on one node of a cluster.
    pub fn redis_entry(&self, prefix: &str, kind: Kind) -> String {
        format!("{prefix}{{{}}}:{}", self.key, word(kind))
    }

    pub fn redis_lock(&self, prefix: &str) -> String {
        format!("{prefix}{{{}}}:lock", self.key)
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Record => "record",
        Kind::Ledger => "ledger",
        Kind::Rejected => "rejected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};
    use crate::dpop::DpopMode;

    fn names(change: impl FnOnce(&mut Config) -> &mut Config) -> Names {
        let mut config = Config::new();
        config.environment(Environment::Sandbox).client_id("id").client_secret("secret");
        config.username("name").password("password");
        change(&mut config);
        Names::of(&config.resolve().unwrap())
    }

    #[test]
    fn what_decides_which_token_is_right_is_in_the_key_and_secrets_are_not() {
        let usual = names(|config| config);
        for same in [
            (|config| config.client_secret("another")) as fn(&mut Config) -> &mut Config,
            |config| config.password("another"),
            |config| config.audience("24h").scope("raas.all"),
        ] {
            assert_eq!(names(same), usual);
        }
        let others = [
            names(|config| config.environment(Environment::Production)),
            names(|config| config.client_id("id2")),
            names(|config| config.username("name2")),
            names(|config| config.scope("raas.some")),
            names(|config| config.audience("5min")),
            names(|config| config.dpop(DpopMode::Required)),
            // The same letters, cut in another place.
            names(|config| config.client_id("idn").username("ame")),
        ];
        for (index, other) in others.iter().enumerate() {
            assert_ne!(other, &usual);
            assert!(!others[..index].contains(other), "{index}");
        }
        assert_eq!(
            names(|config| config.dpop(DpopMode::Optional)),
            names(|config| config.dpop(DpopMode::Required)),
            "a platform that becomes strict keeps its bound token"
        );
    }

    /// Written down in docs/cache-format.md: what other implementations have to get as well.
    #[test]
    fn the_documented_key() {
        let names = names(|config| config);
        assert_eq!(names.key(), "45aa2030db9937e8b05f47ae88a64927");
        assert_eq!(names.entry(Kind::Record), format!("tango-token.{}.record", names.key()));
        assert_eq!(names.redis_lock("p:"), format!("p:{{{}}}:lock", names.key()));
    }
}
