//! A fetch on its way: requests, the pauses between them, and what is remembered of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::account::Account;
use super::fleet::next_look;
use super::flight::{Hangar, Outcome, Purpose, SlotGuard, lost, timed_out};
use super::{Inner, Known};
use crate::clock::BootTime;
use crate::config::Settings;
use crate::endpoint::{Failure, ProofRetries, TokenResponse};
use crate::error::{Error, Status, ceil_seconds};
use crate::failure_kind::FailureKind;
use crate::policy::{Decision, TokenLifetime};
use crate::random::jitter;
use crate::retry::Attempts;
use crate::store::{Names, Session};
use crate::token::HeldToken;

/// How often it begins anew for other credentials, or because an API refused what it brought.
const MOST_ROUNDS: u32 = 8;

/// However it ends, a panic included, it lands: the next caller may start another.
pub(super) struct Landing {
    pub inner: Arc<Inner>,
    pub settings: Arc<Settings>,
    pub hangar: Arc<Hangar>,
    pub sender: watch::Sender<Option<Outcome>>,
    pub purpose: Purpose,
    started: Instant,
    /// It ended itself, because nobody waited: another can be under way by now.
    is_over: AtomicBool,
    /// It brought a token of its own, and costs no second one.
    has_fetched: AtomicBool,
    done: bool,
}

impl Landing {
    pub fn new(
        inner: &Arc<Inner>,
        hangar: &Arc<Hangar>,
        settings: &Arc<Settings>,
        purpose: Purpose,
        sender: watch::Sender<Option<Outcome>>,
    ) -> Self {
        let (inner, hangar, settings) = (Arc::clone(inner), Arc::clone(hangar), Arc::clone(settings));
        Self {
            inner,
            hangar,
            settings,
            purpose,
            sender,
            started: Instant::now(),
            is_over: AtomicBool::new(false),
            has_fetched: AtomicBool::new(false),
            done: false,
        }
    }

    pub async fn fly(mut self) {
        let mut outcome = self.once().await;
        for _ in 0..MOST_ROUNDS {
            let settings = self.inner.settings.load_full();
            match &outcome {
                _ if self.is_over.load(Relaxed) => break,
                // It was for former credentials, or what failed for them may be granted for these.
                None => self.settings = settings,
                Some(Err(error)) if self.may_succeed_with(&settings, error) => self.settings = settings,
                Some(Ok(held)) if !self.may_serve(held) => {}
                Some(_) => break,
            }
            outcome = self.once().await;
        }
        let outcome = outcome.filter(|outcome| outcome.as_ref().map_or(true, |held| self.may_serve(held)));
        self.land(outcome.unwrap_or_else(|| Err(timed_out(self.settings.transport.total_timeout))));
    }

    /// `None` if other credentials were set meanwhile, and nothing was done for these.
    async fn once(&self) -> Option<Outcome> {
        let names = Names::of(&self.settings.identity());
        match self.inner.components.store(&self.settings, &names) {
            None => Some(self.alone().await),
            Some(store) => self.agree_with(store, &names).await,
        }
    }

    /// The way of a fetch where there is no shared cache.
    async fn alone(&self) -> Outcome {
        let decided = self.update(|known| {
            let now = self.inner.clock.now();
            match (known.decide(&self.settings, None, now), known.token(now)) {
                (Decision::Serve, Some(held)) => Some(Ok(Arc::clone(held))),
                (Decision::Refuse { until }, _) => Some(Err(known.of(&self.settings).refusal(until, now))),
                _ => None,
            }
        });
        match decided {
            Some(outcome) => outcome,
            None => self.fetch(None).await.unwrap_or_else(|| Err(lost())),
        }
    }

    /// Sends the request, again where that makes sense, and says so in the shared cache before and after. `None` if nothing
    /// was sent because the lock was lost before.
    pub async fn fetch(&self, mut session: Option<&mut Session>) -> Option<Outcome> {
        match self.request(&mut session).await {
            Ok((requested, issued)) => {
                let held = self.made_of(requested, &issued);
                // Written before it is handed out: whoever has seen it can die, and the others have it all the same.
                self.record(|account, now| account.record_issue(&held, now));
                self.save(session, Some(&held)).await;
                self.record(|account, _| account.hold(&held));
                self.has_fetched.store(true, Relaxed);
                tracing::info!("a new token is held for {} s", issued.lifetime.as_secs());
                Some(Ok(held))
            }
            Err(failure) => {
                let error = self.note(failure?);
                if session.is_some() {
                    self.look_again_while_refused();
                }
                self.save(session, None).await;
                Some(Err(error))
            }
        }
    }

    /// The failure of the last request, if one was sent.
    async fn request(&self, session: &mut Option<&mut Session>) -> Result<(BootTime, TokenResponse), Option<Failure>> {
        let endpoint = self.hangar.endpoint(&self.inner, &self.settings).map_err(|error| Some(no_endpoint(error)))?;
        let transport = &self.settings.transport;
        let deadline = self.deadline();
        let left = || deadline.saturating_duration_since(Instant::now());
        let (mut attempts, mut proof_retries) = (Attempts::default(), ProofRetries::default());
        let mut last_failure = None;
        loop {
            if let Some(session) = session
                && !self.depart(session).await
            {
                return Err(last_failure);
            }
            let requested = self.inner.clock.now();
            let failure = match endpoint.request_token(left().min(transport.attempt_timeout), &mut proof_retries).await
            {
                Ok(issued) => return Ok((requested, issued)),
                Err(failure) => failure,
            };
            if failure.kind.may_have_cost_a_token() {
                self.record(|account, now| account.ledger.record_possibly_spent(requested, now));
            }
            let pause = attempts.pause(failure.kind, left(), jitter()).filter(|_| self.is_current());
            let Some(pause) = pause else { return Err(Some(failure)) };
            if let Some(session) = session
                && !self.keeps_lock(session, pause).await
            {
                return Err(Some(failure));
            }
            tracing::warn!("{}; trying again in {} ms", failure.error, pause.as_millis());
            last_failure = Some(failure);
            time::sleep(pause).await;
        }
    }

    /// A fetch ends a little before those who have waited for it from the beginning, who then learn why. Where it began late,
    /// because another process had the lock, a request has half its time at least: one that is cut short may cost the token.
    fn deadline(&self) -> Instant {
        let transport = &self.settings.transport;
        let total = transport.total_timeout;
        let begun_in_time = self.started + total.saturating_sub((total / 10).min(Duration::from_millis(50)));
        begun_in_time.max(Instant::now() + transport.attempt_timeout.min(total) / 2)
    }

    /// Makes sure that the lock holds until the next request is answered and that nobody had it meanwhile, and says in the
    /// shared cache that the request is about to be sent. False if that is not so, and it must not be sent.
    async fn depart(&self, session: &mut Session) -> bool {
        if !self.keeps_lock(session, Duration::ZERO).await {
            return false;
        }
        self.record(|account, now| account.ledger.mark_in_flight(self.hangar.id, now));
        self.save(Some(session), None).await;
        // Writing it can have taken longer than the lease.
        if !session.is_locked() {
            self.record(|account, now| account.ledger.clear_in_flight(now));
        }
        session.is_locked()
    }

    /// How long the lock has to hold for a request that is sent after `pause`: until its answer is written.
    pub fn lease(&self, pause: Duration) -> Duration {
        let attempt = self.settings.transport.attempt_timeout.min(self.settings.transport.total_timeout);
        pause + attempt + (attempt / 2).clamp(Duration::from_secs(1), Duration::from_secs(5))
    }

    /// Where the lock is lost, or nobody knows, another process may be fetching by now.
    async fn keeps_lock(&self, session: &mut Session, pause: Duration) -> bool {
        let kept = session.keep_lock(self.lease(pause)).await;
        if kept != Ok(true) {
            tracing::warn!("the lock of the shared cache was lost during a fetch, which goes no further");
        }
        kept == Ok(true)
    }

    /// Writes the ledger, and the token if one is given. Where that fails, or the lock was lost, the token is served from
    /// memory, and what is missing is written by a later look at the cache.
    pub async fn save(&self, session: Option<&mut Session>, held: Option<&Arc<HeldToken>>) {
        let Some(session) = session else { return };
        let known = self.inner.known.load_full();
        let Some(account) = known.find(&self.settings) else { return };
        let (ledger, failure, refused) = (&account.ledger, account.last_error.as_ref(), &account.refused);
        let token = held.map(|held| held.token());
        let saved = session.save(token.as_ref(), ledger, failure, refused).await;
        if let Err(trouble) = &saved {
            tracing::warn!("the shared cache does not take what was to be written, which is tried again: {trouble}");
        }
        let is_written = saved == Ok(true);
        self.record(|account, now| {
            account.ledger.is_unwritten &= !(is_written && account.ledger == *ledger);
            if !is_written || account.refused != *refused || !self.has_newest_secrets(account) {
                account.note_unsaved(now);
                return;
            }
            account.unsaved = 0;
            if held.is_some() {
                account.look_again = Some(now.after(next_look(0)));
            }
        });
    }

    fn made_of(&self, requested: BootTime, issued: &TokenResponse) -> Arc<HeldToken> {
        let life = TokenLifetime::new(requested, issued.lifetime, jitter());
        let clock = Arc::clone(&self.inner.clock);
        Arc::new(HeldToken::new(&issued.access_token, issued.key.clone(), &issued.scope, life, clock))
    }

    /// Remembers a failure, and completes its error with the time at which another attempt makes sense.
    fn note(&self, failure: Failure) -> Error {
        let mut error = failure.error;
        let newest = self.inner.settings.load_full();
        if self.is_current() && self.may_succeed_with(&newest, &error) {
            self.record(|account, now| account.ledger.clear_in_flight(now));
            return error;
        }
        self.record(|account, now| {
            account.ledger.record_failure(failure.kind, now, jitter());
            let wait = account.ledger.closed_until().map(|until| until.since(now));
            error = account.last_error.insert(error.clone().with_retry_after(wait)).clone();
        });
        let wait = error.retry_after().map_or(0, ceil_seconds);
        tracing::warn!("{error}; nothing is sent for the next {wait} s");
        error
    }

    pub fn update<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        self.hangar.update(&self.inner, |known, _| change(known))
    }

    /// Changes what is remembered of the credentials that it flies for.
    pub fn record<T>(&self, change: impl FnOnce(&mut Account, BootTime) -> T) -> T {
        self.update(|known| change(known.of(&self.settings), self.inner.clock.now()))
    }

    /// Whether it is still good for those who waited for it: not if it ended meanwhile, or an API refused it.
    fn may_serve(&self, held: &HeldToken) -> bool {
        let is_good = || !held.lifetime().is_over(self.inner.clock.now()) && !self.inner.known.load().is_refused(held);
        self.has_fetched.load(Relaxed) || is_good()
    }

    /// A token is sealed for one client secret, and another can have been set meanwhile.
    pub fn has_newest_secrets(&self, account: &Account) -> bool {
        self.settings.request.has_the_secrets_of(&account.settings.request)
    }

    /// Whether it flies for the client and the service account that tokens are still wanted for.
    pub fn is_current(&self) -> bool {
        self.settings.request.is_of_the_same(&self.inner.settings.load().request)
    }

    /// Whether these settings are others, and not known to fail in the same way.
    fn may_succeed_with(&self, settings: &Settings, error: &Error) -> bool {
        let request = &self.settings.request;
        let are_corrected = || !request.has_the_secrets_of(&settings.request);
        !self.is_current() || (error.status() == Status::CredentialsRefused && are_corrected())
    }

    /// Ends the flight if nobody waits for it any more. True if so.
    pub fn ends_unless_awaited(&self) -> bool {
        self.hangar.update(&self.inner, |_, slot| self.ends_in(slot))
    }

    /// The same under the lock.
    pub fn ends_in(&self, slot: &mut SlotGuard) -> bool {
        let is_over = slot.end_unless_awaited(&self.sender);
        self.is_over.fetch_or(is_over, Relaxed);
        is_over
    }

    fn land(&mut self, outcome: Outcome) {
        self.done = true;
        let retry = self.hangar.update(&self.inner, |known, slot| {
            slot.end(&self.sender);
            known.next_retry()
        });
        self.sender.send_replace(Some(outcome));
        if let Some(moment) = retry {
            self.inner.look_later(moment);
        }
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
    Failure { error, kind: FailureKind::NotTrusted }
}
