//! Waits for a refresh in the name of a caller, and gives it a token or the reason why there is none.

use std::time::Duration;

use tokio::time::Instant;

use super::outcome::Outcome;
use super::refresh::ended_unexpectedly;
use super::single_flight::{NoResult, Waiter};
use super::{Inner, is_superseded};
use crate::counters::Event;
use crate::error::{Error, Status};
use crate::human;
use crate::policy::Decision;
use crate::runtime::Runtime;
use crate::token::{HeldToken, Token};

/// A caller that has waited for this long gets a valid token, if there is one that is to be replaced.
const FALLBACK_AFTER: Duration = Duration::from_secs(2);
/// How much longer than its timeout a caller waits: a refresh that ends in time has something to say, and a busy
/// machine may need a moment to deliver it.
const SLACK: Duration = Duration::from_millis(100);
/// How often it is looked for after that.
const FALLBACK_INTERVAL: Duration = Duration::from_millis(250);

/// A refresh under way, and the thread that it runs on.
pub(super) struct Pending {
    pub(super) waiter: Waiter<Outcome>,
    pub(super) runtime: Runtime,
}

impl Pending {
    /// Waits on any executor. A dead thread has no result, so that the caller starts over.
    async fn within(&mut self, timeout: Duration) -> Result<Outcome, NoResult> {
        let result = self.runtime.within(timeout, self.waiter.result()).await;
        Self::unless_dead(&self.runtime, result)
    }

    /// The same as `within` on this thread.
    fn block_within(&mut self, timeout: Duration) -> Result<Result<Outcome, NoResult>, Error> {
        let result = self.runtime.block_within(timeout, self.waiter.result())?;
        Ok(Self::unless_dead(&self.runtime, result))
    }

    fn unless_dead(runtime: &Runtime, result: Option<Result<Outcome, NoResult>>) -> Result<Outcome, NoResult> {
        match result {
            Some(Err(NoResult::Abandoned)) if runtime.is_dead() => Err(NoResult::Timeout),
            result => result.unwrap_or(Err(NoResult::Timeout)),
        }
    }
}

/// The time that a caller waits, whatever the refreshes do.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    started: Instant,
    timeout: Duration,
}

impl Patience {
    pub(super) fn new(inner: &Inner) -> Self {
        Self { started: Instant::now(), timeout: inner.settings.load().transport.total_timeout }
    }

    fn left(&self) -> Duration {
        (self.timeout + SLACK).saturating_sub(self.started.elapsed())
    }
}

impl Inner {
    /// The result of a refresh for one caller. As soon as a caller has waited for some seconds it gets a valid token if
    /// there is one, and the refresh goes on behind it.
    pub(super) async fn result_for(&self, mut pending: Pending, patience: Patience) -> Result<Outcome, NoResult> {
        let mut slice = FALLBACK_AFTER;
        loop {
            let result = pending.within(patience.left().min(slice)).await;
            if let Some(result) = self.after_slice(result, &pending, patience) {
                return result;
            }
            slice = FALLBACK_INTERVAL;
        }
    }

    /// The same as `result_for` on this thread.
    pub(super) fn block_for_result(
        &self,
        mut pending: Pending,
        patience: Patience,
    ) -> Result<Result<Outcome, NoResult>, Error> {
        let mut slice = FALLBACK_AFTER;
        loop {
            let result = pending.block_within(patience.left().min(slice))?;
            if let Some(result) = self.after_slice(result, &pending, patience) {
                return Ok(result);
            }
            slice = FALLBACK_INTERVAL;
        }
    }

    /// Returns what ends the waiting after one slice of it, or `None` to wait for another one.
    fn after_slice(
        &self,
        result: Result<Outcome, NoResult>,
        pending: &Pending,
        patience: Patience,
    ) -> Option<Result<Outcome, NoResult>> {
        if !matches!(result, Err(NoResult::Timeout)) || patience.left().is_zero() || pending.runtime.is_dead() {
            return Some(result);
        }
        self.valid_token().map(|held| Ok(Outcome::Only(held)))
    }

    /// Returns what a caller gets when its refresh has ended, or its time. `None` to start over: it ended for others.
    pub(super) fn conclude(
        &self,
        result: Result<Outcome, NoResult>,
        patience: Patience,
    ) -> Option<Result<Token, Error>> {
        let error = match result {
            Ok(Outcome::Granted(held)) if !self.has_to_be_replaced(&held) => {
                self.count(Event::ServedFromEndpoint);
                return Some(Ok(held.token()));
            }
            Ok(Outcome::Found(held)) if held.is_from_cache && self.may_serve(&held) => {
                self.count(Event::ServedFromCache);
                return Some(Ok(held.token()));
            }
            Ok(Outcome::Found(held)) if self.may_serve(&held) => return Some(Ok(self.serve(&held))),
            Ok(Outcome::Only(held)) => return Some(Ok(self.serve(&held))),
            Ok(Outcome::Failed { error, settings }) if !is_superseded(&settings, &self.settings.load(), &error) => {
                error
            }
            Err(NoResult::Abandoned) => ended_unexpectedly(),
            _ if patience.left().is_zero() => self.timed_out(patience.timeout),
            _ => return None,
        };
        // As long as a valid token is held no caller gets an error.
        Some(self.valid_token().map(|held| self.serve(&held)).ok_or(error))
    }

    /// Returns whether a token is still good for those who waited for it.
    fn may_serve(&self, held: &HeldToken) -> bool {
        !held.lifetime().is_over(self.clock.now()) && !self.has_to_be_replaced(held)
    }

    /// Returns whether an API rejected a token, perhaps in the very moment in which it was granted, and it can be
    /// replaced.
    fn has_to_be_replaced(&self, held: &HeldToken) -> bool {
        self.waits_for_replacement_of(&held.token(), self.clock.now())
    }

    /// Returns the error of a refresh that did not end in time: the reason, if it is known why nothing is sent.
    fn timed_out(&self, timeout: Duration) -> Error {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        if let Decision::Refuse { until } = snapshot.decide_for_refresh(&self.settings.load(), now) {
            return snapshot.current().refusal(until, now);
        }
        let timeout = human::timeout(timeout);
        let message = format!("no token within {timeout}; the refresh goes on, here or in another process; ask again");
        Error::new(Status::TimedOut, message).with_retry_after(Some(Duration::from_secs(1)))
    }
}
