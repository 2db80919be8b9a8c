//! One fetch for a whole fleet: look into the shared cache, take the lock, look again, fetch, write, open the lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time;

use super::Inner;
use super::account::Account;
use super::fetch::Landing;
use super::flight::{Outcome, Purpose, lost, timed_out};
use crate::clock::BootTime;
use crate::error::{Error, Status};
use crate::policy::{Decision, TokenLifetime};
use crate::random::jitter;
use crate::store::{Names, Record, Session, Store, StoreError, View};
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

/// Once is usual, and twice for who was stopped for longer than a lease. More often, something is wrong with the store.
const MOST_LOCKS: u32 = 4;

/// What is to be done after a look into the cache.
enum Step {
    /// Nothing is fetched. Without `is_all` there is something to be written or set aside.
    Done { outcome: Outcome, is_all: bool },
    /// The credentials are no longer those of now.
    Anew,
    /// The cache lacks the token that is held, perhaps because it was emptied.
    Publish(Arc<HeldToken>),
    /// With the token that is good meanwhile.
    Fetch(Option<Arc<HeldToken>>),
}

impl Landing {
    /// The way of a fetch where there is a shared cache. Most end after one look.
    pub async fn agree_with(&self, store: Box<dyn Store>, names: &Names) -> Option<Outcome> {
        let (identity, redactor) = (self.settings.identity(), self.settings.redactor());
        let agreed = match Session::new(store, names, &identity, redactor, Arc::clone(&self.inner.clock)) {
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

    /// `None` if it has to begin anew.
    async fn agree(&self, session: &mut Session) -> Result<Option<Outcome>, StoreError> {
        let (mut pause, mut locks) = (FIRST_PAUSE, 0);
        loop {
            let view = session.load().await?;
            match self.next_step(view, session.is_locked()) {
                Step::Anew => return Ok(None),
                Step::Done { outcome, is_all: true } => return Ok(Some(outcome)),
                Step::Done { outcome, .. } if session.is_locked() => {
                    self.save(Some(session), None).await;
                    return Ok(Some(outcome));
                }
                Step::Publish(held) if session.is_locked() => {
                    self.save(Some(session), Some(&held)).await;
                    return Ok(Some(Ok(held)));
                }
                Step::Fetch(_) if session.is_locked() => {
                    let outcome = self.fetch(Some(session)).await;
                    if outcome.is_some() && session.is_locked() {
                        return Ok(outcome);
                    }
                    // Who was stopped for longer than a lease has something to tell those who went on, and to hear from them.
                }
                _ if locks == MOST_LOCKS => {
                    let advice = "lock() has to take it for the lease, and to extend it for the same owner";
                    return Err(StoreError(format!("its lock is lost as soon as it is taken; {advice}")));
                }
                // Whoever had the lock before may have changed everything: look again.
                _ if session.lock(self.lease(Duration::ZERO)).await? => {
                    locks += 1;
                    if locks > 1 {
                        time::sleep(pause).await;
                    }
                }
                Step::Done { outcome, .. } => {
                    self.record(Account::note_unsaved);
                    return Ok(Some(outcome));
                }
                Step::Publish(held) => {
                    self.record(Account::note_unsaved);
                    return Ok(Some(Ok(held)));
                }
                Step::Fetch(Some(held)) => {
                    let until = self.inner.clock.now().after(ELSEWHERE);
                    self.record(|account, _| account.leave_it_to_others(until));
                    return Ok(Some(Ok(held)));
                }
                Step::Fetch(None) if self.ends_unless_awaited() => {
                    return Ok(Some(Err(timed_out(self.settings.transport.total_timeout))));
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
        self.hangar.update(&self.inner, |known, slot| {
            if self.purpose == Purpose::Fetch && !self.is_current() {
                // This cache is that of former credentials.
                return Step::Anew;
            }
            let account = known.of(&self.settings);
            if self.has_newest_secrets(account) {
                account.look_again = Some(now.after(next_look(account.unsaved)));
            }
            if let Some(record) = account.take_over(view, self.hangar.id, now) {
                account.hold(&self.held_from(&record));
            }
            if is_locked && account.ledger.record_dead_sender(now, jitter()) && !account.ledger.is_closed_by_the_quota()
            {
                account.last_error = Some(abandoned());
            }
            let is_all = !account.ledger.is_unwritten && shared.has_all_of(account);
            let unpublished = account.valid_token(now).filter(|held| !shared.has(held)).cloned();
            let decision = known.decide(&self.settings, None, now);
            let (held, account) = (known.token(now).cloned(), known.of(&self.settings));
            if is_all && unpublished.is_none() && self.has_newest_secrets(account) {
                account.unsaved = 0;
            }
            match (decision, held) {
                (Decision::Serve, Some(held)) => {
                    if let Some(own) = unpublished {
                        return Step::Publish(own);
                    }
                    Step::Done { outcome: Ok(held), is_all }
                }
                (Decision::Refuse { until }, _) => {
                    account.look_again = Some(next_look_while_refused(now));
                    Step::Done { outcome: Err(account.refusal(until, now)), is_all }
                }
                // Others may go on looking: this was all, unless a caller waits for it by now.
                (_, held) if self.purpose == Purpose::Look && self.ends_in(slot) => {
                    Step::Done { outcome: held.ok_or_else(lost), is_all }
                }
                // A caller waits, and not for these.
                _ if !self.is_current() => Step::Anew,
                (Decision::ServeAndRefresh, held) => Step::Fetch(held),
                _ => Step::Fetch(None),
            }
        })
    }

    fn held_from(&self, record: &Record) -> Arc<HeldToken> {
        let life = TokenLifetime::new(record.requested, record.lifetime, jitter());
        let clock = Arc::clone(&self.inner.clock);
        Arc::new(HeldToken::new(&record.access_token, record.key.clone(), &record.scope, life, clock))
    }

    /// The cache cannot be used, which is not the same as an empty one: the whole fleet would fetch.
    async fn without_cache(&self, trouble: StoreError) -> Option<Outcome> {
        tracing::warn!("the shared cache cannot be used: {trouble}");
        let now = self.inner.clock.now();
        let held = self.update(|known| known.token(now).cloned());
        // A look is not worth the day's token, unless a caller has come to wait for it.
        let is_wanted = held.is_none() && !(self.purpose == Purpose::Look && self.ends_unless_awaited());
        let (error, fetches) = self.record(|account, now| {
            account.note_unsaved(now);
            let is_open = account.ledger.is_closed_by_the_cache_alone(now);
            account.ledger.record_cache_outage(now, jitter());
            let until = account.ledger.closed_until().unwrap_or(now);
            let error = Error::from(trouble).with_retry_after(Some(until.since(now)));
            account.cache_error = Some(error.clone());
            // What the daily limit has closed is not open because the cache is out of reach as well.
            let error = if is_open { error } else { account.refusal(until, now) };
            (error, is_open && is_wanted && self.settings.cache.allow_fetch_without_cache)
        });
        match held {
            Some(held) => Some(Ok(held)),
            None if fetches && !self.is_current() => None,
            None if fetches => self.fetch(None).await,
            None => Some(Err(error)),
        }
    }

    /// One who is refused finds a token soon that another puts back.
    pub(super) fn look_again_while_refused(&self) {
        self.record(|account, now| account.look_again = Some(next_look_while_refused(now)));
    }
}

/// What a look found in the shared cache.
struct Shared {
    token: Option<(TokenHash, BootTime)>,
    is_damaged: bool,
    refused: Vec<TokenHash>,
}

impl Shared {
    fn of(view: &View) -> Self {
        let token = view.record.as_ref().map(|record| (record.hash(), record.requested));
        Self { token, is_damaged: view.is_damaged, refused: view.rejected_tokens.clone() }
    }

    /// Whether this token is there, or a newer one, or it is not to be there.
    fn has(&self, held: &HeldToken) -> bool {
        let hash = held.token().hash();
        let is_there =
            self.token.is_some_and(|(theirs, requested)| theirs == hash || requested > held.lifetime().requested());
        is_there || self.refused.contains(&hash)
    }

    /// Whether nothing is to be written but the held token: what an API refused is remembered there and gone.
    fn has_all_of(&self, account: &Account) -> bool {
        let is_refused_there = self.token.is_some_and(|(hash, _)| account.refused.contains(&hash));
        !self.is_damaged && !is_refused_there && account.refused.iter().all(|hash| self.refused.contains(hash))
    }
}

impl Inner {
    /// Writes what could not be written, though nobody calls, unless somebody has done so until then. The task holds nothing
    /// of the client, which the program may have freed.
    pub(super) fn look_later(self: &Arc<Self>, moment: BootTime) {
        let Ok(runtime) = self.components.runtime() else { return };
        let (inner, wait) = (Arc::downgrade(self), moment.since(self.clock.now()));
        runtime.spawn(async move {
            time::sleep(wait).await;
            let Some(inner) = inner.upgrade() else { return };
            let hangar = inner.hangar.get();
            hangar.update(&inner, |known, slot| {
                if let Some(settings) = known.start_retry(inner.clock.now()) {
                    // Where that fails it is left to the next call.
                    let _ = slot.start_or_join(&inner, &hangar, &settings, Purpose::Look);
                }
            });
        });
    }
}

/// What is said while nothing is sent because senders died.
fn abandoned() -> Error {
    let message = "a process ended while it waited for its token, which the server may have issued all the same";
    Error::new(Status::ConnectionLost, message)
}

fn next_look_while_refused(now: BootTime) -> BootTime {
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
