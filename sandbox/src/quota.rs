//! Tango's limit on new tokens: one per client id in each window.

use std::time::{Duration, Instant};

/// The limit of the one client id that the server knows.
pub struct Quota {
    window: Duration,
    last_issue: Option<Instant>,
}

/// The window of the last token.
#[derive(Debug, PartialEq, Eq)]
pub struct QuotaStatus {
    pub since_issue: Duration,
    pub remaining: Duration,
}

/// The window of an earlier token has not ended.
#[derive(Debug, PartialEq, Eq)]
pub struct QuotaExceeded;

impl Quota {
    /// Makes a limit; a window of zero lifts it.
    pub fn new(window: Duration) -> Self {
        Self { window, last_issue: None }
    }

    /// Takes the one token of a window. A refused request does not move the window.
    pub fn take(&mut self, now: Instant) -> Result<(), QuotaExceeded> {
        if self.last_issue.is_some_and(|issued| now.saturating_duration_since(issued) < self.window) {
            return Err(QuotaExceeded);
        }
        self.last_issue = Some(now);
        Ok(())
    }

    /// Returns how long ago the last token was issued, and how long no other will be.
    pub fn status(&self, now: Instant) -> Option<QuotaStatus> {
        let since_issue = now.saturating_duration_since(self.last_issue?);
        Some(QuotaStatus { since_issue, remaining: self.window.saturating_sub(since_issue) })
    }

    /// Forgets the last token.
    pub fn clear(&mut self) {
        self.last_issue = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_granted_per_window() {
        let (window, tick) = (Duration::from_secs(100), Duration::from_nanos(1));
        let mut quota = Quota::new(window);
        let start = Instant::now();
        assert_eq!(quota.take(start + tick), Ok(()));
        assert_eq!(quota.take(start + window / 2), Err(QuotaExceeded));
        assert_eq!(quota.take(start + window), Err(QuotaExceeded));
        assert_eq!(quota.take(start + window + tick), Ok(()));
        assert_eq!(quota.take(start + window + tick), Err(QuotaExceeded));
    }

    #[test]
    fn status_tells_when_the_next_token_is_possible() {
        let (window, start) = (Duration::from_secs(100), Instant::now());
        let mut quota = Quota::new(window);
        assert_eq!(quota.status(start), None);
        quota.take(start).unwrap();
        let status = |since, remaining| {
            Some(QuotaStatus { since_issue: Duration::from_secs(since), remaining: Duration::from_secs(remaining) })
        };
        assert_eq!(quota.status(start + window * 3 / 10), status(30, 70));
        assert_eq!(quota.status(start + window * 2), status(200, 0));
        quota.clear();
        assert_eq!((quota.status(start), quota.take(start)), (None, Ok(())));
    }

    #[test]
    fn window_of_zero_lifts_the_limit() {
        let mut quota = Quota::new(Duration::ZERO);
        let now = Instant::now();
        assert_eq!(quota.take(now), Ok(()));
        assert_eq!(quota.take(now), Ok(()));
    }
}
