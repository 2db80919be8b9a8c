//! An access token that callers hold, and the copies of it that keep threads out of each other's way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Clock;
use crate::dpop::DpopKey;
use crate::policy::TokenLifetime;
use crate::text::without_nul;

/// An access token of a service account (RFC 6749 section 1.4).
///
/// It stays readable for as long as it is held, whatever becomes of the client, and is zeroised with its last clone.
#[derive(Clone)]
pub struct Token(Arc<Replica>);

/// An access token of a service account (RFC 6749 section 1.4). The handle stays readable until it is freed, also when
/// the token's life is over.
// One of several equal handles of a token, each with a reference count on a cache line of its own: threads that take
// and drop the same token all day long would otherwise wait for each other's writes.
#[repr(align(128))]
pub(crate) struct Replica(Arc<Facts>);

struct Facts {
    /// With a NUL at its end, so that C borrows it as it is.
    value: SecretString,
    /// The key that the token is bound to, which makes it a `DPoP` token (RFC 9449) and no `Bearer` token (RFC 6750).
    key: Option<DpopKey>,
    /// With a NUL at its end.
    scope: String,
    life: TokenLifetime,
    clock: Arc<dyn Clock>,
}

impl Token {
    /// The text that goes behind the token type in an `Authorization` header. Keep it out of logs.
    pub fn value(&self) -> &str {
        without_nul(self.0.value_with_nul())
    }

    /// How the token is presented to the API: `Bearer`, or `DPoP` with a proof made with its key.
    pub fn token_type(&self) -> &str {
        without_nul(self.0.token_type_with_nul())
    }

    /// The scope that the server granted, which may differ from the one asked for.
    pub fn scope(&self) -> &str {
        without_nul(self.0.scope_with_nul())
    }

    /// The rest of the token's life; zero once it is over.
    pub fn expires_in(&self) -> Duration {
        self.0.expires_in()
    }

    /// The key that the token is bound to; `None` for a Bearer token.
    pub fn dpop_key(&self) -> Option<&DpopKey> {
        self.0.dpop_key()
    }

    pub(crate) fn lifetime(&self) -> &TokenLifetime {
        &self.0.0.life
    }

    /// What tells one token from another without showing it.
    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash::of(self.value())
    }

    pub(crate) fn from_replica(replica: Arc<Replica>) -> Self {
        Self(replica)
    }

    pub(crate) fn into_replica(self) -> Arc<Replica> {
        self.0
    }
}

impl Replica {
    pub fn value_with_nul(&self) -> &str {
        self.0.value.expose_secret()
    }

    pub fn token_type_with_nul(&self) -> &str {
        if self.0.key.is_some() { "DPoP\0" } else { "Bearer\0" }
    }

    pub fn dpop_key(&self) -> Option<&DpopKey> {
        self.0.key.as_ref()
    }

    pub fn scope_with_nul(&self) -> &str {
        &self.0.scope
    }

    pub fn expires_in(&self) -> Duration {
        self.0.life.expires().since(self.0.clock.now())
    }
}

/// The SHA-256 of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(access_token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, access_token.as_bytes()).as_ref());
        Self(hash)
    }

    /// In base64url, for a place that everybody may read: nobody finds a token by its hash.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub fn from_text(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// Whether a token can be written into a header: VCHAR only (RFC 6749 appendix A.12), and not empty.
pub(crate) fn is_presentable(access_token: &str) -> bool {
    !access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Takes as long for a near miss as for any other difference.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        let [mine, theirs] = [self, other].map(|token| token.value().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(mine, theirs).is_ok()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("token_type", &self.token_type())
            .field("scope", &self.scope())
            .field("expires_in", &self.expires_in())
            .finish_non_exhaustive()
    }
}

/// The token that a client holds for all its callers.
pub(crate) struct HeldToken {
    replicas: [Arc<Replica>; REPLICAS],
}

const REPLICAS: usize = 16;

impl HeldToken {
    /// `value` and `scope` must be free of NUL, which `answer` has made sure of.
    pub fn new(
        value: &SecretString,
        key: Option<DpopKey>,
        scope: &str,
        life: TokenLifetime,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // Sized before it is filled: a growing string would leave copies of the secret behind.
        let value = value.expose_secret();
        let mut value_with_nul = String::with_capacity(value.len() + 1);
        value_with_nul.push_str(value);
        value_with_nul.push('\0');
        let facts = Arc::new(Facts { value: value_with_nul.into(), key, scope: format!("{scope}\0"), life, clock });
        Self { replicas: std::array::from_fn(|_| Arc::new(Replica(Arc::clone(&facts)))) }
    }

    pub fn lifetime(&self) -> &TokenLifetime {
        &self.replicas[0].0.life
    }

    /// The token for a caller on this thread.
    pub fn token(&self) -> Token {
        thread_local!(static MINE: usize = {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            NEXT.fetch_add(1, Ordering::Relaxed) % REPLICAS
        });
        Token(Arc::clone(&self.replicas[MINE.try_with(|&mine| mine).unwrap_or(0)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    fn held(clock: &Arc<ManualClock>) -> HeldToken {
        let life = TokenLifetime::new(clock.now(), Duration::from_secs(300), 0.0);
        HeldToken::new(&"the-secret-text".into(), None, "raas.all", life, Arc::clone(clock) as Arc<dyn Clock>)
    }

    #[test]
    fn it_tells_its_facts_and_hides_its_text() {
        let clock = Arc::new(ManualClock::new());
        let token = held(&clock).token();
        assert_eq!((token.value(), token.token_type(), token.scope()), ("the-secret-text", "Bearer", "raas.all"));
        assert_eq!(token.0.value_with_nul(), "the-secret-text\0");
        clock.advance(Duration::from_secs(299));
        assert_eq!(token.expires_in(), Duration::from_secs(1));
        clock.sleep(Duration::from_secs(2));
        assert_eq!(token.expires_in(), Duration::ZERO);
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn threads_get_equal_tokens_with_reference_counts_of_their_own() {
        let held = held(&Arc::new(ManualClock::new()));
        let mine = held.token();
        let theirs = std::thread::scope(|scope| scope.spawn(|| held.token()).join().unwrap());
        assert_eq!(mine, theirs);
        assert!(!Arc::ptr_eq(&mine.0, &theirs.0));
    }
}
