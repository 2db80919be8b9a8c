//! The outcomes of earlier requests, and until when they hold the next one back.

use std::time::Duration;

use super::TokenLifetime;
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
/// The longest `Retry-After` that is believed of a quota refusal.
const MAX_QUOTA_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The longest `Retry-After` that is believed of a server that fails.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// Tokens that were requested in a shorter span disprove the quota of 20 hours. The hour below it is for clocks that
/// differ.
const DISPROOF: Duration = Duration::from_secs(19 * 3600);
/// The cool-down where the quota of 20 hours does not hold: the first, and the longest of those that double.
const FIRST_SHORT_COOL_DOWN_SECONDS: u64 = 300;
const MAX_SHORT_COOL_DOWN_SECONDS: u64 = 4 * 3600;
/// Two tokens for the same purpose are requested at least this far apart, however short their lifetime is.
const MIN_REQUEST_INTERVAL: Duration = Duration::from_secs(2);

/// Whether the daily limit of the server concerns a kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    /// One token in 20 hours, until experience disproves it.
    Daily,
    /// The documented lifetime is shorter than 20 hours, so the limit is another one.
    Unknown,
}

impl Quota {
    /// The quota of tokens with this documented lifetime.
    pub fn of_documented(lifetime: Duration) -> Self {
        if lifetime < QUOTA_WINDOW { Self::Unknown } else { Self::Daily }
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
    /// When the last token of this client that arrived was requested, whatever it was for.
    pub last_issue: Option<BootTime>,
    /// When the last token for this very purpose (service account, scope, audience, DPoP mode) was requested.
    pub own_issue: Option<BootTime>,
    /// When a token that an API had rejected was last replaced.
    pub replaced: Option<BootTime>,
    /// Two tokens were issued in less than the quota allows.
    pub is_quota_disproved: bool,
    /// The number of quota refusals since the last token.
    pub quota_refusals: u32,
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
        let is_early = self.last_issue.is_some_and(|last| requested < last.after(DISPROOF));
        *self = Self {
            last_issue: Some(requested),
            own_issue: Some(requested),
            replaced: self.replaced,
            is_quota_disproved: self.is_quota_disproved || is_early,
            issues: self.issues.saturating_add(1),
            changed: self.changed,
            is_unwritten: true,
            ..Self::default()
        };
    }

    /// Records that the token just issued replaces one that an API rejected.
    pub fn record_replacement(&mut self, now: BootTime) {
        self.replaced = Some(now);
        self.mark_changed(now);
    }

    /// Returns until when a token with this lifetime is kept though an API rejects it, because it is itself a
    /// replacement.
    pub(super) fn kept_until(&self, lifetime: &TokenLifetime) -> Option<BootTime> {
        self.replaced.map(|replaced| replaced.after(lifetime.replacement_interval()))
    }

    /// Returns the time before which no further token for the same purpose is requested.
    pub fn next_request(&self) -> Option<BootTime> {
        self.own_issue.map(|issue| issue.after(MIN_REQUEST_INTERVAL))
    }

    /// Returns when the quota allows the next token, if it is known when the last one was issued, and the quota holds.
    pub fn quota_allows_from(&self, quota: Quota) -> Option<BootTime> {
        let holds = quota == Quota::Daily && !self.is_quota_disproved;
        self.last_issue.filter(|_| holds).map(|issue| issue.after(QUOTA_WINDOW + QUOTA_SLACK))
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
    pub fn record_failure(&mut self, kind: FailureKind, quota: Quota, now: BootTime, jitter: f64) {
        self.in_flight = None;
        self.failures = self.failures.saturating_add(1);
        let soon = back_off(1, 60, self.failures, jitter);
        let late = back_off(30, 600, self.failures, jitter);
        match kind {
            FailureKind::Quota { retry_after } => {
                self.quota_refusals = self.quota_refusals.saturating_add(1);
                self.cool_down_until = Some(self.quota_resets_at(retry_after, quota, now, jitter));
            }
            FailureKind::NotSent | FailureKind::NotTrusted => self.back_off_until = Some(now.after(soon)),
            FailureKind::Busy { retry_after } => {
                self.back_off_until = Some(now.after(soon.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))));
            }
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
        let (own_issue, replaced) = (self.own_issue.max(other.own_issue), self.replaced.max(other.replaced));
        let is_quota_disproved = self.is_quota_disproved || other.is_quota_disproved;
        for ledger in [&mut *self, &mut other] {
            if ledger.issues < issues && ledger.changed <= last_issue {
                *ledger = Self { changed: ledger.changed, ..Self::default() };
            }
        }
        let is_shared = other.closed_until() > self.closed_until();
        *self = Self {
            last_issue,
            own_issue,
            replaced,
            is_quota_disproved,
            issues,
            quota_refusals: self.quota_refusals.max(other.quota_refusals),
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
    /// may have been issued, else an hour from now. Where the quota of 20 hours does not hold it is some minutes.
    fn quota_resets_at(&self, retry_after: Option<Duration>, quota: Quota, now: BootTime, jitter: f64) -> BootTime {
        if let Some(wait) = retry_after {
            return now.after(wait.clamp(MIN_COOL_DOWN, MAX_QUOTA_RETRY_AFTER));
        }
        if quota == Quota::Unknown || self.is_quota_disproved {
            let (first, longest) = (FIRST_SHORT_COOL_DOWN_SECONDS, MAX_SHORT_COOL_DOWN_SECONDS);
            return now.after(back_off(first, longest, self.quota_refusals, jitter));
        }
        // A request inside the 20-hour window of a known issue cannot have been granted a token, even if its response
        // was lost.
        let cannot_be_spent =
            |spent: &BootTime| self.last_issue.is_some_and(|issued| *spent < issued.after(QUOTA_WINDOW));
        let spent = self.possibly_spent.filter(|spent| !cannot_be_spent(spent)).max(self.last_issue);
        let reset = spent.map(|spent| spent.after(QUOTA_WINDOW + QUOTA_SLACK));
        reset.filter(|&reset| reset > now).unwrap_or(now.after(DEFAULT_COOL_DOWN))
    }
}

/// Returns an exponential back-off from `first` to `longest` seconds, of which the upper half is random.
fn back_off(first: u64, longest: u64, failures: u32, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    Duration::from_secs(doubled).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}
