//! The story of a token: who asks gets the one that is held; who finds none waits for the one fetch that is under
//! way; and that fetch runs on the library's own thread, so that no caller can take it along when giving up.

mod authorize;
mod flight;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::api::Origins;
use crate::clock::{Clock, CoarseDeadline, SystemClock};
use crate::config::{Config, Settings};
use crate::dpop::ServerClock;
use crate::endpoint::TokenEndpoint;
use crate::error::{Error, Status};
use crate::policy::{self, Decision, Ledger};
use crate::process::ProcessLocal;
use crate::runtime::Runtime;
use crate::secret::Redactor;
use crate::token::{HeldToken, Token};

pub use authorize::{Authorization, Observation, Verdict};
use flight::{Hangar, Landed};

/// Gets tokens for one set of credentials, and keeps the current one for every caller in the process.
///
/// Make one and share it: it is thread-safe and a clone is the same client. A forked child can go on using it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// Read by every call without a lock; written only under the lock of `Hangar`.
    known: ArcSwap<Known>,
    hangar: ProcessLocal<Hangar>,
    /// Where tokens may be sent.
    origins: Origins,
    server_clock: Arc<ServerClock>,
    redactor: Redactor,
}

/// What the client knows at one moment. A change makes a new one.
#[derive(Clone)]
struct Known {
    held: Option<Arc<HeldToken>>,
    ledger: Ledger,
    last_error: Option<Error>,
    /// Until then the held token is handed out without asking the policy again.
    serves_until: CoarseDeadline,
}

/// What a caller gets from one look at what is known.
enum Answer {
    Token(Token),
    Wait(Landed),
}

impl Client {
    /// Checks the configuration. Starts no thread, opens no connection and sends nothing.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    fn with_clock(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let settings = config.resolve()?;
        let server_clock = Arc::new(ServerClock::new(Arc::clone(&clock)));
        let hangar = ProcessLocal::<Hangar>::new();
        hangar.get().prepare(TokenEndpoint::new(&settings, &server_clock)?);
        let origins = Origins::new(&settings.api_urls, &clock);
        let redactor = settings.redactor();
        let known =
            Known { held: None, ledger: Ledger::default(), last_error: None, serves_until: CoarseDeadline::PASSED };
        let known = ArcSwap::from_pointee(known);
        Ok(Self(Arc::new(Inner { settings, clock, known, hangar, origins, server_clock, redactor })))
    }

    /// A valid token: at once where one is held, else after the one fetch that all callers share.
    ///
    /// Waits for at most the total timeout. Inside a callback of this library, where waiting would be for itself, it
    /// gives [`Status::WouldBlock`] unless a token is held.
    pub fn acquire(&self) -> Result<Token, Error> {
        match self.0.look()? {
            Answer::Token(token) => Ok(token),
            Answer::Wait(landed) => {
                let timeout = self.0.settings.transport.total_timeout;
                let waited = Runtime::current()?.wait_for(landed.within(timeout), timeout)?;
                waited.unwrap_or_else(|| Err(flight::timed_out(timeout)))
            }
        }
    }

    /// The same as [`acquire`](Self::acquire) without blocking, on any executor. Dropping the future gives up waiting
    /// and disturbs nobody else.
    pub fn acquire_async(&self) -> impl Future<Output = Result<Token, Error>> + Send + 'static {
        let client = self.clone();
        async move {
            match client.0.look()? {
                Answer::Token(token) => Ok(token),
                Answer::Wait(landed) => {
                    let timeout = client.0.settings.transport.total_timeout;
                    Runtime::current()?.spawn(landed.within(timeout)).await.unwrap_or_else(|_| Err(flight::lost()))
                }
            }
        }
    }

    /// Drops `token` if it is the one that is held, because an API refused it as `invalid_token`. True if it was.
    ///
    /// The next `acquire` fetches another, which the server's quota may refuse: call this for that refusal only.
    pub fn invalidate(&self, token: &Token) -> bool {
        let dropped = self.0.hangar.get().update(&self.0, |known, _| {
            let matches = known.held.as_ref().is_some_and(|held| held.token() == *token);
            if matches {
                known.held = None;
            }
            matches
        });
        if dropped {
            tracing::warn!("the API refused the token; the next call fetches another");
        }
        dropped
    }
}

impl Inner {
    fn look(self: &Arc<Self>) -> Result<Answer, Error> {
        match self.serve_from_memory() {
            Some(token) => Ok(Answer::Token(token)),
            None => self.decide(),
        }
    }

    /// The way of nearly every call: no lock, no system call, no memory allocated.
    fn serve_from_memory(&self) -> Option<Token> {
        let known = self.known.load();
        let held = known.held.as_ref()?;
        known.serves_until.is_ahead_of(self.clock.coarse()).then(|| held.token())
    }

    fn decide(self: &Arc<Self>) -> Result<Answer, Error> {
        let hangar = self.hangar.get();
        hangar.update(self, |known, departure| {
            let now = self.clock.now();
            let life = known.held.as_ref().map(|held| held.life());
            match (policy::decide(life, &known.ledger, departure.under_way(), now), &known.held) {
                (Decision::Serve, Some(held)) => Ok(Answer::Token(held.token())),
                (Decision::ServeAndRefresh, Some(held)) => {
                    // Where no thread can be started the token is as good as before; it is tried again later.
                    let _ = departure.start_or_join(self, &hangar);
                    Ok(Answer::Token(held.token()))
                }
                (Decision::Refuse { until }, _) => Err(known.refusal(until.since(now))),
                _ => departure.start_or_join(self, &hangar).map(Answer::Wait),
            }
        })
    }
}

impl Known {
    fn refusal(&self, wait: std::time::Duration) -> Error {
        let unknown = || Error::new(Status::Internal, "no request makes sense now, for a reason that was lost");
        self.last_error.clone().unwrap_or_else(unknown).repeated(wait)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("token_url", &self.0.settings.token_url.as_str())
            .field("client_id", &self.0.settings.request.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
