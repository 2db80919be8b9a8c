//! What entries are called.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use secrecy::ExposeSecret;

use super::Kind;
use crate::config::Settings;

/// Part of every name: what is written in another format gets other names, and two versions never meet.
const FORMAT: &str = "1";
/// 128 bits: no two sets of credentials meet by chance.
const DIGEST_LENGTH: usize = 16;
const SECRET_ID_LENGTH: usize = 8;

/// The cache key, and the names of the entries under it. No secret goes into it, so that a new password leaves it as it
/// is, and everything that decides which token is right does.
///
/// A record can be opened with the client secret alone that sealed it, so there is one for each: who has a wrong secret, or a
/// new one, neither reads nor replaces what the others have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    key: String,
    secret_id: String,
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
        let key = hexadecimal(&digest.finish().as_ref()[..DIGEST_LENGTH]);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, request.client_secret.expose_secret().as_bytes());
        let secret_id = hmac::sign(&secret, format!("tango-token secret id {key}").as_bytes());
        Self { secret_id: hexadecimal(&secret_id.as_ref()[..SECRET_ID_LENGTH]), key }
    }

    /// The cache key in hexadecimal, lower case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A name that is good for a file and for the key of any database.
    pub fn entry(&self, kind: Kind) -> String {
        format!("tango-token.{}.{}", self.key, self.word(kind, '.'))
    }

    pub fn lock(&self) -> String {
        format!("tango-token.{}.lock", self.key)
    }

    /// A key of Redis, whose braces keep all of them on one node of a cluster.
    pub fn redis_entry(&self, prefix: &str, kind: Kind) -> String {
        format!("{prefix}{{{}}}:{}", self.key, self.word(kind, ':'))
    }

    pub fn redis_lock(&self, prefix: &str) -> String {
        format!("{prefix}{{{}}}:lock", self.key)
    }

    fn word(&self, kind: Kind, between: char) -> String {
        match kind {
            Kind::Record => format!("{}{between}record", self.secret_id),
            Kind::Ledger => "ledger".into(),
            Kind::Rejected => "rejected".into(),
        }
    }
}

/// In lower case.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
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
        for same in [(|config| config.password("another")) as fn(&mut Config) -> &mut Config, |config| {
            config.audience("24h").scope("raas.all")
        }] {
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

    #[test]
    fn each_client_secret_has_a_record_of_its_own_and_shares_the_rest() {
        let (mine, another) = (names(|config| config), names(|config| config.client_secret("another")));
        assert_ne!(mine.entry(Kind::Record), another.entry(Kind::Record));
        assert_eq!((mine.entry(Kind::Ledger), mine.lock()), (another.entry(Kind::Ledger), another.lock()));
    }

    /// Written down in docs/cache-format.md: what other implementations have to get as well.
    #[test]
    fn the_documented_key() {
        let names = names(|config| config);
        assert_eq!(names.key(), "45aa2030db9937e8b05f47ae88a64927");
        assert_eq!(names.entry(Kind::Record), format!("tango-token.{}.89b40ff1f52b4454.record", names.key()));
        assert_eq!(names.redis_lock("p:"), format!("p:{{{}}}:lock", names.key()));
    }
}
