//! The one fetch: however many callers wait, one request is under way, and all of them get what it brings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;
use tokio::sync::watch;
use tokio::time;

use super::{Inner, Known};
use crate::cause::Cause;
use crate::clock::{CoarseDeadline, Moment};
use crate::endpoint::{Failure, Issued, Renewals, TokenEndpoint};
use crate::error::{Error, Status, ceil_seconds};
use crate::policy::{self, Life};
use crate::retry::Attempts;
use crate::runtime::Runtime;
use crate::token::{HeldToken, Token};

/// How long the coarse clocks are believed before the exact one is read again: a machine that sleeps, and whose wall
/// clock is then set back by as much, deceives both of them.
const TRUST_IN_COARSE_CLOCKS: Duration = Duration::from_secs(60);

type Outcome = Result<Arc<HeldToken>, Error>;

/// What one process needs to fetch tokens: its connection, and the place of its one flight.
#[derive(Default)]
pub(super) struct Hangar {
    endpoint: OnceCell<TokenEndpoint>,
    flight: Mutex<Option<Flight>>,
}

struct Flight {
    ends: Moment,
    landed: Landed,
}

/// The end of a flight, for any number of callers who wait.
#[derive(Clone)]
pub(super) struct Landed(watch::Receiver<Option<Outcome>>);

impl Landed {
    /// The outcome, or this caller's own error when it takes longer than `timeout`.
    pub async fn within(mut self, timeout: Duration) -> Result<Token, Error> {
        match time::timeout(timeout, self.0.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(lost())).map(|held| held.token()),
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(timed_out(timeout)),
        }
    }
}

/// What a caller gets whose fetch says nothing in time.
pub(super) fn timed_out(timeout: Duration) -> Error {
    let message = format!("no token within {} ms; the fetch goes on, ask again", timeout.as_millis());
    Error::new(Status::TimedOut, message).with_retry_after(Some(Duration::from_secs(1)))
}

/// A flight ends a little before those who wait for it, who then learn why.
fn for_the_flight(total_timeout: Duration) -> Duration {
    total_timeout.saturating_sub((total_timeout / 10).min(Duration::from_millis(50)))
}

/// A fetch that ended without a word, which only a defect can bring about.
pub(super) fn lost() -> Error {
    Error::new(Status::Internal, "the fetch of the token ended unexpectedly")
}

/// The flight as it is seen under the lock.
pub(super) struct Departure<'a>(MutexGuard<'a, Option<Flight>>);

impl Departure<'_> {
    /// The deadline of the fetch that is under way, if one is.
    pub fn under_way(&self) -> Option<Moment> {
        self.0.as_ref().map(|flight| flight.ends)
    }

    pub fn start_or_join(&mut self, inner: &Arc<Inner>, hangar: &Arc<Hangar>) -> Result<Landed, Error> {
        if let Some(flight) = &*self.0 {
            return Ok(flight.landed.clone());
        }
        let runtime = Runtime::current()?;
        let (sender, receiver) = watch::channel(None);
        let landing = Landing { inner: Arc::clone(inner), hangar: Arc::clone(hangar), sender, done: false };
        runtime.spawn(landing.fly());
        let landed = Landed(receiver);
        let ends = inner.clock.now().after(inner.settings.transport.total_timeout);
        *self.0 = Some(Flight { ends, landed: landed.clone() });
        Ok(landed)
    }
}

impl Hangar {
    pub fn prepare(&self, endpoint: TokenEndpoint) {
        self.endpoint.get_or_init(|| endpoint);
    }

    /// Changes what is known. Nothing foreign runs under the lock: no I/O, no callback.
    pub fn update<T>(&self, inner: &Inner, change: impl FnOnce(&mut Known, &mut Departure) -> T) -> T {
        let mut departure = Departure(self.flight.lock().unwrap_or_else(PoisonError::into_inner));
        let mut known = Known::clone(&inner.known.load());
        let result = change(&mut known, &mut departure);
        known.serves_until = serves_until(&known, departure.under_way(), inner);
        inner.known.store(Arc::new(known));
        result
    }
}

fn serves_until(known: &Known, flight_ends: Option<Moment>, inner: &Inner) -> CoarseDeadline {
    let now = inner.clock.now();
    known.held.as_ref().map_or(CoarseDeadline::PASSED, |held| {
        let until = policy::serves_until(held.life(), &known.ledger, flight_ends, now);
        CoarseDeadline::after(inner.clock.coarse(), until.since(now).min(TRUST_IN_COARSE_CLOCKS))
    })
}

/// The fetch on its way. However it ends, a panic included, it lands: the next caller may start another.
struct Landing {
    inner: Arc<Inner>,
    hangar: Arc<Hangar>,
    sender: watch::Sender<Option<Outcome>>,
    done: bool,
}

impl Landing {
    async fn fly(mut self) {
        let outcome = match self.fetch().await {
            Ok((requested, issued)) => Ok(self.keep(requested, &issued)),
            Err(failure) => Err(self.note(failure)),
        };
        self.land(outcome);
    }

    async fn fetch(&self) -> Result<(Moment, Issued), Failure> {
        let settings = &self.inner.settings;
        let endpoint = self
            .hangar
            .endpoint
            .get_or_try_init(|| TokenEndpoint::new(settings, &self.inner.server_clock))
            .map_err(no_endpoint)?;
        let deadline = Instant::now() + for_the_flight(settings.transport.total_timeout);
        let left = || deadline.saturating_duration_since(Instant::now());
        let (mut attempts, mut renewals) = (Attempts::default(), Renewals::default());
        loop {
            let requested = self.inner.clock.now();
            let failure =
                match endpoint.request_token(left().min(settings.transport.attempt_timeout), &mut renewals).await {
                    Ok(issued) => return Ok((requested, issued)),
                    Err(failure) => failure,
                };
            if failure.cause.may_have_cost_a_token() {
                self.hangar.update(&self.inner, |known, _| known.ledger.record_possibly_spent(requested));
            }
            let Some(pause) = attempts.pause(failure.cause, left(), jitter()) else { return Err(failure) };
            tracing::warn!("{}; trying again in {} ms", failure.error, pause.as_millis());
            time::sleep(pause).await;
        }
    }

    fn keep(&self, requested: Moment, issued: &Issued) -> Arc<HeldToken> {
        let life = Life::new(requested, issued.lifetime, jitter());
        let held = Arc::new(HeldToken::new(
            &issued.access_token,
            issued.key.clone(),
            &issued.scope,
            life,
            Arc::clone(&self.inner.clock),
        ));
        self.hangar.update(&self.inner, |known, _| {
            known.ledger.record_issue(requested);
            known.held = Some(Arc::clone(&held));
            known.last_error = None;
        });
        tracing::info!("a new token is held for {} s", issued.lifetime.as_secs());
        held
    }

    /// Remembers a failure, and completes its error with the time at which another attempt makes sense.
    fn note(&self, failure: Failure) -> Error {
        let now = self.inner.clock.now();
        let error = self.hangar.update(&self.inner, |known, _| {
            known.ledger.record_failure(failure.cause, now, jitter());
            let wait = known.ledger.closed_until().map(|until| until.since(now));
            known.last_error.insert(failure.error.with_retry_after(wait)).clone()
        });
        let wait = error.retry_after().map_or(0, ceil_seconds);
        tracing::warn!("{error}; nothing is sent for the next {wait} s");
        error
    }

    fn land(&mut self, outcome: Outcome) {
        self.done = true;
        self.hangar.update(&self.inner, |_, departure| *departure.0 = None);
        self.sender.send_replace(Some(outcome));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.done {
            self.land(Err(lost()));
        }
    }
}

/// A forked child makes its own HTTP client, which can fail where the parent's did not.
fn no_endpoint(error: Error) -> Failure {
    Failure { error, cause: Cause::Untrusted }
}

/// A number in `0.0..1.0` that differs from process to process. Without randomness the middle is as good.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
