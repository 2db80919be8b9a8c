//! The server's clock, which can be wrong on purpose, the form of a time in JSON, and pauses.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The system's time plus `--clock-offset-seconds`, or the offset that the inspector sets.
pub struct Clock {
    offset_seconds: AtomicI64,
}

impl Clock {
    /// Makes a clock that is ahead by this many seconds, or behind if the number is negative.
    pub fn new(offset_seconds: i64) -> Self {
        Self { offset_seconds: AtomicI64::new(offset_seconds) }
    }

    /// Sets the clock ahead by this many seconds, or back if the number is negative.
    pub fn set_offset_seconds(&self, offset_seconds: i64) {
        self.offset_seconds.store(offset_seconds, Relaxed);
    }

    /// Returns by how many seconds the clock is ahead of the system's.
    pub fn offset_seconds(&self) -> i64 {
        self.offset_seconds.load(Relaxed)
    }

    /// Returns the time that this server believes it is.
    pub fn now(&self) -> SystemTime {
        let offset_seconds = self.offset_seconds();
        let offset = Duration::from_secs(offset_seconds.unsigned_abs());
        let now = SystemTime::now();
        if offset_seconds < 0 { now - offset } else { now + offset }
    }

    /// Returns the same time as the `NumericDate` of a JWT.
    pub fn now_seconds(&self) -> u64 {
        self.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// Returns a time in UTC with milliseconds, e.g. `2030-01-31T23:59:59.007Z`.
pub fn rfc3339(time: SystemTime) -> String {
    let utc = OffsetDateTime::from(time);
    let (hour, minute, second, millisecond) = utc.to_hms_milli();
    let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// Sleeps. A timer of length zero would still take a millisecond.
pub async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_moves_the_clock_ahead_or_back() {
        let now = Clock::new(0).now_seconds();
        assert!(Clock::new(100).now_seconds() >= now + 100);
        let clock = Clock::new(-100);
        assert!(clock.now_seconds() <= now - 90);
        clock.set_offset_seconds(100);
        assert!(clock.now_seconds() >= now + 100);
    }

    #[test]
    fn time_is_written_in_utc() {
        let time = UNIX_EPOCH + Duration::from_millis(1_709_210_096_007);
        assert_eq!(rfc3339(time), "2024-02-29T12:34:56.007Z");
    }
}
