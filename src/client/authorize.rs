//! The headers of one API call.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use secrecy::{ExposeSecret, SecretString};

use super::Client;
use crate::api::Origin;
use crate::clock::BootTime;
use crate::counters::Event;
use crate::dpop::{DpopKey, check_method};
use crate::error::Error;
use crate::nul_terminated::without_nul;
use crate::token::Token;

/// The headers of one request to an API: `Authorization`, and `DPoP` for a token that is bound to a key.
///
/// It is good for one request. Pass it to `observe` with the response.
pub struct Authorization {
    /// With a NUL at its end, so that C borrows it as it is.
    header: SecretString,
    /// With a NUL at its end.
    pub(super) proof: Option<String>,
    /// The nonce of a refusal, for the next attempt of this request alone.
    pub(super) own_nonce: OnceLock<String>,
    /// The reason for the next attempt.
    pub(super) retry_reason: OnceLock<RetryReason>,
    pub(super) call: Call,
    pub(super) token: Token,
}

/// The request that an authorization is for.
#[derive(Clone)]
pub(super) struct Call {
    method: String,
    url: String,
    pub origin: Arc<Origin>,
    number: u64,
    pub nonce: Option<String>,
    pub iat: i64,
    pub made: BootTime,
    pub retries: Retries,
    /// The number of its first attempt.
    first: u64,
}

/// The earlier attempts of a request, and the reasons for which it was repeated.
#[derive(Clone, Copy, Default)]
pub(super) struct Retries {
    sent: u64,
    pub nonce: u8,
    pub clock: bool,
    pub token: bool,
}

/// The reason why a request is sent again. Each reason counts once, but for a nonce that other requests use up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryReason {
    Nonce,
    Clock,
    Token,
}

impl Retries {
    fn and(self, reason: Option<RetryReason>) -> Self {
        Self {
            sent: self.sent.saturating_add(1),
            nonce: self.nonce.saturating_add((reason == Some(RetryReason::Nonce)).into()),
            clock: self.clock || reason == Some(RetryReason::Clock),
            token: self.token || reason == Some(RetryReason::Token),
        }
    }
}

/// The parts of a refused attempt that the next one needs.
struct Attempt {
    retries: Retries,
    first: u64,
    nonce: Option<String>,
}

impl Attempt {
    fn after(refused: &Authorization) -> Self {
        let call = &refused.call;
        let retries = call.retries.and(refused.retry_reason.get().copied());
        Self { retries, first: call.first, nonce: refused.own_nonce.get().cloned() }
    }
}

impl Call {
    /// Returns whether other requests to the same origin were under way with this one, and may have used its nonce.
    pub fn is_contended(&self) -> bool {
        self.number != self.first + self.retries.sent || self.origin.last_number() != self.number
    }

    pub fn adopt(&self, nonce: &str) {
        self.origin.adopt(nonce, self.number);
    }
}

impl Client {
    /// Returns the headers of one API call: acquires a token if none is held, and makes a proof if it is bound to a
    /// key.
    ///
    /// `method` as it is sent, `url` where it goes. A URL whose origin is neither the API's nor was allowed is refused,
    /// so that no token is sent to a wrong host by mistake.
    pub fn authorize(&self, method: &str, url: &str) -> Result<Authorization, Error> {
        self.authorization(method, url, None)
    }

    /// Returns the headers of one API call if a token is held, otherwise `None`: never waits for a token.
    ///
    /// Method and URL are checked first, so a URL whose origin may get no token is refused before anything is sent.
    /// [`try_acquire`](Self::try_acquire) says which refresh this starts.
    pub fn try_authorize(&self, method: &str, url: &str) -> Result<Option<Authorization>, Error> {
        let origin = self.destination(method, url)?;
        self.try_acquire().map(|token| self.headers(origin, method, url, token, None)).transpose()
    }

    /// Returns the headers for sending the same request once more, after [`Verdict::Retry`]. Go on while that is the
    /// verdict: it ends, usually after one retry, and after a few if other requests use up the API's nonces meanwhile.
    /// A nonce, a clock and a token are different reasons, and count once each.
    ///
    /// [`Verdict::Retry`]: crate::Verdict::Retry
    pub fn authorize_again(&self, refused: &Authorization) -> Result<Authorization, Error> {
        self.authorization(&refused.call.method, &refused.call.url, Some(Attempt::after(refused)))
    }

    /// The same as [`authorize`](Self::authorize) without blocking, on any executor. Dropping the future gives up
    /// waiting and disturbs nobody else.
    pub fn authorize_async(
        &self,
        method: &str,
        url: &str,
    ) -> impl Future<Output = Result<Authorization, Error>> + Send + 'static {
        self.authorization_async(method, url, None)
    }

    /// The same as [`authorize_again`](Self::authorize_again) without blocking.
    pub fn authorize_again_async(
        &self,
        refused: &Authorization,
    ) -> impl Future<Output = Result<Authorization, Error>> + Send + 'static {
        self.authorization_async(&refused.call.method, &refused.call.url, Some(Attempt::after(refused)))
    }

    fn authorization(&self, method: &str, url: &str, attempt: Option<Attempt>) -> Result<Authorization, Error> {
        let origin = self.destination(method, url)?;
        self.headers(origin, method, url, self.acquire()?, attempt)
    }

    fn authorization_async(
        &self,
        method: &str,
        url: &str,
        attempt: Option<Attempt>,
    ) -> impl Future<Output = Result<Authorization, Error>> + Send + 'static {
        let (client, method, url) = (self.clone(), method.to_owned(), url.to_owned());
        async move {
            let origin = client.destination(&method, &url)?;
            let token = client.acquire_async().await?;
            client.headers(origin, &method, &url, token, attempt)
        }
    }

    /// Checks what the caller gives before a token is acquired: a mistake there must not cost one.
    fn destination(&self, method: &str, url: &str) -> Result<Arc<Origin>, Error> {
        check_method(method)?;
        self.0.origins.of(url).map(Arc::clone)
    }

    fn headers(
        &self,
        origin: Arc<Origin>,
        method: &str,
        url: &str,
        token: Token,
        attempt: Option<Attempt>,
    ) -> Result<Authorization, Error> {
        // The nonce first: it then comes from an earlier request, and the response to this one replaces it.
        let newest_nonce = origin.nonce();
        let number = origin.number_request();
        let first_attempt = Attempt { retries: Retries::default(), first: number, nonce: None };
        let Attempt { retries, first, nonce } = attempt.unwrap_or(first_attempt);
        let nonce = nonce.or(newest_nonce);
        let (iat, made) = (self.time_at(&origin), origin.clock.boot_time());
        let prove = |key: &DpopKey| key.proof_at(iat, method, url, Some(token.value()), nonce.as_deref());
        let proof = token.dpop_key().map(prove).transpose()?.map(|proof| proof + "\0");
        if proof.is_some() {
            self.0.count(Event::ProofForApi);
        }
        let call = Call { method: method.into(), url: url.into(), origin, number, nonce, iat, made, retries, first };
        // Sized before it is filled: a growing string would leave copies of the secret behind.
        let mut header = String::with_capacity(token.token_type().len() + token.value().len() + 2);
        for part in [token.token_type(), " ", token.value(), "\0"] {
            header.push_str(part);
        }
        let (own_nonce, retry_reason) = (OnceLock::new(), OnceLock::new());
        Ok(Authorization { header: header.into(), proof, own_nonce, retry_reason, call, token })
    }

    /// Returns the time at an API. Until it has told its time, that of the authorization server is the best guess.
    pub(super) fn time_at(&self, origin: &Origin) -> i64 {
        origin.clock.known().unwrap_or_else(|| self.0.server_clock.now())
    }
}

impl Authorization {
    /// The value of the `Authorization` header: a secret. Keep it out of logs.
    pub fn authorization(&self) -> &str {
        without_nul(self.authorization_with_nul())
    }

    /// The value of the `DPoP` header; `None` for a Bearer token.
    pub fn dpop(&self) -> Option<&str> {
        self.dpop_with_nul().map(without_nul)
    }

    pub(crate) fn authorization_with_nul(&self) -> &str {
        self.header.expose_secret()
    }

    pub(crate) fn dpop_with_nul(&self) -> Option<&str> {
        self.proof.as_deref()
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("method", &self.call.method)
            .field("origin", &self.call.origin.name())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
