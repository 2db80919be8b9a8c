//! One refresh: agree with the shared cache, and where a token is wanted that nobody has, request it for the whole
//! fleet.
//!
//! Read the cache, merge, plan. Most refreshes end there. Otherwise take the lock and do it again, since its previous
//! holder may have written, then write or send requests, in bounded rounds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};

use super::Inner;
use super::credential_state::CredentialState;
use super::outcome::Outcome;
use super::plan::{Demand, Plan, Reply};
use super::process_state::ProcessState;
use super::refresh_deadline::{RefreshDeadline, UNLOCKING_TAKES};
use super::single_flight::Ticket;
use crate::clock::BootTime;
use crate::config::Settings;
use crate::error::{Error, Status};
use crate::random::jitter;
use crate::store::{Locked, Names, OPERATION_TIMEOUT, Session, StoreError};

/// Another process that requests a token has it by then, or its lock is open.
const OTHER_PROCESS_TAKES: Duration = Duration::from_secs(5);
/// The pause before the lock is asked for again: the first, and the longest of those that double.
const FIRST_LOCK_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_LOCK_PAUSE: Duration = Duration::from_millis(250);
/// One lock is normal; a process suspended past its lease needs a second. More means that the store does not keep
/// locks.
const MAX_LOCKS: u32 = 4;

/// The task of a refresh. However it ends, a panic included, the next caller may start another.
pub(super) struct RefreshTask {
    pub(super) inner: Arc<Inner>,
    pub(super) process: Arc<ProcessState>,
    pub(super) settings: Arc<Settings>,
    pub(super) deadline: RefreshDeadline,
    /// `None` once the refresh is over.
    pub(super) ticket: Option<Ticket<Outcome>>,
}

impl RefreshTask {
    pub fn new(
        inner: &Arc<Inner>,
        process: &Arc<ProcessState>,
        settings: &Arc<Settings>,
        ticket: Ticket<Outcome>,
    ) -> Self {
        let deadline = RefreshDeadline::of_refresh(&settings.transport);
        let (inner, process, settings) = (Arc::clone(inner), Arc::clone(process), Arc::clone(settings));
        Self { inner, process, settings, deadline, ticket: Some(ticket) }
    }

    pub async fn run(mut self) {
        let names = Names::of(&self.settings.identity());
        let outcome = match self.inner.components.store(&self.settings, &names, &self.inner.counters.get()) {
            None => self.without_cache().await,
            Some(store) => {
                let (identity, redactor) = (self.settings.identity(), self.settings.redactor());
                let (place, clock) = (self.settings.cache.name(), Arc::clone(&self.inner.clock));
                match Session::new(store, place, &names, &identity, redactor, clock) {
                    Ok(session) => return self.run_with_cache(session).await,
                    Err(error) => self.after_cache_failure(error).await,
                }
            }
        };
        self.complete(outcome);
    }

    async fn run_with_cache(mut self, mut session: Session) {
        let outcome = match self.with_cache(&mut session).await {
            Ok(outcome) => outcome,
            Err(error) => self.after_cache_failure(error).await,
        };
        self.complete(outcome);
        drop(self);
        session.release_lock().await;
    }

    async fn without_cache(&mut self) -> Outcome {
        self.record(|state, now| {
            if state.ledger.in_flight.is_some_and(|request| request.by != self.process.id) {
                state.note_dead_sender(now);
            }
        });
        match self.plan(None) {
            Plan::Return(reply) | Plan::Write { then: reply, .. } => self.outcome(reply),
            Plan::Refresh { .. } => self.request_without_cache().await,
        }
    }

    async fn with_cache(&mut self, session: &mut Session) -> Result<Outcome, StoreError> {
        let (mut pause, mut locks, start) = (FIRST_LOCK_PAUSE, 0, Instant::now());
        loop {
            let round = Instant::now();
            match self.one_round(session, &mut locks).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(error) if self.is_worth_another_round(&error, start, round) => {
                    let (client, store) = (&self.settings.request.client_id, self.settings.cache.name());
                    tracing::warn!(client, store, "the shared cache cannot be used, and is tried again: {error}");
                    pause = LONGEST_LOCK_PAUSE;
                }
                Err(error) => return Err(error),
            }
            time::sleep(pause.mul_f64(0.5 + jitter() / 2.0)).await;
            pause = (2 * pause).min(LONGEST_LOCK_PAUSE);
        }
    }

    /// Returns `None` to go on: another process has the lock, or this one lost it.
    async fn one_round(&mut self, session: &mut Session, locks: &mut u32) -> Result<Option<Outcome>, StoreError> {
        let view = session.read().await?;
        let plan = match self.merge_and_plan(view) {
            Plan::Return(reply) => return Ok(Some(self.outcome(reply))),
            plan => plan,
        };
        if *locks == MAX_LOCKS {
            let advice = "its function lock has to take it for the lease, and to extend it for the same owner";
            return Err(StoreError::new(format!("its lock is lost as soon as it is taken; {advice}")));
        }
        match session.try_lock(self.deadline.lease(Duration::ZERO)).await? {
            Some(lock) => {
                *locks += 1;
                self.under_lock(lock).await
            }
            None => Ok(self.while_locked_by_another(plan)),
        }
    }

    /// Returns whether a caller waits who has nothing else, and another round can end in time.
    fn is_worth_another_round(&self, error: &StoreError, start: Instant, round: Instant) -> bool {
        let is_wanted = self.ticket.as_ref().is_some_and(Ticket::is_needed)
            && self.inner.snapshot.load().token(self.inner.clock.now()).is_none();
        let has_time =
            start.elapsed() < OPERATION_TIMEOUT && self.deadline.allows(LONGEST_LOCK_PAUSE + round.elapsed());
        error.is_transient && is_wanted && has_time
    }

    /// Returns `None` if the lock was lost: its holders since may have written, and lack what this process knows.
    async fn under_lock(&mut self, mut lock: Locked<'_>) -> Result<Option<Outcome>, StoreError> {
        let mut released_by = Instant::now() + 2 * OPERATION_TIMEOUT;
        // Its previous holder may have written.
        let view = lock.read().await;
        let outcome = match view.map(|view| self.merge_and_plan_under_lock(view)) {
            Err(error) => Err(error),
            Ok(Plan::Return(reply)) => Ok(Some(self.outcome(reply))),
            Ok(Plan::Write { token, then }) => {
                // Where that fails it is written by a later sync.
                let _ = self.save(&mut lock, token.as_ref(), released_by).await;
                Ok(Some(self.outcome(then)))
            }
            Ok(Plan::Refresh { unpublished, .. }) => {
                self.request(Some(&mut lock), unpublished).await.map(|requested| {
                    let (outcome, settled_by) = requested?;
                    released_by = settled_by + UNLOCKING_TAKES;
                    Some(outcome)
                })
            }
        };
        if outcome.is_err() {
            // A store that failed is not waited for again.
            released_by = Instant::now() + UNLOCKING_TAKES;
        }
        let is_held = lock.is_held();
        // Before anybody gets the token: a process that ends right after leaves no locked cache behind.
        lock.unlock(released_by).await;
        outcome.map(|outcome| outcome.filter(|_| is_held))
    }

    /// Returns `None` to ask for the lock again.
    fn while_locked_by_another(&mut self, plan: Plan) -> Option<Outcome> {
        match plan {
            Plan::Return(then) => Some(self.outcome(then)),
            Plan::Write { then, .. } => {
                self.record(|state, now| state.schedule.note_unwritten(now));
                Some(self.outcome(then))
            }
            Plan::Refresh { meanwhile: Some(held), unpublished } => {
                self.record(|state, now| {
                    state.defer_to_other_process(now.after(OTHER_PROCESS_TAKES));
                    if unpublished.is_some() {
                        state.schedule.note_unwritten(now);
                    }
                });
                Some(Outcome::Found(held))
            }
            Plan::Refresh { meanwhile: None, .. } => {
                let ticket = self.ticket.take_if(|ticket| ticket.try_retire_without_waiters());
                ticket.map(|_| Outcome::Unfinished)
            }
        }
    }

    fn outcome(&self, reply: Reply) -> Outcome {
        match reply {
            Reply::Token(held) => Outcome::Found(held),
            Reply::Refused { until } => {
                let now = self.inner.clock.now();
                self.failed(self.record(|state, _| state.refusal(until, now)))
            }
            Reply::Nothing => Outcome::Unfinished,
        }
    }

    pub(super) fn failed(&self, error: Error) -> Outcome {
        Outcome::Failed { error, settings: Arc::clone(&self.settings) }
    }

    /// Changes the state of the credentials that this refresh is for.
    pub(super) fn record<T>(&self, change: impl FnOnce(&mut CredentialState, BootTime) -> T) -> T {
        self.inner.update(|snapshot| change(snapshot.state_of(&self.settings), self.inner.clock.now()))
    }

    /// A token is sealed for one client secret, and another can have been set meanwhile.
    pub(super) fn has_newest_secrets(&self, state: &CredentialState) -> bool {
        self.settings.request.has_the_secrets_of(&state.settings.request)
    }

    /// Returns whether tokens are still wanted for these credentials.
    pub(super) fn is_current(&self) -> bool {
        self.settings.request.is_of_the_same(&self.inner.settings.load().request)
    }

    fn complete(&mut self, outcome: Outcome) {
        let ticket = self.ticket.take();
        let retry = self.inner.update(|snapshot| {
            if ticket.is_some() {
                snapshot.end_refresh();
            }
            snapshot.next_retry()
        });
        if let Some(ticket) = ticket {
            ticket.complete(outcome);
        }
        if let Some(retry) = retry {
            self.inner.sync_later(retry);
        }
    }
}

impl Drop for RefreshTask {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.record(|state, now| {
                if state.ledger.in_flight.is_some_and(|request| request.by == self.process.id) {
                    state.note_dead_sender(now);
                }
            });
            self.complete(self.failed(ended_unexpectedly()));
        }
    }
}

impl Inner {
    /// Writes at `moment`, without a caller, what could not be written, unless somebody has done so until then. The
    /// task holds nothing of the client, which the program may have freed.
    fn sync_later(self: &Arc<Self>, moment: BootTime) {
        let Ok(runtime) = self.components.runtime() else { return };
        let (inner, wait) = (Arc::downgrade(self), moment.since(self.clock.now()));
        runtime.spawn(async move {
            time::sleep(wait).await;
            let Some(inner) = inner.upgrade() else { return };
            let due = inner.update(|snapshot| snapshot.take_due_retry(inner.clock.now()));
            if let Some(settings) = due {
                // Where that fails it is left to the next call.
                let _ = inner.start(&settings, Demand::Sync);
            }
        });
    }
}

/// Only a defect brings this to a caller.
pub(super) fn ended_unexpectedly() -> Error {
    Error::new(Status::Internal, "the refresh of the token ended unexpectedly")
}
