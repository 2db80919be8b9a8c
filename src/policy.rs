//! What to do when a caller wants a token: a total function over plain values, without I/O and without a clock.
//!
//! The server grants about one token in 20 hours, so every rule here prefers a valid token over a new one and an early
//! error over a request that cannot succeed.

use std::time::Duration;

use crate::clock::BootTime;
use crate::failure_kind::FailureKind;

/// The server's quota: one token in this span (Tango's documentation of service accounts).
const QUOTA_WINDOW: Duration = Duration::from_secs(20 * 3600);
/// A server counts from when it answered, which is later than the request, and on another clock.
const QUOTA_SLACK: Duration = Duration::from_secs(60);
/// How long to hold back after a quota refusal when it is not known when the last token was issued.
const BLIND_COOL_DOWN: Duration = Duration::from_secs(3600);
/// A server that refuses for a day and asks to come back at once is not taken at its word.
const SHORTEST_COOL_DOWN: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is believed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// When a token was asked for, when to renew it, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenLifetime {
    requested: BootTime,
    refresh_at: BootTime,
    expires: BootTime,
}

impl TokenLifetime {
    /// A life that counts from the moment the request was sent, because the server's clock started later at the most.
    ///
    /// The refresh window is the last sixth of it: four hours of a day. `jitter` in `0.0..1.0` spreads a fleet over
    /// the first quarter of the window, and never touches its first fortieth: a token of 24 hours becomes renewable
    /// 20 hours after the server issued it, which is a round trip later than the request was sent.
    pub fn new(requested: BootTime, lifetime: Duration, jitter: f64) -> Self {
        let window = lifetime / 6;
        let delay = window.mul_f64(1.0 / 40.0 + (1.0 / 4.0 - 1.0 / 40.0) * jitter.clamp(0.0, 1.0));
        Self {
            requested,
            refresh_at: requested.after(lifetime.saturating_sub(window) + delay),
            expires: requested.after(lifetime),
        }
    }

    /// The same life, to be renewed from `moment` on if it was not before: the token is good, but another is wanted.
    pub fn renewable_from(self, moment: BootTime) -> Self {
        Self { refresh_at: self.refresh_at.min(moment), ..self }
    }

    pub fn requested(&self) -> BootTime {
        self.requested
    }

    pub fn expires(&self) -> BootTime {
        self.expires
    }

    pub fn is_over(&self, now: BootTime) -> bool {
        now >= self.expires
    }
}

/// A request that was about to be sent, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub at: BootTime,
    /// A number of the client's own, in one process.
    pub by: u64,
}

/// What is remembered of earlier requests. It outlives every token, and with a shared cache also the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub last_issue: Option<BootTime>,
    /// How many tokens were issued, as far as this ledger knows: clocks can differ, and this tells which issue is new.
    pub issues: u64,
    /// A request was about to be sent, and what became of it was not written yet.
    pub in_flight: Option<InFlight>,
    pub possibly_spent: Option<BootTime>,
    pub cool_down_until: Option<BootTime>,
    pub back_off_until: Option<BootTime>,
    pub failures: u32,
    /// When it was changed last.
    pub changed: Option<BootTime>,
    /// It was changed by this process since it was read from the shared cache or written there.
    pub is_unwritten: bool,
    /// The shared cache could not be reached, which is this process's own trouble and never shared.
    pub cache_out_until: Option<BootTime>,
    pub cache_failures: u32,
}

impl Ledger {
    /// A token arrived that was asked for at `requested`, and all else is forgiven.
    pub fn record_issue(&mut self, requested: BootTime, now: BootTime) {
        self.touch(now);
        let issues = self.issues.saturating_add(1);
        *self =
            Self { last_issue: Some(requested), issues, changed: self.changed, is_unwritten: true, ..Self::default() };
    }

    /// A request is about to be sent. Whoever finds this later, and knows that its sender is gone, knows that the day's
    /// token may be spent.
    pub fn mark_in_flight(&mut self, by: u64, now: BootTime) {
        self.in_flight = Some(InFlight { at: now, by });
        self.touch(now);
    }

    /// The request was not sent after all.
    pub fn clear_in_flight(&mut self, now: BootTime) {
        self.in_flight = None;
        self.touch(now);
    }

    /// The sender of a request died before it wrote what became of it. The first time it is as if an answer was lost
    /// and the request repeated at once; a program that dies again and again must not cost one token after the other.
    /// False if there was none.
    pub fn record_dead_sender(&mut self, now: BootTime, jitter: f64) -> bool {
        let Some(in_flight) = self.in_flight.take() else { return false };
        self.possibly_spent = Some(in_flight.at);
        self.failures = self.failures.saturating_add(1);
        if self.failures > 1 {
            self.back_off_until = Some(now.after(retry_span(30, 600, self.failures - 1, jitter)));
        }
        self.touch(now);
        true
    }

    /// A request was sent at `requested` and nobody knows what became of it.
    pub fn record_possibly_spent(&mut self, requested: BootTime, now: BootTime) {
        self.possibly_spent = Some(requested);
        self.touch(now);
    }

    /// An answer arrived that brought no token and tells nothing of the next.
    pub fn record_answer(&mut self, now: BootTime) {
        self.in_flight = None;
        self.touch(now);
    }

    /// A fetch failed. `jitter` in `0.0..1.0` spreads a fleet.
    pub fn record_failure(&mut self, kind: FailureKind, now: BootTime, jitter: f64) {
        self.in_flight = None;
        self.failures = self.failures.saturating_add(1);
        let soon = retry_span(1, 60, self.failures, jitter);
        let late = retry_span(30, 600, self.failures, jitter);
        match kind {
            FailureKind::Quota { retry_after } => self.cool_down_until = Some(self.quota_returns(retry_after, now)),
            FailureKind::NotSent | FailureKind::NotTrusted => self.back_off_until = Some(now.after(soon)),
            FailureKind::Busy { retry_after } => self.back_off_until = Some(now.after(soon.max(believed(retry_after)))),
            // Asking again soon would be in vain, or could cost one token after the other.
            FailureKind::Refused
            | FailureKind::NonceWanted
            | FailureKind::NoResponse
            | FailureKind::InvalidResponse => {
                self.back_off_until = Some(now.after(late));
            }
        }
        self.touch(now);
    }

    /// The shared cache could not be reached, so nothing is fetched.
    pub fn record_cache_outage(&mut self, now: BootTime, jitter: f64) {
        self.cache_failures = self.cache_failures.saturating_add(1);
        self.cache_out_until = Some(now.after(retry_span(1, 30, self.cache_failures, jitter)));
    }

    /// Takes over what the shared cache holds, whatever the clocks say of it: who writes it has read it before. What this
    /// process knows and could not write is joined with it, and where the cache holds nothing it goes there. `me` is whose
    /// departures these are if they are this client's.
    ///
    /// True if it is closed by what the shared cache holds, and not by what this process found out.
    pub fn agree_with(&mut self, shared: Option<&Self>, me: u64) -> bool {
        (self.cache_out_until, self.cache_failures) = (None, 0);
        match shared {
            None => {
                self.is_unwritten = *self != Self::default();
                false
            }
            Some(shared) if self.is_unwritten => self.join(shared.clone(), me),
            Some(shared) => {
                *self = shared.clone();
                true
            }
        }
    }

    /// Keeps everything that holds requests back, of both, but for what a later token has opened again.
    fn join(&mut self, mut other: Self, me: u64) -> bool {
        // Of one's own departure nobody knows better. A forked child inherits that of its parent, who does.
        let mine = self.in_flight.filter(|in_flight| in_flight.by == me);
        let in_flight = mine.or(other.in_flight.filter(|in_flight| in_flight.by != me));
        let (last_issue, issues) = (self.last_issue.max(other.last_issue), self.issues.max(other.issues));
        for ledger in [&mut *self, &mut other] {
            if ledger.issues < issues && ledger.changed <= last_issue {
                *ledger = Self { changed: ledger.changed, ..Self::default() };
            }
        }
        let is_others = other.closed_until() > self.closed_until();
        *self = Self {
            last_issue,
            issues,
            in_flight: in_flight.filter(|in_flight| Some(in_flight.at) > last_issue),
            possibly_spent: self.possibly_spent.max(other.possibly_spent),
            cool_down_until: self.cool_down_until.max(other.cool_down_until),
            back_off_until: self.back_off_until.max(other.back_off_until),
            failures: self.failures.max(other.failures),
            changed: self.changed.max(other.changed),
            is_unwritten: true,
            ..Self::default()
        };
        is_others
    }

    fn touch(&mut self, now: BootTime) {
        self.changed = self.changed.max(Some(now));
        self.is_unwritten = true;
    }

    /// Other credentials are used from now on: what was refused may be granted.
    pub fn forgive(&mut self) {
        (self.back_off_until, self.failures) = (None, 0);
    }

    /// Before this moment no request makes sense.
    pub fn closed_until(&self) -> Option<BootTime> {
        self.cool_down_until.max(self.back_off_until).max(self.cache_out_until)
    }

    /// Whether a request would make sense if the shared cache could be reached.
    pub fn is_closed_by_the_cache_alone(&self, now: BootTime) -> bool {
        self.cool_down_until.max(self.back_off_until).is_none_or(|until| until <= now)
    }

    /// Whether the daily limit is why no request makes sense.
    pub fn is_closed_by_the_quota(&self) -> bool {
        self.cool_down_until > self.back_off_until
    }

    /// 20 hours, and a little, after the last token that was issued, or may have been, unless the server says when; else a guess.
    fn quota_returns(&self, retry_after: Option<Duration>, now: BootTime) -> BootTime {
        // A request within the window of a known issue was refused as well, whatever became of its answer.
        let was_closed = |spent: &BootTime| self.last_issue.is_some_and(|issued| *spent < issued.after(QUOTA_WINDOW));
        let spent = self.possibly_spent.filter(|spent| !was_closed(spent)).max(self.last_issue);
        let known = spent.map(|spent| spent.after(QUOTA_WINDOW + QUOTA_SLACK));
        match (retry_after, known) {
            (Some(_), _) => now.after(believed(retry_after).max(SHORTEST_COOL_DOWN)),
            (None, Some(moment)) if moment > now => moment,
            _ => now.after(BLIND_COOL_DOWN),
        }
    }
}

fn believed(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER)
}

/// Exponential back-off from `first` to `longest` seconds, of which the upper half is random.
fn retry_span(first: u64, longest: u64, failures: u32, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    Duration::from_secs(doubled).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// What to do for a caller who wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Hand out the token that is held.
    Serve,
    /// Hand out the token that is held and start to fetch the next one.
    ServeAndRefresh,
    /// Fetch one, and let this caller wait for it.
    Fetch,
    /// Let this caller wait for the fetch that is under way.
    Wait,
    /// Send nothing; the caller gets the last error.
    Refuse { until: BootTime },
}

/// `flight_ends` is the deadline of the fetch that is under way, here or in another process, if one is.
pub(crate) fn decide(
    token: Option<&TokenLifetime>,
    ledger: &Ledger,
    flight_ends: Option<BootTime>,
    now: BootTime,
) -> Decision {
    let held = token.filter(|life| !life.is_over(now));
    let closed = ledger.closed_until().filter(|&until| now < until);
    match (held, flight_ends, closed) {
        (Some(life), _, _) if now < life.refresh_at => Decision::Serve,
        (Some(_), None, None) => Decision::ServeAndRefresh,
        (Some(_), _, _) => Decision::Serve,
        // What is under way is a look into the shared cache then, and may bring another's token; or it has failed just now.
        (None, _, Some(until)) => Decision::Refuse { until },
        (None, Some(_), None) => Decision::Wait,
        (None, None, None) => Decision::Fetch,
    }
}

/// Until when `decide` keeps answering `Serve`, so that callers need not ask again before.
///
/// A fetch that is under way counts until its deadline and no longer: a forked child holds the same token, but the
/// fetch was its parent's.
pub(crate) fn serves_until(
    life: &TokenLifetime,
    ledger: &Ledger,
    flight_ends: Option<BootTime>,
    now: BootTime,
) -> BootTime {
    if now < life.refresh_at {
        return life.refresh_at;
    }
    let asked_again = flight_ends.max(ledger.closed_until()).unwrap_or(now);
    asked_again.min(life.expires)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
