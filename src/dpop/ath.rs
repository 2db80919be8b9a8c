//! `ath`: the hash of the access token in a request (RFC 9449 section 4.2).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// The hash of the last token, because the next one is nearly always the same.
#[derive(Default)]
pub(super) struct LastToken(ArcSwapOption<Hashed>);

/// A token and its hash.
pub(super) struct Hashed {
    token: SecretString,
    ath: String,
}

impl LastToken {
    /// Returns base64url(SHA-256(ASCII(token))).
    pub fn hash(&self, token: &str) -> Arc<Hashed> {
        if let Some(same) = self.0.load().as_ref().filter(|last| last.token.expose_secret() == token) {
            return Arc::clone(same);
        }
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        let hashed = Arc::new(Hashed { token: token.into(), ath });
        self.0.store(Some(Arc::clone(&hashed)));
        hashed
    }
}

impl Hashed {
    pub fn ath(&self) -> &str {
        &self.ath
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ath_of_rfc_9449_section_7_1_is_the_same_before_and_after_other_tokens() {
        let last = LastToken::default();
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        for _ in 0..2 {
            assert_eq!(last.hash(token).ath(), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
            assert_ne!(last.hash("another").ath(), last.hash(token).ath());
        }
    }
}
