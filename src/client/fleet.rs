//! One fetch for a whole fleet: look into the shared cache, take the lock, look again, fetch, write, open the lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};

use super::Inner;
use super::fetch::{Landing, jitter};
use super::flight::{Outcome, lost, timed_out};
use super::known::Shared;
use crate::clock::Moment;
use crate::error::{Error, Status};
use crate::policy::{self, Decision, Life};
use crate::store::{Names, Record, Session, Store, Trouble, View};
use crate::token::{HeldToken, TokenHash};

/// A client that serves from memory looks into the cache this often, so that a token that another process got, or that
/// the cache lost, is noticed long before anybody needs it.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// A client that has no token and may not fetch one finds it soon where another process puts it back.
const LOOK_WHILE_REFUSED: Duration = Duration::from_secs(10);
/// Another process that fetches is done by then, or its lock is open.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// Between two looks for what another process fetches.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// For a look and a write.
const FORGETTING: Duration = Duration::from_secs(10);
const LONGEST_FORGETTING: Duration = Duration::from_secs(60);

/// What is to be done after a look into the cache.
enum Step {
    /// Nothing is fetched. Without `is_all` there is something to be written or set aside.
    Done { outcome: Outcome, is_all: bool },
    /// The cache lacks the token that is held, perhaps because it was emptied.
    Publish(Arc<HeldToken>),
    /// With the token that is good meanwhile.
    Fetch(Option<Arc<HeldToken>>),
}

impl Landing {
    /// The way of a fetch where there is a shared cache. Most end after one look.
    pub async fn agree_with(&self, store: Box<dyn Store>, names: &Names) -> Outcome {
        let agreed = match Session::new(store, names, &self.settings, Arc::clone(&self.inner.clock)) {
            Ok(mut session) => {
                let agreed = self.agree(&mut session).await;
                // Before anybody gets the token: a process that ends right after leaves no locked cache behind.
                session.unlock().await;
                agreed
            }
            Err(trouble) => Err(trouble),
        };
        match agreed {
            Ok(outcome) => outcome,
            Err(trouble) => self.without_cache(trouble).await,
        }
    }

    async fn agree(&self, session: &mut Session) -> Result<Outcome, Trouble> {
        let mut pause = FIRST_PAUSE;
        loop {
            let view = session.load().await?;
            match self.next_step(view, session.is_locked()) {
                Step::Done { outcome, is_all: true } => return Ok(outcome),
                Step::Done { outcome, .. } if session.is_locked() => {
                    self.save(Some(session), None).await;
                    return Ok(outcome);
                }
                Step::Publish(held) if session.is_locked() => {
                    self.save(Some(session), Some(&held)).await;
                    return Ok(Ok(held));
                }
                Step::Fetch(_) if session.is_locked() => {
                    let outcome = self.fetch(Some(session)).await;
                    if let Some(outcome) = outcome.filter(|_| session.is_locked()) {
                        return Ok(outcome);
                    }
                    // Who was stopped for longer than a lease has something to tell those who went on, and to hear from them.
                }
                // Whoever had the lock before may have changed everything: look again.
                _ if session.lock(self.lease(Duration::ZERO)).await? => {}
                Step::Done { outcome, .. } => return Ok(outcome),
                Step::Publish(held) => return Ok(Ok(held)),
                Step::Fetch(Some(held)) => {
                    let until = self.inner.clock.now().after(ELSEWHERE);
                    self.update(|known| known.leave_it_to_others(until));
                    return Ok(Ok(held));
                }
                Step::Fetch(None) if self.ends_unless_awaited() => {
                    return Ok(Err(timed_out(self.settings.transport.total_timeout)));
                }
                Step::Fetch(None) => {
                    time::sleep(pause.mul_f64(0.5 + jitter() / 2.0)).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Takes over what the cache knows, and asks the policy.
    fn next_step(&self, view: View, is_locked: bool) -> Step {
        let now = self.inner.clock.now();
        let shared = Shared::of(&view);
        self.update(|known| {
            if !self.is_current() {
                // This cache is that of former credentials: the flight begins anew.
                return Step::Done { outcome: Err(lost()), is_all: true };
            }
            let is_damaged = view.is_damaged;
            known.look_again = Some(now.after(next_look(known.unsaved)));
            if let Some(record) = known.take_over(view, now) {
                known.hold(&self.held_from(&record));
            }
            if is_locked && known.ledger.record_abandoned(now, jitter()) {
                known.last_error = Some(abandoned());
            }
            let is_all = !known.ledger.is_unwritten && !is_damaged;
            match (policy::decide(known.life().as_ref(), &known.ledger, None, now), &known.held) {
                (Decision::Serve, Some(held)) if known.should_publish(&shared) => Step::Publish(Arc::clone(held)),
                (Decision::Serve, Some(held)) => {
                    let outcome = Ok(Arc::clone(held));
                    known.unsaved = 0;
                    Step::Done { outcome, is_all }
                }
                (Decision::Refuse { until }, _) => {
                    known.look_again = Some(next_look_while_refused(now));
                    Step::Done { outcome: Err(known.refusal(until, now)), is_all }
                }
                (Decision::ServeAndRefresh, held) => Step::Fetch(held.clone()),
                _ => Step::Fetch(None),
            }
        })
    }

    fn held_from(&self, record: &Record) -> Arc<HeldToken> {
        let life = Life::new(record.requested, record.lifetime, jitter());
        let clock = Arc::clone(&self.inner.clock);
        Arc::new(HeldToken::new(&record.access_token, record.key.clone(), &record.scope, life, clock))
    }

    /// The cache cannot be used, which is not the same as an empty one: the whole fleet would fetch.
    async fn without_cache(&self, trouble: Trouble) -> Outcome {
        let now = self.inner.clock.now();
        let held = self.valid_token(now);
        let fetches = held.is_none() && self.settings.cache.fetch_anyway && self.may_fetch(now);
        tracing::warn!("the shared cache cannot be used: {trouble}");
        let error = self.update(|known| {
            known.unsaved = known.unsaved.saturating_add(1);
            known.look_again = Some(now.after(next_look(known.unsaved)));
            if !fetches {
                known.ledger.record_cache_outage(now, jitter());
            }
            let until = known.ledger.closed_until().unwrap_or(now);
            let error = Error::from(trouble).with_retry_after(Some(until.since(now)));
            known.cache_error = Some(error.clone());
            // What the daily limit has closed is not open because the cache is out of reach as well.
            if known.ledger.is_closed_by_the_cache_alone(now) { error } else { known.refusal(until, now) }
        });
        match held {
            Some(held) => Ok(held),
            None if fetches => self.fetch(None).await.unwrap_or_else(|| Err(lost())),
            None => Err(error),
        }
    }

    /// One who is refused finds a token soon that another puts back.
    pub(super) fn look_again_while_refused(&self) {
        self.record(|known, now| known.look_again = Some(next_look_while_refused(now)));
    }

    fn valid_token(&self, now: Moment) -> Option<Arc<HeldToken>> {
        self.inner.known.load().held.clone().filter(|held| !held.life().is_over(now))
    }

    fn may_fetch(&self, now: Moment) -> bool {
        matches!(policy::decide(None, &self.inner.known.load().ledger, None, now), Decision::Fetch)
    }
}

/// What is said while nothing is sent because senders died.
fn abandoned() -> Error {
    let message = "a process ended while it waited for its token, which the server may have issued all the same";
    Error::new(Status::ConnectionLost, message)
}

fn next_look_while_refused(now: Moment) -> Moment {
    now.after(LOOK_WHILE_REFUSED.mul_f64(0.75 + jitter() / 2.0))
}

/// When to look into the cache again: soon, and ever later, while something could not be written.
pub(super) fn next_look(unsaved: u32) -> Duration {
    let span = match unsaved {
        0 => LOOK_AGAIN,
        times => Duration::from_secs(1 << times.min(6)),
    };
    span.mul_f64(0.75 + jitter() / 2.0)
}

/// Removes a token that an API refused from the shared cache, if it is still there, behind the callers' backs.
pub(super) fn forget(inner: &Arc<Inner>, refused: TokenHash) {
    let settings = inner.settings.load_full();
    let names = Names::of(&settings);
    let (Some(store), Ok(runtime)) = (inner.world.store(&settings, &names), inner.world.runtime()) else { return };
    let clock = Arc::clone(&inner.clock);
    runtime.spawn(async move {
        let forgotten = match Session::new(store, &names, &settings, clock) {
            Ok(mut session) => {
                let forgotten = forget_in(&mut session, refused).await;
                session.unlock().await;
                forgotten
            }
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = forgotten {
            tracing::warn!("the refused token is still in the shared cache: {trouble}");
        }
    });
}

async fn forget_in(session: &mut Session, refused: TokenHash) -> Result<(), Trouble> {
    let deadline = Instant::now() + LONGEST_FORGETTING;
    while Instant::now() < deadline {
        // Whoever has the lock is about to write another token there.
        if session.lock(FORGETTING).await? {
            let view = session.load().await?;
            if session.refuse(refused, &view).await? {
                return Ok(());
            }
        }
        time::sleep(LONGEST_PAUSE).await;
    }
    Err(Trouble(format!("its lock was not open for {} s", LONGEST_FORGETTING.as_secs())))
}
