//! Requests a token and records the result: what a refresh has found out goes to the shared cache before anybody else
//! gets it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};

use super::outcome::Outcome;
use super::refresh::RefreshTask;
use super::request_loop::Requested;
use super::suspects::Suspects;
use crate::clock::BootTime;
use crate::counters::Event;
use crate::deadline;
use crate::endpoint::{Failure, TokenResponse};
use crate::human;
use crate::policy::{Ledger, TokenLifetime};
use crate::random::jitter;
use crate::store::{Locked, Saved, StoreError, Write};
use crate::token::{Fitness, HeldToken};

/// The pause before a store is asked again to take a new token.
const WRITE_PAUSE: Duration = Duration::from_millis(250);

impl RefreshTask {
    pub(super) async fn request_without_cache(&mut self) -> Outcome {
        // Only a cache can keep a request from being sent.
        self.request(None, None).await.ok().flatten().map_or(Outcome::Unfinished, |(outcome, _)| outcome)
    }

    /// Requests a token and records the result, which callers are to have by the instant. A held token that the cache lacks
    /// is written before. `None` if nothing was sent because the lock was lost before.
    pub(super) async fn request(
        &mut self,
        mut lock: Option<&mut Locked<'_>>,
        unpublished: Option<Arc<HeldToken>>,
    ) -> Result<Option<(Outcome, Instant)>, StoreError> {
        let requested = self.send_requests(lock.as_deref_mut(), unpublished.as_ref()).await;
        let settled_by = self.deadline.of_writing();
        let outcome = match requested {
            Requested::Token { requested, response, guard } => {
                self.inner.count(Event::RefreshIssued);
                let held = self.held_of(requested, &response);
                // Written before it is handed out: a process that has seen it can die, and the fleet has it all the same.
                self.record(|state, now| state.record_issue(&held, now));
                if let Some(lock) = lock {
                    self.publish(lock, &held, settled_by).await;
                }
                drop(guard);
                self.record(|state, _| state.hold(&held));
                self.log_new_token(response.lifetime);
                Outcome::Granted(held)
            }
            Requested::Failed { failure, token } => {
                self.inner.count(Event::RefreshFailed);
                self.fail(failure, token, lock, settled_by).await
            }
            Requested::LockLost => return Ok(None),
            Requested::NotAnnounced(error) => return Err(error),
        };
        Ok(Some((outcome, settled_by)))
    }

    /// Records that no token came, or none that this client can use: the others of the fleet get that one.
    async fn fail(
        &self,
        failure: Failure,
        token: Option<Arc<HeldToken>>,
        lock: Option<&mut Locked<'_>>,
        settled_by: Instant,
    ) -> Outcome {
        let error = self.record_failure(failure);
        if let Some(lock) = lock {
            if self.inner.valid_token().is_none() {
                self.record(|state, now| state.schedule.synced_while_refused(now));
            }
            match &token {
                Some(token) => self.publish(lock, token, settled_by).await,
                None => drop(self.save(lock, None, settled_by).await),
            }
        }
        // As long as a valid token is held no caller gets an error.
        self.inner.valid_token().map_or_else(|| self.failed(error), Outcome::Only)
    }

    /// Writes a token that has just arrived. A store that refuses it is tried again until `deadline`, under a lock that is
    /// extended: the process can end as soon as its callers have the token.
    pub(super) async fn publish(&self, lock: &mut Locked<'_>, held: &Arc<HeldToken>, deadline: Instant) {
        let mut saved = self.try_save(lock, Some(held), deadline).await;
        while saved.is_err() && Instant::now() + WRITE_PAUSE < deadline {
            time::sleep(WRITE_PAUSE).await;
            // A store that refuses to write refuses this as well, and the lease goes on.
            let lease = self.deadline.lease(Duration::ZERO);
            let _ = deadline::until(deadline, lock.extend(lease)).await;
            saved = if lock.is_held() { self.try_save(lock, Some(held), deadline).await } else { Ok(Saved::LockLost) };
        }
        self.note_unless_written(&saved);
    }

    /// Writes the ledger, and the token if one is given, by `deadline`. Where that fails, or the lock was lost, what is
    /// missing is written by a later sync.
    pub(super) async fn save(
        &self,
        lock: &mut Locked<'_>,
        held: Option<&Arc<HeldToken>>,
        deadline: Instant,
    ) -> Result<Saved, StoreError> {
        let saved = self.try_save(lock, held, deadline).await;
        self.note_unless_written(&saved);
        saved
    }

    fn note_unless_written(&self, saved: &Result<Saved, StoreError>) {
        if *saved != Ok(Saved::Written) {
            self.record(|state, now| state.schedule.note_unwritten(now));
        }
    }

    async fn try_save(
        &self,
        lock: &mut Locked<'_>,
        held: Option<&Arc<HeldToken>>,
        deadline: Instant,
    ) -> Result<Saved, StoreError> {
        let snapshot = self.inner.snapshot.load_full();
        let Some(state) = snapshot.find(&self.settings) else { return Ok(Saved::LockLost) };
        let (ledger, suspects) = (&state.ledger, &state.suspects);
        let write = Write {
            token: held.map(|held| &**held),
            ledger,
            failure: state.last_error.as_ref(),
            suspects: &suspects.hashes(),
            server_clocks: &self.inner.known_clocks(&self.settings),
        };
        let saved = deadline::until(deadline, lock.save(&write)).await;
        let saved = saved.unwrap_or_else(|| Err(StoreError::new("it did not respond in time")));
        match &saved {
            Ok(Saved::Written) => self.note_written(ledger, suspects, held.is_some()),
            Ok(Saved::LockLost) => {}
            Err(error) => {
                let (client, store) = (&self.settings.request.client_id, self.settings.cache.name());
                tracing::warn!(client, store, "writing to the shared cache failed, and is tried again: {error}");
            }
        }
        saved
    }

    fn note_written(&self, ledger: &Ledger, suspects: &Suspects, has_token: bool) {
        self.record(|state, now| {
            state.ledger.is_unwritten &= state.ledger != *ledger;
            // What has changed during the write is not in the cache.
            if state.ledger.is_unwritten || state.suspects != *suspects || !self.has_newest_secrets(state) {
                state.schedule.note_unwritten(now);
                return;
            }
            state.suspects.note_written();
            state.schedule.note_all_written();
            if has_token {
                state.schedule.synced(now);
            }
        });
    }

    pub(super) fn held_of(&self, requested: BootTime, response: &TokenResponse) -> Arc<HeldToken> {
        let lifetime = TokenLifetime::new(requested, response.lifetime, jitter());
        let clock = Arc::clone(&self.inner.clock);
        let held = HeldToken::new(&response.access_token, response.key.clone(), &response.scope, lifetime, clock);
        Arc::new(held.with_fitness(if response.proof_ignored { Fitness::ProofIgnored } else { Fitness::Fits }))
    }

    fn log_new_token(&self, lifetime: Duration) {
        let until = self.inner.clock.wall_seconds().saturating_add_unsigned(lifetime.as_secs());
        let (client, lifetime, until) = (&self.settings.request.client_id, human::span(lifetime), human::time(until));
        tracing::info!(client, "a new token is held for {lifetime}, until {until}");
    }
}
