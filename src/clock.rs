//! The clocks of the library: an exact one for the lifetime of a token, and two cheap ones for the cached read.
//!
//! The lifetime of a token is measured on a clock that runs while the machine sleeps and cannot be set: on Linux that is
//! `CLOCK_BOOTTIME`. The module `system` has the clocks of each platform.
//!
//! Reading it costs more than the rest of a cached read. That path therefore compares two coarse clocks: the monotonic
//! one, which cannot be set but stops during sleep, and the wall clock, which runs during sleep but can be set. A
//! deadline counts as passed as soon as either clock says so, and then the exact clock decides: a wall clock that is
//! set back cannot extend a lifetime, and one that is set forward costs one exact reading. Only sleep together with a
//! wall clock that is set back by the same span deceives both, so coarse deadlines are at most a minute away.

#[cfg_attr(unix, path = "clock/unix.rs")]
#[cfg_attr(windows, path = "clock/windows.rs")]
mod system;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time on the boot clock, in milliseconds since the machine started, including sleep. Times from other machines can
/// be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootTime(i64);

impl BootTime {
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    pub const fn as_ms(self) -> i64 {
        self.0
    }

    #[cfg(test)]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

/// One reading of both coarse clocks, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoarseReading {
    monotonic: u64,
    wall: u64,
}

impl CoarseReading {
    #[cfg(test)]
    pub fn new(monotonic: u64, wall: u64) -> Self {
        Self { monotonic, wall }
    }
}

/// A deadline on both coarse clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoarseDeadline(CoarseReading);

impl Default for CoarseDeadline {
    fn default() -> Self {
        Self::PASSED
    }
}

impl CoarseDeadline {
    /// A deadline that has always passed. It is not `pub`, because cbindgen would add it to the C header.
    pub(crate) const PASSED: Self = Self(CoarseReading { monotonic: 0, wall: 0 });

    pub fn after(now: CoarseReading, span: Duration) -> Self {
        let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(CoarseReading { monotonic: now.monotonic.saturating_add(span), wall: now.wall.saturating_add(span) })
    }

    pub fn is_ahead_of(self, now: CoarseReading) -> bool {
        now.monotonic < self.0.monotonic && now.wall < self.0.wall
    }
}

/// The source of time, which tests replace.
pub(crate) trait Clock: Send + Sync + 'static {
    /// Returns the time on the boot clock.
    fn now(&self) -> BootTime;
    /// Returns the time on both coarse clocks, which may be a few milliseconds late.
    fn coarse(&self) -> CoarseReading;
    /// Returns the wall clock in milliseconds since 1970. It is for `iat` and for times that are shared with other
    /// machines. No lifetime in this process is measured on it.
    fn wall_ms(&self) -> i64;
    /// Returns the ID of the boot that the boot clock counts from, if the system has one.
    fn boot_id(&self) -> Option<String>;

    fn wall_seconds(&self) -> i64 {
        self.wall_ms().div_euclid(1000)
    }
}

/// The clocks of the machine.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> BootTime {
        BootTime(system::boot_ms().try_into().unwrap_or(i64::MAX))
    }

    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: system::coarse_monotonic_ms(), wall: system::coarse_wall_ms() }
    }

    fn wall_ms(&self) -> i64 {
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => ms(since),
            Err(before) => -ms(before.duration()),
        }
    }

    fn boot_id(&self) -> Option<String> {
        system::boot_id()
    }
}

#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code))]
pub(crate) mod manual {
    use super::{BootTime, Clock, CoarseReading, Duration};
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    /// A clock that a test advances. Sleep and changes of the wall clock advance only some of its parts.
    pub struct ManualClock {
        boot: AtomicU64,
        monotonic: AtomicU64,
        wall: AtomicU64,
    }

    impl ManualClock {
        pub fn new() -> Self {
            let start = 1_000_000_000;
            Self { boot: start.into(), monotonic: start.into(), wall: 1_800_000_000_000.into() }
        }

        pub fn advance(&self, span: Duration) {
            self.monotonic.fetch_add(ms(span), SeqCst);
            self.sleep(span);
        }

        /// Suspends the machine: the monotonic clock stops.
        pub fn sleep(&self, span: Duration) {
            self.boot.fetch_add(ms(span), SeqCst);
            self.wall.fetch_add(ms(span), SeqCst);
        }

        pub fn set_wall_forward(&self, span: Duration) {
            self.wall.fetch_add(ms(span), SeqCst);
        }

        pub fn set_wall_back(&self, span: Duration) {
            self.wall.fetch_sub(ms(span), SeqCst);
        }
    }

    fn ms(span: Duration) -> u64 {
        span.as_millis().try_into().unwrap()
    }

    impl Clock for ManualClock {
        fn now(&self) -> BootTime {
            BootTime(self.boot.load(SeqCst).try_into().unwrap())
        }

        fn wall_ms(&self) -> i64 {
            self.wall.load(SeqCst).try_into().unwrap()
        }

        fn boot_id(&self) -> Option<String> {
            Some("a-start-of-the-machine".into())
        }

        fn coarse(&self) -> CoarseReading {
            CoarseReading { monotonic: self.monotonic.load(SeqCst), wall: self.wall.load(SeqCst) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::manual::ManualClock;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn coarse_deadline_passes_despite_sleep_and_changes_of_the_wall_clock() {
        let check = |change: fn(&ManualClock), ahead: bool| {
            let clock = ManualClock::new();
            let deadline = CoarseDeadline::after(clock.coarse(), HOUR);
            assert!(deadline.is_ahead_of(clock.coarse()));
            change(&clock);
            assert_eq!(deadline.is_ahead_of(clock.coarse()), ahead);
        };
        check(|clock| clock.advance(HOUR / 2), true);
        check(|clock| clock.advance(HOUR), false);
        check(|clock| clock.sleep(HOUR), false);
        check(|clock| clock.set_wall_forward(HOUR), false);
        check(|clock| clock.set_wall_back(HOUR), true);
        check(
            |clock| {
                clock.set_wall_back(HOUR);
                clock.advance(HOUR);
            },
            false,
        );
    }

    #[test]
    fn clocks_of_the_machine_advance() {
        let (before, coarse) = (SystemClock.now(), SystemClock.coarse());
        assert!(CoarseDeadline::after(coarse, HOUR).is_ahead_of(SystemClock.coarse()));
        assert!(SystemClock.now() >= before);
        assert!(!CoarseDeadline::PASSED.is_ahead_of(coarse));
    }
}
