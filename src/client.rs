//! The story of a token: a caller gets the one that is held, or waits for the one refresh that is under way. The
//! refresh runs on the library's own thread, so that no caller takes it along by giving up.

mod authorize;
mod cache;
mod cache_status;
mod clocks;
mod components;
mod credential_state;
mod lookup;
mod merge;
mod observe;
mod outcome;
mod plan;
mod process_state;
mod publish;
mod refresh;
mod refresh_deadline;
mod refusals;
mod request_loop;
mod schedule;
mod single_flight;
mod snapshot;
mod stats;
mod suspects;
mod waiting;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::api::Origins;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Credentials, Settings};
use crate::counters::{Counters, Event, Served};
use crate::dpop::ServerClock;
use crate::error::{Error, Status};
use crate::process::ProcessLocal;
use crate::role::Role;
use crate::runtime;
use crate::threads;
use crate::token::{HeldToken, Token};

pub use authorize::Authorization;
pub use cache_status::{CacheIdentity, CacheStatus, CachedLedger, CachedRecord, CachedToken, LedgerState};
use components::{Components, SystemComponents};
use lookup::Availability;
pub use observe::{Observation, Verdict};
use plan::Demand;
use process_state::ProcessState;
use snapshot::Snapshot;
use waiting::Patience;

/// Gets tokens for one set of credentials, and keeps the current one for every caller in the process.
///
/// Make one and share it: it is thread-safe and a clone is the same client. A forked child can go on using it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: ArcSwap<Settings>,
    components: Box<dyn Components>,
    clock: Arc<dyn Clock>,
    /// Read by every call without a lock; changed by `update` alone.
    snapshot: ArcSwap<Snapshot>,
    /// One update of the snapshot at a time.
    writer: ProcessLocal<Mutex<()>>,
    process: ProcessLocal<ProcessState>,
    /// The origins that may receive tokens.
    origins: Origins,
    server_clock: Arc<ServerClock>,
    counters: ProcessLocal<Counters>,
    served: Served,
}

impl Client {
    /// Checks the configuration. Starts no thread, opens no connection and sends nothing.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::with_components(config, Arc::new(SystemClock), Box::new(SystemComponents))
    }

    fn with_components(config: &Config, clock: Arc<dyn Clock>, components: Box<dyn Components>) -> Result<Self, Error> {
        let settings = Arc::new(config.resolve()?);
        let server_clock = Arc::new(ServerClock::new(Arc::clone(&clock)));
        let origins = Origins::new(&settings.api_urls, &clock);
        let inner = Inner {
            snapshot: ArcSwap::from_pointee(Snapshot::new(&settings)),
            settings: ArcSwap::new(Arc::clone(&settings)),
            writer: ProcessLocal::new(),
            process: ProcessLocal::new(),
            components,
            clock,
            origins,
            server_clock,
            counters: ProcessLocal::new(),
            served: Served::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Returns a valid token: at once where one is held, else after the one refresh that all callers share.
    ///
    /// Waits for at most the total timeout. Inside a callback of this library, where waiting would be for itself, it
    /// gives [`Status::WouldBlock`] unless a token is held.
    ///
    /// [`Status::WouldBlock`]: crate::Status::WouldBlock
    pub fn acquire(&self) -> Result<Token, Error> {
        self.held().map_or_else(|| self.acquire_slowly(), Ok)
    }

    /// Returns the held token if it can be served as it is. Takes no lock and makes no system call.
    #[inline]
    pub(crate) fn held(&self) -> Option<Token> {
        self.0.serve_from_memory()
    }

    /// Apart from the way of nearly every call, which is to need few instructions.
    #[cold]
    #[inline(never)]
    fn acquire_slowly(&self) -> Result<Token, Error> {
        if threads::has_lost_variables() && Role::of_this_thread() == Role::Program {
            let client = self.clone();
            let result = threads::run_on_another(move || client.acquire());
            return result.unwrap_or_else(|problem| Err(Error::new(Status::Internal, problem.to_string())));
        }
        self.0.counting_failure(self.acquire_blocking())
    }

    fn acquire_blocking(&self) -> Result<Token, Error> {
        let patience = Patience::new(&self.0);
        loop {
            let pending = match self.0.look()? {
                Availability::Token(token) => return Ok(token),
                Availability::Pending(pending) => pending,
            };
            let result = self.0.block_for_result(pending, patience)?;
            if let Some(outcome) = self.0.conclude(result, patience) {
                return outcome;
            }
        }
    }

    /// The same as [`acquire`](Self::acquire) for asynchronous callers, in any runtime. Dropping the future disturbs
    /// nobody else who waits.
    pub fn acquire_async(&self) -> impl Future<Output = Result<Token, Error>> + Send + 'static {
        let client = self.clone();
        async move {
            let result = client.acquire_waiting().await;
            client.0.counting_failure(result)
        }
    }

    async fn acquire_waiting(&self) -> Result<Token, Error> {
        let patience = Patience::new(&self.0);
        loop {
            let pending = match self.0.look()? {
                Availability::Token(token) => return Ok(token),
                Availability::Pending(pending) => pending,
            };
            let result = self.0.result_for(pending, patience).await;
            if let Some(outcome) = self.0.conclude(result, patience) {
                return outcome;
            }
        }
    }

    /// Returns the token that is held, or `None`: never waits, and neither starts a thread nor does any I/O.
    ///
    /// Starts the refresh that is due, or the one where no token is held, on the library's thread if that runs already:
    /// the first `acquire` starts it. So asynchronous callers can try this first, and wait where they have to.
    pub fn try_acquire(&self) -> Option<Token> {
        self.held().or_else(|| self.0.look_without_waiting())
    }

    /// Marks `token` as suspect, because an API rejected it as `invalid_token`. Returns whether it was held, and not
    /// suspect before.
    ///
    /// The next call requests one replacement. While there can be none, because the quota refuses it or the token is
    /// itself a replacement, the suspect token is served again: an API can reject a good token, and a new one costs the
    /// quota of a day. The whole fleet learns of it through the shared cache, in the background.
    pub fn invalidate(&self, token: &Token) -> bool {
        let now = self.0.clock.now();
        let marked = self.0.update(|snapshot| {
            let state = snapshot.suspect(token)?;
            let has_cache = state.schedule.has_cache();
            if has_cache {
                // Where no thread can be started the next sync writes it.
                state.schedule.note_unwritten(now);
            }
            Some(has_cache.then(|| Arc::clone(&state.settings)))
        });
        let Some(with_cache) = marked else { return false };
        self.0.count(Event::Rejected);
        tracing::warn!("an API rejected the token; the next call requests a replacement");
        if let Some(settings) = with_cache {
            let _ = self.0.start(&settings, Demand::Sync);
        }
        true
    }

    /// Returns the longest time that one call can take, retries included: the option `total_timeout`.
    pub fn total_timeout(&self) -> Duration {
        self.0.settings.load().transport.total_timeout
    }

    /// Uses other credentials from now on: a new client id and secret, another service account, or both.
    ///
    /// The token that is held goes on being served until there is one for the new credentials; the next call starts to
    /// request it behind that one. A changed password alone is used for the next request and needs no new token.
    pub fn set_credentials(&self, credentials: &Credentials) -> Result<(), Error> {
        self.0.update(|snapshot| {
            let after = Arc::new(self.0.settings.load().with_credentials(credentials)?);
            snapshot.use_settings(&after, self.0.clock.now());
            self.0.settings.store(after);
            Ok(())
        })
    }
}

impl Inner {
    fn valid_token(&self) -> Option<Arc<HeldToken>> {
        self.snapshot.load().token(self.clock.now()).cloned()
    }

    /// An API accepted this token.
    fn accept(&self, token: &Token) {
        if !self.snapshot.load().is_suspect(token) {
            return;
        }
        let now = self.clock.now();
        self.update(|snapshot| {
            for state in snapshot.clear_suspect(token) {
                if state.schedule.has_cache() {
                    state.schedule.sync_now(now);
                }
            }
        });
        tracing::info!("an API accepted the token that was rejected before; it is served again");
    }

    /// A server's clock was learned, which the fleet is to know.
    fn share_clocks(&self) {
        let now = self.clock.now();
        self.update(|snapshot| {
            let schedule = &mut snapshot.current_mut().schedule;
            if schedule.has_cache() {
                schedule.sync_now(now);
            }
        });
    }
}

/// Returns whether what failed with `former` settings is to be tried with `newest` ones: others, and not known to fail
/// in the same way.
fn is_superseded(former: &Settings, newest: &Settings, error: &Error) -> bool {
    let are_corrected = || !former.request.has_the_secrets_of(&newest.request);
    !former.request.is_of_the_same(&newest.request) || (error.status() == Status::CredentialsRefused && are_corrected())
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The connections of a dead thread would try to wake it, and close descriptors that are another's by now.
        self.process.leave_behind_unless_of(runtime::generation());
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.0.settings.load();
        f.debug_struct("Client")
            .field("token_url", &settings.token_url.as_str())
            .field("client_id", &settings.request.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::local::Local;
