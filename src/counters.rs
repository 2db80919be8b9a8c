//! Counts what a client does. The parts of the library add to these numbers where something happens, and know nothing
//! of the names and formats of metrics, which are in `stats`.

mod served;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::failure_kind::FailureKind;
pub(crate) use served::Served;

/// Something that is counted. `stats::METRICS` has the name of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    // Token requests, by what became of them.
    RequestIssued,
    RequestRefused,
    RequestQuotaRefused,
    RequestNonceRequired,
    RequestUnavailable,
    RequestInvalidResponse,
    RequestNoResponse,
    RequestNotSent,
    // Responses of the token endpoint, by the class of their HTTP status.
    Response2xx,
    Response3xx,
    Response4xx,
    Response5xx,
    ResponseOther,
    PossiblySpent,
    Retry,
    RefreshIssued,
    RefreshFailed,
    // Tokens that callers got after they had waited. `Served` counts those from memory.
    ServedFromCache,
    ServedFromEndpoint,
    // Calls that got no token, by what held requests back.
    ErrorCoolDown,
    ErrorBackOff,
    ErrorCache,
    ErrorOther,
    Rejected,
    NonceChallengeOfEndpoint,
    NonceChallengeOfApi,
    ProofForEndpoint,
    ProofForApi,
    LockWait,
    // Operations of the shared cache that failed.
    CacheLoadError,
    CacheSaveError,
    CacheLockError,
}

impl Event {
    pub(crate) const COUNT: usize = Self::CacheLockError as usize + 1;

    /// The event of a token request that failed in this way.
    pub fn of_failure(kind: FailureKind) -> Self {
        match kind {
            FailureKind::NotSent | FailureKind::NotTrusted => Self::RequestNotSent,
            FailureKind::NoResponse => Self::RequestNoResponse,
            FailureKind::Busy { .. } => Self::RequestUnavailable,
            FailureKind::Quota { .. } => Self::RequestQuotaRefused,
            FailureKind::Refused => Self::RequestRefused,
            FailureKind::NonceWanted => Self::RequestNonceRequired,
            FailureKind::InvalidResponse => Self::RequestInvalidResponse,
        }
    }

    /// The event of a response with this HTTP status.
    pub fn of_response(http_status: u16) -> Self {
        match http_status / 100 {
            2 => Self::Response2xx,
            3 => Self::Response3xx,
            4 => Self::Response4xx,
            5 => Self::Response5xx,
            _ => Self::ResponseOther,
        }
    }
}

/// The numbers of one client in one process. They only grow.
pub(crate) struct Counters {
    events: [AtomicU64; Event::COUNT],
    durations: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self { events: [const { AtomicU64::new(0) }; Event::COUNT], durations: Histogram::default() }
    }
}

impl Counters {
    pub fn add(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Relaxed);
    }

    pub fn get(&self, event: Event) -> u64 {
        self.events[event as usize].load(Relaxed)
    }

    /// Records how long a token request took, from the connection to the end of its response.
    pub fn record_duration(&self, duration: Duration) {
        self.durations.record(duration);
    }

    pub fn durations(&self) -> &Histogram {
        &self.durations
    }
}

/// The durations of token requests, counted in buckets.
#[derive(Default)]
pub(crate) struct Histogram {
    /// The last one is for durations above all bounds.
    buckets: [AtomicU64; Self::BOUNDS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// The upper bounds of the buckets: what OpenTelemetry advises for HTTP requests, and the timeouts of this library.
    /// It is not `pub`, because cbindgen would add it to the C header.
    pub(crate) const BOUNDS_MS: [u64; 16] =
        [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000, 20_000, 30_000];

    fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS_MS.partition_point(|&bound| bound * 1000 < us);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// Returns the number of durations up to each bound, and at last of all durations.
    pub fn cumulative(&self) -> Vec<u64> {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Relaxed));
        counts
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect()
    }

    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_counts_in_each_bucket_whose_bound_it_does_not_exceed() {
        let counters = Counters::default();
        for ms in [5, 6, 31_000] {
            counters.record_duration(Duration::from_millis(ms));
        }
        let cumulative = counters.durations().cumulative();
        assert_eq!((cumulative[0], cumulative[1], cumulative[15], cumulative[16]), (1, 2, 2, 3));
        assert_eq!(counters.durations().sum(), Duration::from_millis(31_011));
    }
}
