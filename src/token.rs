//! An access token, and its replicas, which keep threads from contending for one reference count.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::clock::Clock;
use crate::dpop::DpopKey;
use crate::nul_terminated::without_nul;
use crate::policy::TokenLifetime;
use crate::threads;

/// An access token of a service account (RFC 6749 section 1.4).
///
/// The token stays readable after the client is dropped, and its memory is zeroised with its last clone.
#[derive(Clone)]
pub struct Token(Arc<Replica>);

/// An access token of a service account (RFC 6749 section 1.4). The object stays readable until it is freed, also after
/// the token has expired.
// One of several replicas of a token, each with a reference count on its own cache line: threads that take and drop the
// same token all the time would otherwise wait for each other's writes.
#[repr(align(128))]
pub(crate) struct Replica(Arc<TokenData>);

struct TokenData {
    /// Ends with a NUL, so that C can borrow it.
    value: SecretString,
    /// The key that the token is bound to. With a key it is a `DPoP` token (RFC 9449), without one a `Bearer` token
    /// (RFC 6750).
    key: Option<DpopKey>,
    /// Ends with a NUL.
    scope: String,
    lifetime: TokenLifetime,
    clock: Arc<dyn Clock>,
}

impl Token {
    /// Returns the string that follows the token type in an `Authorization` header. Keep it out of logs.
    pub fn value(&self) -> &str {
        without_nul(self.0.value_with_nul())
    }

    /// Returns the authorization scheme: `Bearer`, or `DPoP`, which needs a proof made with the token's key.
    pub fn token_type(&self) -> &str {
        without_nul(self.0.token_type_with_nul())
    }

    /// Returns the scope that the server granted, which may differ from the requested one.
    pub fn scope(&self) -> &str {
        without_nul(self.0.scope_with_nul())
    }

    /// Returns the remaining lifetime, or zero after the token has expired.
    pub fn expires_in(&self) -> Duration {
        self.0.expires_in()
    }

    /// Returns the key that the token is bound to; `None` for a Bearer token.
    pub fn dpop_key(&self) -> Option<&DpopKey> {
        self.0.dpop_key()
    }

    /// Returns what identifies the token without revealing it.
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
        self.0.lifetime.expires().since(self.0.clock.now())
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

    /// Returns the hash in base64url. It may be public: a token cannot be found from its hash.
    pub fn to_base64url(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub fn from_base64url(string: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(string).ok()?.try_into().ok().map(Self)
    }
}

/// Returns whether a token can be written into a header: it is not empty and has only VCHARs (RFC 6749 appendix A.12).
pub(crate) fn is_presentable(access_token: &str) -> bool {
    !access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Compares in constant time.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        let [one, another] = [self, other].map(|token| token.value().as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(one, another).is_ok()
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

/// The token that a client holds for all callers.
pub(crate) struct HeldToken {
    replicas: [Arc<Replica>; REPLICAS],
    pub fitness: Fitness,
    /// Whether this process found the token in the shared cache, and did not request it.
    pub is_from_cache: bool,
}

/// How a token fits the DPoP settings of its client. One that does not is served until the client can have another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fitness {
    /// The token is of the kind that the client asks for.
    #[default]
    Fits,
    /// The server granted a Bearer token although it was sent a proof: the client can have no other.
    ProofIgnored,
    /// A client that sends no proofs got this Bearer token, and this client does send them.
    NoProofSent,
    /// The token is bound to another key than the configured one.
    OtherKey,
}

impl Fitness {
    /// Returns whether the client is to replace the token before its time.
    pub fn wants_another(self) -> bool {
        matches!(self, Self::NoProofSent | Self::OtherKey)
    }
}

const REPLICAS: usize = 16;

impl HeldToken {
    /// `value` and `scope` must not contain a NUL, which `endpoint/response` and `store/record` check.
    pub fn new(
        value: &SecretString,
        key: Option<DpopKey>,
        scope: &str,
        lifetime: TokenLifetime,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // Allocated once: a string that grows leaves copies of the secret behind.
        let value = value.expose_secret();
        let mut value_with_nul = String::with_capacity(value.len() + 1);
        value_with_nul.push_str(value);
        value_with_nul.push('\0');
        let data =
            Arc::new(TokenData { value: value_with_nul.into(), key, scope: format!("{scope}\0"), lifetime, clock });
        Self {
            replicas: std::array::from_fn(|_| Arc::new(Replica(Arc::clone(&data)))),
            fitness: Fitness::Fits,
            is_from_cache: false,
        }
    }

    pub fn with_fitness(self, fitness: Fitness) -> Self {
        Self { fitness, ..self }
    }

    pub fn found_in_cache(self) -> Self {
        Self { is_from_cache: true, ..self }
    }

    pub fn lifetime(&self) -> &TokenLifetime {
        &self.replicas[0].0.lifetime
    }

    /// Returns the replica of the calling thread.
    pub fn token(&self) -> Token {
        self.token_of(threads::number())
    }

    /// The same for a caller that knows the number of its thread.
    #[inline]
    pub fn token_of(&self, thread: usize) -> Token {
        Token(Arc::clone(&self.replicas[thread % REPLICAS]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    fn held(clock: &Arc<ManualClock>) -> HeldToken {
        let lifetime = TokenLifetime::new(clock.now(), Duration::from_secs(300), 0.0);
        HeldToken::new(&"the-secret-token".into(), None, "raas.all", lifetime, Arc::clone(clock) as Arc<dyn Clock>)
    }

    #[test]
    fn token_shows_its_fields_and_debug_hides_its_value() {
        let clock = Arc::new(ManualClock::new());
        let token = held(&clock).token();
        assert_eq!((token.value(), token.token_type(), token.scope()), ("the-secret-token", "Bearer", "raas.all"));
        assert_eq!(token.0.value_with_nul(), "the-secret-token\0");
        clock.advance(Duration::from_secs(299));
        assert_eq!(token.expires_in(), Duration::from_secs(1));
        clock.sleep(Duration::from_secs(2));
        assert_eq!(token.expires_in(), Duration::ZERO);
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn threads_get_equal_tokens_with_separate_reference_counts() {
        let held = held(&Arc::new(ManualClock::new()));
        let mine = held.token();
        let theirs = std::thread::scope(|scope| scope.spawn(|| held.token()).join().unwrap());
        assert_eq!(mine, theirs);
        assert!(!Arc::ptr_eq(&mine.0, &theirs.0));
    }
}
