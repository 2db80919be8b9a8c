//! The time of a refresh.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Transport;
use crate::store::OPERATION_TIMEOUT;

/// What is left of the time for a write, for the release of the lock.
pub(super) const UNLOCKING_TAKES: Duration = Duration::from_millis(100);

/// When a refresh ends, computed once, and the spans that depend on it.
#[derive(Clone, Copy)]
pub(super) struct RefreshDeadline {
    ends: Instant,
    /// The longest time for one request.
    attempt: Duration,
}

impl RefreshDeadline {
    /// A refresh ends a little before callers who have waited for it from the beginning, who then learn why.
    pub fn of_refresh(transport: &Transport) -> Self {
        let total = transport.total_timeout;
        let ends = Instant::now() + total.saturating_sub((total / 10).min(Duration::from_millis(50)));
        Self { ends, attempt: transport.attempt_timeout.min(total) }
    }

    /// The deadline of requests that begin now. A request has half of its time at least, though the refresh waited long for
    /// the lock: one that is cut short may cost the token.
    pub fn of_requests(self) -> Self {
        Self { ends: self.ends.max(Instant::now() + self.attempt / 2), ..self }
    }

    pub fn remaining(self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// The time for one request.
    pub fn of_attempt(self) -> Duration {
        self.remaining().min(self.attempt)
    }

    /// Whether something that takes this long can end in time.
    pub fn allows(self, span: Duration) -> bool {
        self.remaining() > span
    }

    /// When callers are to have a token that has arrived now, whether or not the cache has taken it. Those who have waited
    /// from the beginning have it before their time is over.
    pub fn of_writing(self) -> Instant {
        let now = Instant::now();
        (now + OPERATION_TIMEOUT).min(self.ends).max(now + 2 * UNLOCKING_TAKES) - UNLOCKING_TAKES
    }

    /// How long the lock has to hold for a request that is sent after `pause`: until its response is written.
    pub fn lease(self, pause: Duration) -> Duration {
        pause + self.attempt + self.margin()
    }

    /// How much of the lease has to be left when a request is sent.
    pub fn least_lease(self) -> Duration {
        self.attempt + self.margin() / 2
    }

    fn margin(self) -> Duration {
        (self.attempt / 2).clamp(Duration::from_secs(1), Duration::from_secs(5))
    }
}
