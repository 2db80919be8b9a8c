//! The server's clock, which can be wrong on purpose, and the ways a moment is written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The system's time, moved by `--clock-offset-seconds`.
#[derive(Clone, Copy)]
pub struct Clock {
    offset_seconds: i64,
}

impl Clock {
    /// A clock that is ahead by this many seconds, or behind where negative.
    pub fn new(offset_seconds: i64) -> Self {
        Self { offset_seconds }
    }

    /// What this server takes for now.
    pub fn now(self) -> SystemTime {
        let offset = Duration::from_secs(self.offset_seconds.unsigned_abs());
        let now = SystemTime::now();
        if self.offset_seconds < 0 { now - offset } else { now + offset }
    }

    /// `now` as a JWT's `NumericDate`.
    pub fn now_seconds(self) -> u64 {
        self.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// UTC with milliseconds, e.g. `2030-01-31T23:59:59.007Z`.
pub fn rfc3339(moment: SystemTime) -> String {
    let utc = OffsetDateTime::from(moment);
    let (hour, minute, second, millisecond) = utc.to_hms_milli();
    let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_goes_both_ways() {
        let now = Clock::new(0).now_seconds();
        assert!(Clock::new(100).now_seconds() >= now + 100);
        assert!(Clock::new(-100).now_seconds() <= now - 90);
    }

    #[test]
    fn a_moment_is_written_in_utc() {
        let moment = UNIX_EPOCH + Duration::from_millis(1_709_210_096_007);
        assert_eq!(rfc3339(moment), "2024-02-29T12:34:56.007Z");
    }
}
