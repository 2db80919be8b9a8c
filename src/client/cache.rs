//! What a person does with the shared cache: look at it, clear it, remove the lock of a dead process.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use tokio::time::{self, Instant};

use super::cache_status::{CacheIdentity, CacheStatus, CachedLedger, CachedRecord, CachedToken, LedgerState};
use super::credential_state::CredentialState;
use super::merge::held_from;
use super::{Client, Inner};
use crate::clock::BootTime;
use crate::config::Settings;
use crate::dpop::{Binding, DpopKey, DpopMode};
use crate::error::{Error, Status};
use crate::human;
use crate::policy;
use crate::store::{
    Inspection, LockState, Names, OPERATION_TIMEOUT, Record, Saved, Session, StoreError, UnlockOutcome,
};
use crate::token::Fitness;

/// A look at the cache is three operations, and so is the end of clearing it.
const OPERATIONS: u32 = 3;
/// The lease of the lock under which the cache is cleared, and the pause before the lock is asked for again.
const LEASE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(100);

impl Client {
    /// Returns what the shared cache holds for this client: the token without its value, the lock, and the ledger.
    ///
    /// Reads the cache without its lock, changes nothing in it, and sends no token request. Waits for at most a quarter
    /// of a minute, and fails with [`Status::CacheUnavailable`] if the cache cannot be read, and with
    /// [`Status::WouldBlock`] inside a callback of this library. A client without a shared cache gets the kind
    /// [`CacheKind::Memory`] and nothing else.
    ///
    /// [`CacheKind::Memory`]: crate::CacheKind::Memory
    pub fn cache_status(&self) -> Result<CacheStatus, Error> {
        let settings = self.0.settings.load_full();
        let Some(mut session) = self.0.session(&settings)? else { return Ok(empty_status(&settings)) };
        let inner = Arc::clone(&self.0);
        self.wait_for(OPERATION_TIMEOUT * OPERATIONS, async move {
            let inspection = session.inspect().await.map_err(|error| unreadable(&error))?;
            Ok(inner.status(&settings, &session, inspection))
        })
    }

    /// Removes the token of this client and the ledger from the shared cache, under its lock, and forgets both.
    ///
    /// The ledger belongs to all service accounts of the client ID. Without it nobody knows when the last token was
    /// issued, and without the token the next call requests one: the server, which grants about one in 20 hours, may
    /// refuse it. Other processes that still hold the token or the ledger in memory write them back within minutes.
    ///
    /// Waits for at most the total timeout while another process holds the lock. Fails with
    /// [`Status::CacheUnavailable`] if the lock stays with another process or the cache cannot be written, with
    /// [`Status::InvalidConfiguration`] if no shared cache is configured, and with [`Status::WouldBlock`] inside a
    /// callback of this library.
    pub fn clear_cache(&self) -> Result<(), Error> {
        let settings = self.0.settings.load_full();
        let mut session = self.0.session(&settings)?.ok_or_else(no_shared_cache)?;
        let (inner, patience) = (Arc::clone(&self.0), settings.transport.total_timeout);
        self.wait_for(patience + OPERATION_TIMEOUT * OPERATIONS, async move {
            let result = inner.clear(&settings, &mut session, Instant::now() + patience).await;
            // Where the cache did not respond that takes longer than the caller waits.
            drop(tokio::spawn(session.release_lock()));
            result
        })
    }

    /// Removes the lock of the shared cache, whichever process holds it, so that no process has to wait for the end of
    /// its lease.
    ///
    /// Only for a holder that has ended. One that still runs notices the loss and writes nothing more, but a second
    /// process can send a request meanwhile, which the daily limit may refuse. In a directory there is nothing to
    /// remove: the system releases the lock when its holder ends. The errors are those of
    /// [`clear_cache`](Self::clear_cache).
    pub fn unlock_cache(&self) -> Result<UnlockOutcome, Error> {
        let settings = self.0.settings.load_full();
        let session = self.0.session(&settings)?.ok_or_else(no_shared_cache)?;
        self.wait_for(OPERATION_TIMEOUT * OPERATIONS, async move {
            session.remove_lock().await.map_err(|error| unreadable(&error))
        })
    }

    /// Runs work on the library's thread and waits for it on this one.
    fn wait_for<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let runtime = self.0.components.runtime()?;
        let (reply, result) = oneshot::channel();
        runtime.spawn(async move { drop(reply.send(work.await)) });
        match runtime.block_within(timeout, result)? {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::new(Status::Internal, "the work on the shared cache ended unexpectedly")),
            None => Err(unreadable(&StoreError::new(format!("it did not respond within {}", human::span(timeout))))),
        }
    }
}

impl Inner {
    /// Opens the shared cache; `None` if there is none. Connects nothing yet.
    fn session(&self, settings: &Settings) -> Result<Option<Session>, Error> {
        let (names, identity) = (Names::of(&settings.identity()), settings.identity());
        let Some(store) = self.components.store(settings, &names, &self.counters.get()) else { return Ok(None) };
        let (place, clock) = (settings.cache.name(), Arc::clone(&self.clock));
        let session = Session::new(store, place, &names, &identity, settings.redactor(), clock);
        session.map(Some).map_err(|error| unreadable(&error))
    }

    async fn clear(&self, settings: &Arc<Settings>, session: &mut Session, until: Instant) -> Result<(), Error> {
        loop {
            if let Some(mut lock) = session.try_lock(LEASE).await.map_err(|error| unreadable(&error))? {
                let cleared = lock.clear().await;
                if cleared == Ok(Saved::Written) {
                    // Under the lock: a refresh of this process that begins now finds an empty cache.
                    self.update(|snapshot| *snapshot.state_of(settings) = CredentialState::new(settings));
                }
                lock.unlock(Instant::now() + OPERATION_TIMEOUT).await;
                match cleared {
                    Ok(Saved::Written) => return Ok(()),
                    Ok(Saved::LockLost) => {}
                    Err(error) => return Err(unreadable(&error)),
                }
            }
            if Instant::now() >= until {
                return Err(locked(settings));
            }
            time::sleep(LOCK_PAUSE).await;
        }
    }

    /// Explains the content of the cache by the rules that a client without a state of its own would follow.
    fn status(&self, settings: &Arc<Settings>, session: &Session, inspection: Inspection) -> CacheStatus {
        let now = self.clock.now();
        let Inspection { mut view, lock, other_records, damage, unusable, is_ledger_damaged, rejected_records } =
            inspection;
        let time = |time: BootTime| session.system_time(time);
        let record = view.record.take();
        let ledger = CachedLedger {
            state: match &view.ledger {
                Some(_) => LedgerState::Read,
                None if is_ledger_damaged => LedgerState::Damaged,
                None => LedgerState::Missing,
            },
            failure: view.failure.clone(),
            suspect_tokens: view.suspects.iter().map(|suspect| suspect.to_base64url()).collect(),
            rejected_records,
            server_clock_offsets: offsets(&view.server_clocks, time(now)),
            ..times_of(view.ledger.as_ref(), time)
        };
        let mut state = CredentialState::new(settings);
        state.merge(view, 0, now);
        let next_request = state.ledger.closed_until().filter(|&until| now < until);
        let resets = state.ledger.quota_allows_from(settings.request.quota).filter(|&resets| now < resets);
        let record = match (record, damage, unusable) {
            (Some(record), ..) => CachedRecord::Token(self.token_of(&record, &mut state, time)),
            (None, Some(damage), _) => CachedRecord::Damaged(damage),
            (None, None, Some(unusable)) => CachedRecord::Unusable(unusable),
            (None, None, None) if other_records > Some(0) => CachedRecord::OtherSecret,
            (None, None, None) => CachedRecord::Missing,
        };
        CacheStatus {
            now: time(now),
            record,
            lock,
            ledger,
            next_request: next_request.map(time),
            refusal: next_request.map(|until| state.refusal(until, now)),
            quota_resets: resets.map(time),
            ..empty_status(settings)
        }
    }

    fn token_of(
        &self,
        record: &Record,
        state: &mut CredentialState,
        time: impl Fn(BootTime) -> SystemTime,
    ) -> CachedToken {
        let now = self.clock.now();
        let mut refresh_at = |jitter| {
            state.hold(&held_from(record, jitter, &self.clock));
            let candidate = state.candidate(now);
            candidate.map_or(now, |candidate| policy::serves_until(&candidate, &state.ledger, None, now))
        };
        let (refresh_from, refresh_until) = (time(refresh_at(0.0)), time(refresh_at(1.0)));
        CachedToken {
            token_type: if record.key.is_some() { "DPoP" } else { "Bearer" },
            scope: record.scope.clone(),
            key_thumbprint: record.key.as_ref().map(DpopKey::thumbprint).map(Into::into),
            requested: time(record.requested),
            expires: time(record.requested.after(record.lifetime)),
            refresh_from,
            refresh_until,
            is_suspect: state.suspects.contains(record.hash()),
            replaced_early: match record.fitness {
                Fitness::NoProofSent => {
                    Some("it is a Bearer token, and this client asks for tokens that are bound to its key")
                }
                Fitness::OtherKey => Some("it is bound to another key than the configured one"),
                Fitness::Fits | Fitness::ProofIgnored => None,
            },
        }
    }
}

/// Returns the status of a cache that holds nothing, such as the memory of this process.
fn empty_status(settings: &Settings) -> CacheStatus {
    CacheStatus {
        kind: settings.cache.kind(),
        place: settings.cache.name(),
        identity: identity_of(settings),
        now: SystemTime::now(),
        record: CachedRecord::Missing,
        lock: LockState::Free,
        ledger: CachedLedger::default(),
        next_request: None,
        refusal: None,
        quota_resets: None,
    }
}

fn identity_of(settings: &Settings) -> CacheIdentity {
    let request = &settings.request;
    CacheIdentity {
        token_url: settings.token_url.to_string(),
        client_id: request.client_id.clone(),
        username: request.username.clone(),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        dpop: match settings.binding {
            None => DpopMode::Off,
            Some(Binding { required: false, .. }) => DpopMode::Optional,
            Some(Binding { required: true, .. }) => DpopMode::Required,
        },
    }
}

/// Returns the times and numbers of a ledger.
fn times_of(ledger: Option<&policy::Ledger>, time: impl Fn(BootTime) -> SystemTime) -> CachedLedger {
    let Some(ledger) = ledger else { return CachedLedger::default() };
    CachedLedger {
        changed: ledger.changed.map(&time),
        last_issue: ledger.last_issue.map(&time),
        own_issue: ledger.own_issue.map(&time),
        issues: ledger.issues,
        in_flight_since: ledger.in_flight.map(|in_flight| time(in_flight.at)),
        possibly_spent: ledger.possibly_spent.map(&time),
        cool_down_until: ledger.cool_down_until.map(&time),
        quota_refusals: ledger.quota_refusals,
        is_quota_disproved: ledger.is_quota_disproved,
        back_off_until: ledger.back_off_until.map(&time),
        failures: ledger.failures,
        replaced: ledger.replaced.map(&time),
        ..CachedLedger::default()
    }
}

/// Returns the differences of the clocks of servers, from the times that they show now.
fn offsets(server_clocks: &[(String, i64)], now: SystemTime) -> Vec<(String, i64)> {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    server_clocks.iter().map(|(server, shown)| (server.clone(), shown.saturating_sub(now))).collect()
}

fn no_shared_cache() -> Error {
    let message = "there is no shared cache: the token is kept in the memory of each process; set cache (TANGO_CACHE)";
    Error::new(Status::InvalidConfiguration, message)
}

fn unreadable(error: &StoreError) -> Error {
    Error::new(Status::CacheUnavailable, format!("the shared cache cannot be used: {error}"))
}

fn locked(settings: &Settings) -> Error {
    let waited = human::timeout(settings.transport.total_timeout);
    let advice = "nothing was removed; wait until its request has ended, or end that process";
    let message = format!("another process has held the lock of the shared cache for {waited}; {advice}");
    Error::new(Status::CacheUnavailable, message).with_retry_after(Some(Duration::from_secs(1)))
}
