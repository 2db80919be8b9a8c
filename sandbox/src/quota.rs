//! Tango's limit on new tokens: one per client id and window.

use std::time::{Duration, Instant};

/// The limit of the one client id that is known here.
pub struct Quota {
    window: Duration,
    last_issue: Option<Instant>,
}

/// Within the window of an earlier token.
#[derive(Debug, PartialEq, Eq)]
pub struct Exceeded;

impl Quota {
    /// A window of zero is no limit.
    pub fn new(window: Duration) -> Self {
        Self { window, last_issue: None }
    }

    /// Takes the one token of a window. A refusal does not move the window.
    pub fn take(&mut self, now: Instant) -> Result<(), Exceeded> {
        if self.last_issue.is_some_and(|issued| now.saturating_duration_since(issued) < self.window) {
            return Err(Exceeded);
        }
        self.last_issue = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_per_window() {
        let (window, tick) = (Duration::from_secs(100), Duration::from_nanos(1));
        let mut quota = Quota::new(window);
        let start = Instant::now();
        assert_eq!(quota.take(start + tick), Ok(()));
        assert_eq!(quota.take(start + window / 2), Err(Exceeded));
        assert_eq!(quota.take(start + window), Err(Exceeded));
        assert_eq!(quota.take(start + window + tick), Ok(()));
        assert_eq!(quota.take(start + window + tick), Err(Exceeded));
    }

    #[test]
    fn a_window_of_zero_is_no_limit() {
        let mut quota = Quota::new(Duration::ZERO);
        let now = Instant::now();
        assert_eq!(quota.take(now), Ok(()));
        assert_eq!(quota.take(now), Ok(()));
    }
}
