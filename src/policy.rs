//! Decides what to do when a caller wants a token: a total function over plain values, without I/O and without a clock.
//!
//! The server grants about one token in 20 hours, so each rule here prefers a valid token to a new one, and an early
//! error to a request that cannot succeed.

use std::time::Duration;

use crate::clock::BootTime;
use crate::failure_kind::FailureKind;

/// The server grants one token in this span (Tango's documentation of service accounts).
const QUOTA_WINDOW: Duration = Duration::from_secs(20 * 3600);
/// The server counts from its response, which is later than the request, and on its own clock.
const QUOTA_SLACK: Duration = Duration::from_secs(60);
/// The cool-down after a quota refusal when it is not known when the last token was issued.
const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(3600);
/// The shortest cool-down: a `Retry-After` of a few seconds on a daily limit is not believed.
const MIN_COOL_DOWN: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// When a token was requested, when to refresh it, and when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenLifetime {
    requested: BootTime,
    refresh_at: BootTime,
    expires: BootTime,
}

impl TokenLifetime {
    /// Starts the lifetime when the request was sent, because the server starts it later.
    ///
    /// The refresh window is the last sixth of the lifetime: four hours of 24. `jitter` in `0.0..1.0` spreads a fleet
    /// over the first quarter of the window, without its first fortieth: the server grants the next token 20 hours
    /// after it issued this one, which is a round trip later than 20 hours after the request.
    pub fn new(requested: BootTime, lifetime: Duration, jitter: f64) -> Self {
        let window = lifetime / 6;
        let delay = window.mul_f64(1.0 / 40.0 + (1.0 / 4.0 - 1.0 / 40.0) * jitter.clamp(0.0, 1.0));
        Self {
            requested,
            refresh_at: requested.after(lifetime.saturating_sub(window) + delay),
            expires: requested.after(lifetime),
        }
    }

    /// Returns the same lifetime with a refresh window that begins at `start` at the latest, for a token that is valid
    /// but has to be replaced.
    pub fn refreshable_from(self, start: BootTime) -> Self {
        Self { refresh_at: self.refresh_at.min(start), ..self }
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

/// The mark of a request that is about to be sent or under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub at: BootTime,
    /// The random number of the sending client, new in each process.
    pub by: u64,
}

/// The outcomes of earlier requests, as far as they decide about the next one. A ledger outlives the tokens and, in a
/// shared cache, the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// When the last token that arrived was requested.
    pub last_issue: Option<BootTime>,
    /// The number of tokens issued. Unlike times, it tells which of two ledgers is newer if their clocks differ.
    pub issues: u64,
    /// A request whose outcome was not written yet.
    pub in_flight: Option<InFlight>,
    /// When a request was sent whose response was lost: it may have been granted the token of the day.
    pub possibly_spent: Option<BootTime>,
    /// The end of the wait after a quota refusal.
    pub cool_down_until: Option<BootTime>,
    /// The end of the wait after another failure.
    pub back_off_until: Option<BootTime>,
    /// The number of failures since the last token.
    pub failures: u32,
    /// When the ledger was last changed.
    pub changed: Option<BootTime>,
    /// Whether this process changed the ledger since it was last read from the shared cache or written to it.
    pub is_unwritten: bool,
    /// The end of the wait after a failure of the shared cache. It concerns this process only and is never written.
    pub cache_out_until: Option<BootTime>,
    pub cache_failures: u32,
}

impl Ledger {
    /// Records a token that was requested at `requested`, which clears all failures.
    pub fn record_issue(&mut self, requested: BootTime, now: BootTime) {
        self.mark_changed(now);
        let issues = self.issues.saturating_add(1);
        *self =
            Self { last_issue: Some(requested), issues, changed: self.changed, is_unwritten: true, ..Self::default() };
    }

    /// Records that a request is about to be sent. A process that finds the mark, and knows that the sender ended,
    /// knows that the token of the day may be spent.
    pub fn mark_in_flight(&mut self, by: u64, now: BootTime) {
        self.in_flight = Some(InFlight { at: now, by });
        self.mark_changed(now);
    }

    /// Removes the mark of a request that was not sent, or whose response says nothing about the next request.
    pub fn clear_in_flight(&mut self, now: BootTime) {
        self.in_flight = None;
        self.mark_changed(now);
    }

    /// Records that a sender ended before it wrote the outcome of its request. Returns false if no request was marked.
    ///
    /// The first time, the next request may be sent at once, as after a lost response. Then there is a back-off, so
    /// that a program that crashes repeatedly does not use up one token after another.
    pub fn record_dead_sender(&mut self, now: BootTime, jitter: f64) -> bool {
        let Some(in_flight) = self.in_flight.take() else { return false };
        self.possibly_spent = Some(in_flight.at);
        self.failures = self.failures.saturating_add(1);
        if self.failures > 1 {
            self.back_off_until = Some(now.after(back_off(30, 600, self.failures - 1, jitter)));
        }
        self.mark_changed(now);
        true
    }

    /// Records that the outcome of a request sent at `requested` is unknown.
    pub fn record_possibly_spent(&mut self, requested: BootTime, now: BootTime) {
        self.possibly_spent = Some(requested);
        self.mark_changed(now);
    }

    /// Records that a refresh failed. `jitter` in `0.0..1.0` spreads a fleet.
    pub fn record_failure(&mut self, kind: FailureKind, now: BootTime, jitter: f64) {
        self.in_flight = None;
        self.failures = self.failures.saturating_add(1);
        let soon = back_off(1, 60, self.failures, jitter);
        let late = back_off(30, 600, self.failures, jitter);
        match kind {
            FailureKind::Quota { retry_after } => self.cool_down_until = Some(self.quota_resets_at(retry_after, now)),
            FailureKind::NotSent | FailureKind::NotTrusted => self.back_off_until = Some(now.after(soon)),
            FailureKind::Busy { retry_after } => self.back_off_until = Some(now.after(soon.max(capped(retry_after)))),
            // An early request would fail in the same way, or could use up one token after another.
            FailureKind::Refused
            | FailureKind::NonceWanted
            | FailureKind::NoResponse
            | FailureKind::InvalidResponse => {
                self.back_off_until = Some(now.after(late));
            }
        }
        self.mark_changed(now);
    }

    /// Records that the shared cache cannot be used, so no token is fetched.
    pub fn record_cache_outage(&mut self, now: BootTime, jitter: f64) {
        self.cache_failures = self.cache_failures.saturating_add(1);
        self.cache_out_until = Some(now.after(back_off(1, 30, self.cache_failures, jitter)));
    }

    /// Replaces this ledger by the shared one, whatever the clocks say, because each writer reads the ledger first. If
    /// this one has unwritten changes, both are merged; if there is no shared one, this one has to be written. `me` is
    /// the number that this client marks its requests with.
    ///
    /// Returns true if the shared ledger, not a failure of this process, is why requests are held back.
    pub fn merge(&mut self, shared: Option<&Self>, me: u64) -> bool {
        (self.cache_out_until, self.cache_failures) = (None, 0);
        match shared {
            None => {
                self.is_unwritten = *self != Self::default();
                false
            }
            Some(shared) if self.is_unwritten => self.merge_unwritten(shared.clone(), me),
            Some(shared) => {
                *self = shared.clone();
                true
            }
        }
    }

    /// Keeps the longer wait of both ledgers, except for waits that a later token ended.
    fn merge_unwritten(&mut self, mut other: Self, me: u64) -> bool {
        // This client knows the state of its own request best. A mark with another number, such as one that a forked
        // child inherited from its parent, is taken from the shared ledger.
        let mine = self.in_flight.filter(|in_flight| in_flight.by == me);
        let in_flight = mine.or(other.in_flight.filter(|in_flight| in_flight.by != me));
        let (last_issue, issues) = (self.last_issue.max(other.last_issue), self.issues.max(other.issues));
        for ledger in [&mut *self, &mut other] {
            if ledger.issues < issues && ledger.changed <= last_issue {
                *ledger = Self { changed: ledger.changed, ..Self::default() };
            }
        }
        let is_shared = other.closed_until() > self.closed_until();
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
        is_shared
    }

    fn mark_changed(&mut self, now: BootTime) {
        self.changed = self.changed.max(Some(now));
        self.is_unwritten = true;
    }

    /// Ends the back-off, for new credentials: the server may grant what it refused.
    pub fn clear_back_off(&mut self) {
        (self.back_off_until, self.failures) = (None, 0);
    }

    /// Returns the time before which no request makes sense.
    pub fn closed_until(&self) -> Option<BootTime> {
        self.cool_down_until.max(self.back_off_until).max(self.cache_out_until)
    }

    /// Returns whether a request would make sense if the shared cache could be used.
    pub fn is_closed_by_the_cache_alone(&self, now: BootTime) -> bool {
        self.cool_down_until.max(self.back_off_until).is_none_or(|until| until <= now)
    }

    /// Returns whether the daily limit, not the back-off, holds requests back longest.
    pub fn is_closed_by_the_quota(&self) -> bool {
        self.cool_down_until > self.back_off_until
    }

    /// Returns when the server may grant a token again: when it says so, else 20 hours after the last token that was or
    /// may have been issued, else an hour from now.
    fn quota_resets_at(&self, retry_after: Option<Duration>, now: BootTime) -> BootTime {
        // A request inside the 20-hour window of a known issue cannot have been granted a token, even if its response
        // was lost.
        let cannot_be_spent =
            |spent: &BootTime| self.last_issue.is_some_and(|issued| *spent < issued.after(QUOTA_WINDOW));
        let spent = self.possibly_spent.filter(|spent| !cannot_be_spent(spent)).max(self.last_issue);
        let known = spent.map(|spent| spent.after(QUOTA_WINDOW + QUOTA_SLACK));
        match (retry_after, known) {
            (Some(_), _) => now.after(capped(retry_after).max(MIN_COOL_DOWN)),
            (None, Some(reset)) if reset > now => reset,
            _ => now.after(DEFAULT_COOL_DOWN),
        }
    }
}

/// Limits `Retry-After` to a day.
fn capped(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)
}

/// Returns an exponential back-off from `first` to `longest` seconds, of which the upper half is random.
fn back_off(first: u64, longest: u64, failures: u32, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    Duration::from_secs(doubled).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// What to do for a caller that wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Return the held token.
    Serve,
    /// Return the held token and start a refresh.
    ServeAndRefresh,
    /// Start a refresh, which the caller waits for.
    Fetch,
    /// Let the caller wait for the refresh that is in flight.
    Wait,
    /// Send nothing and return the last error.
    Refuse { until: BootTime },
}

/// Decides for one caller. `in_flight_until` is the deadline of the refresh that is in flight here or in another
/// process.
pub(crate) fn decide(
    token: Option<&TokenLifetime>,
    ledger: &Ledger,
    in_flight_until: Option<BootTime>,
    now: BootTime,
) -> Decision {
    let held = token.filter(|lifetime| !lifetime.is_over(now));
    let closed = ledger.closed_until().filter(|&until| now < until);
    match (held, in_flight_until, closed) {
        (Some(lifetime), _, _) if now < lifetime.refresh_at => Decision::Serve,
        (Some(_), None, None) => Decision::ServeAndRefresh,
        (Some(_), _, _) => Decision::Serve,
        // What is in flight now is only a sync, or a refresh that has just failed.
        (None, _, Some(until)) => Decision::Refuse { until },
        (None, Some(_), None) => Decision::Wait,
        (None, None, None) => Decision::Fetch,
    }
}

/// Returns how long `decide` will return `Serve`, so that callers can skip it until then.
///
/// A refresh that is in flight counts until its deadline only: in a forked child, the refresh was its parent's and
/// never ends.
pub(crate) fn serves_until(
    lifetime: &TokenLifetime,
    ledger: &Ledger,
    in_flight_until: Option<BootTime>,
    now: BootTime,
) -> BootTime {
    if now < lifetime.refresh_at {
        return lifetime.refresh_at;
    }
    let next_decision = in_flight_until.max(ledger.closed_until()).unwrap_or(now);
    next_decision.min(lifetime.expires)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
