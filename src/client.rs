//! The story of a token: a caller gets the one that is held, or waits for the one refresh that is under way. The
//! refresh runs on the library's own thread, so that no caller takes it along by giving up.

mod authorize;
mod clocks;
mod components;
mod credential_state;
mod observe;
mod plan;
mod process_state;
mod publish;
mod refresh;
mod refusals;
mod request_loop;
mod schedule;
mod single_flight;
mod snapshot;
mod suspects;
mod waiting;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use crate::api::Origins;
use crate::clock::{BootTime, Clock, SystemClock};
use crate::config::{Config, Credentials, Settings};
use crate::dpop::ServerClock;
use crate::error::{Error, Status};
use crate::policy::Decision;
use crate::process::ProcessLocal;
use crate::runtime::{self, Runtime};
use crate::token::{HeldToken, Token};

pub use authorize::Authorization;
use components::{Components, SystemComponents};
pub use observe::{Observation, Verdict};
use plan::Demand;
use process_state::ProcessState;
use refresh::{RefreshTask, ended_unexpectedly};
use snapshot::Snapshot;
use waiting::{Patience, Pending};

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
    /// Where tokens may be sent.
    origins: Origins,
    server_clock: Arc<ServerClock>,
}

/// What a caller gets from a look at the snapshot.
enum Availability {
    Token(Token),
    Pending(Pending),
}

/// What a caller is to be given, and what is to be started for it.
enum Lookup {
    Serve { held: Arc<HeldToken>, start: Option<Demand> },
    Wait,
    Refuse { error: Error, sync: bool },
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
        };
        inner.endpoint(&inner.process.get_for(runtime::generation()), &settings)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Returns a valid token: at once where one is held, else after the one refresh that all callers share.
    ///
    /// Waits for at most the total timeout. Inside a callback of this library, where waiting would be for itself, it
    /// gives [`Status::WouldBlock`] unless a token is held.
    ///
    /// [`Status::WouldBlock`]: crate::Status::WouldBlock
    pub fn acquire(&self) -> Result<Token, Error> {
        self.0.serve_from_memory().map_or_else(|| self.acquire_slowly(), Ok)
    }

    /// Apart from the way of nearly every call, which is to need few instructions.
    #[cold]
    #[inline(never)]
    fn acquire_slowly(&self) -> Result<Token, Error> {
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

    /// The same for asynchronous callers, in any runtime. Dropping the future disturbs nobody else who waits.
    pub fn acquire_async(&self) -> impl Future<Output = Result<Token, Error>> + Send + 'static {
        let client = self.clone();
        async move {
            let patience = Patience::new(&client.0);
            loop {
                let pending = match client.0.look()? {
                    Availability::Token(token) => return Ok(token),
                    Availability::Pending(pending) => pending,
                };
                let result = client.0.result_for(pending, patience).await;
                if let Some(outcome) = client.0.conclude(result, patience) {
                    return outcome;
                }
            }
        }
    }

    /// Returns the token that is held, or `None`: never waits, and neither starts a thread nor does any I/O.
    ///
    /// Starts the refresh that is due, or the one where no token is held, on the library's thread if that runs already:
    /// the first `acquire` starts it. So asynchronous callers can try this first, and wait where they have to.
    pub fn try_acquire(&self) -> Option<Token> {
        self.0.serve_from_memory().or_else(|| self.0.look_without_waiting())
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
        tracing::warn!("an API rejected the token; the next call requests a replacement");
        if let Some(settings) = with_cache {
            let _ = self.0.start(&settings, Demand::Sync);
        }
        true
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
    fn look(self: &Arc<Self>) -> Result<Availability, Error> {
        match self.serve_from_memory() {
            Some(token) => Ok(Availability::Token(token)),
            None => self.decide(),
        }
    }

    /// The way of nearly every call: no lock, no system call, no memory allocated.
    fn serve_from_memory(&self) -> Option<Token> {
        let snapshot = self.snapshot.load();
        let held = snapshot.served.as_ref()?;
        snapshot.serve_until.is_ahead_of(self.clock.coarse()).then(|| held.token())
    }

    fn decide(self: &Arc<Self>) -> Result<Availability, Error> {
        let settings = self.settings.load_full();
        match self.update(|snapshot| self.lookup(snapshot)) {
            Lookup::Serve { held, start } => {
                if let Some(demand) = start {
                    // Where no thread can be started the token is as good as before; it is tried again later.
                    let _ = self.start(&settings, demand);
                }
                Ok(Availability::Token(held.token()))
            }
            Lookup::Wait => self.start(&settings, Demand::Token).map(Availability::Pending),
            // Another process may have a token by now.
            Lookup::Refuse { error, sync: true } => {
                self.start(&settings, Demand::Sync).map_or(Err(error), |waiter| Ok(Availability::Pending(waiter)))
            }
            Lookup::Refuse { error, sync: false } => Err(error),
        }
    }

    fn lookup(&self, snapshot: &mut Snapshot) -> Lookup {
        let now = self.clock.now();
        match (snapshot.decide_for_caller(now), snapshot.token(now).cloned()) {
            (Decision::Serve, Some(held)) => {
                let sync = snapshot.current_mut().schedule.take_due_sync(now);
                Lookup::Serve { held, start: sync.then_some(Demand::Sync) }
            }
            (Decision::ServeAndRefresh, Some(held)) => {
                let state = snapshot.current_mut();
                state.note_refresh(now.after(state.settings.transport.total_timeout));
                Lookup::Serve { held, start: Some(Demand::Token) }
            }
            (Decision::Refuse { until }, _) => {
                let state = snapshot.current_mut();
                let expired = state.held.as_ref().map(|held| held.lifetime().expires());
                let sync = state.schedule.take_due_sync_without_token(expired, now);
                Lookup::Refuse { sync, error: state.refusal(until, now) }
            }
            _ => Lookup::Wait,
        }
    }

    fn look_without_waiting(self: &Arc<Self>) -> Option<Token> {
        let Some(runtime) = self.components.running() else {
            let (snapshot, now) = (self.snapshot.load(), self.clock.now());
            let serves = matches!(snapshot.decide_for_caller(now), Decision::Serve | Decision::ServeAndRefresh);
            return snapshot.token(now).filter(|_| serves).map(|held| held.token());
        };
        let settings = self.settings.load_full();
        let (held, start) = match self.update(|snapshot| self.lookup(snapshot)) {
            Lookup::Serve { held, start } => (Some(held), start),
            Lookup::Wait => (None, Some(Demand::Token)),
            Lookup::Refuse { sync, .. } => (None, sync.then_some(Demand::Sync)),
        };
        if let Some(demand) = start {
            // Where the thread has just died the next call that waits starts another.
            let _ = self.start_on(&runtime, &settings, demand);
        }
        held.map(|held| held.token())
    }

    /// Starts a refresh, or joins the one that is under way, whichever credentials that is for.
    fn start(self: &Arc<Self>, settings: &Arc<Settings>, demand: Demand) -> Result<Pending, Error> {
        let runtime = self.components.runtime()?;
        match self.start_on(&runtime, settings, demand) {
            Some(pending) => Ok(pending),
            // The thread was found dead, and another one takes its place.
            None => self.start_on(&self.components.runtime()?, settings, demand).ok_or_else(ended_unexpectedly),
        }
    }

    /// `None` if this thread is dead.
    fn start_on(self: &Arc<Self>, runtime: &Runtime, settings: &Arc<Settings>, demand: Demand) -> Option<Pending> {
        let process = self.process.get_for(runtime.generation());
        let mut is_under_way = true;
        let waiter = process.refreshes.join_or_start(demand == Demand::Token, |ticket| {
            is_under_way = runtime.spawn(RefreshTask::new(self, &process, settings, ticket).run());
        });
        is_under_way.then(|| Pending { waiter, runtime: runtime.clone() })
    }

    fn valid_token(&self) -> Option<Arc<HeldToken>> {
        self.snapshot.load().token(self.clock.now()).cloned()
    }

    /// Whether callers wait for a replacement of this token, which an API rejected.
    fn waits_for_replacement_of(&self, token: &Token, now: BootTime) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.is_suspect(token) && matches!(snapshot.decide_for_caller(now), Decision::Fetch | Decision::Wait)
    }

    /// Whether the next call brings another token than this one, which an API rejected.
    fn can_replace(&self, token: &Token) -> bool {
        let now = self.clock.now();
        let holds_another = || self.valid_token().is_some_and(|held| held.token() != *token);
        self.waits_for_replacement_of(token, now) || holds_another()
    }

    /// Why a token that an API rejected is not replaced, where that is known.
    fn reason_against_replacement(&self) -> Option<Error> {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        let state = snapshot.current();
        let until = state.ledger.closed_until().filter(|&until| now < until)?;
        Some(state.refusal(until, now))
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

/// Whether what failed with `former` settings is to be tried with `newest` ones: others, and not known to fail in the
/// same way.
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
