//! Time as the library needs it: a clock for the life of a token, and a cheap one for the cached read.
//!
//! The life of a token is measured on a clock that runs while the machine sleeps and that nobody sets
//! (`CLOCK_BOOTTIME`). Reading it costs more than the whole rest of a cached read, so that path compares two coarse
//! clocks instead: the monotonic one, which nobody sets but which stops during sleep, and the wall clock, which runs
//! during sleep but can be set. A deadline counts as passed as soon as either says so, and then the exact clock
//! decides: a wall clock set back cannot stretch a life, one set forward costs one exact reading. Only sleep and a wall
//! clock set back by as much deceive both, so nobody relies on a coarse deadline for more than a minute.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A point on the life clock, in milliseconds since the machine started, sleep included. What other machines remember
/// can lie before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootTime(i64);

impl BootTime {
    /// Milliseconds since the machine started.
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

    /// The time from `earlier` to this moment; zero when `earlier` is not earlier.
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
    /// Both clocks at one and the same time, for tests.
    #[cfg(test)]
    pub fn at_ms(ms: u64) -> Self {
        Self { monotonic: ms, wall: ms }
    }
}

/// The end of a span on both coarse clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoarseDeadline(CoarseReading);

impl Default for CoarseDeadline {
    fn default() -> Self {
        Self::PASSED
    }
}

impl CoarseDeadline {
    /// A deadline that has always passed. Not `pub`, or it goes into the C header.
    pub(crate) const PASSED: Self = Self(CoarseReading { monotonic: 0, wall: 0 });

    pub fn after(now: CoarseReading, span: Duration) -> Self {
        let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self(CoarseReading { monotonic: now.monotonic.saturating_add(span), wall: now.wall.saturating_add(span) })
    }

    pub fn is_ahead_of(self, now: CoarseReading) -> bool {
        now.monotonic < self.0.monotonic && now.wall < self.0.wall
    }
}

/// Where the library reads time, so that tests can own it.
pub(crate) trait Clock: Send + Sync + 'static {
    /// The life clock.
    fn now(&self) -> BootTime;
    /// Both coarse clocks, a few milliseconds behind at the most.
    fn coarse(&self) -> CoarseReading;
    /// The wall clock, in milliseconds since 1970. For `iat`, and for what other machines or later starts of this one
    /// are told: no life in this process is measured on it.
    fn wall_ms(&self) -> i64;
    /// Which start of which machine the life clock counts from, where the system tells.
    fn boot_id(&self) -> Option<String>;

    fn wall_seconds(&self) -> i64 {
        self.wall_ms().div_euclid(1000)
    }
}

/// The machine's clocks.
pub(crate) struct SystemClock;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod ids {
    use super::ClockId;
    pub const LIFE: ClockId = ClockId::CLOCK_BOOTTIME;
    pub const COARSE_MONOTONIC: ClockId = ClockId::CLOCK_MONOTONIC_COARSE;
    pub const COARSE_WALL: ClockId = ClockId::CLOCK_REALTIME_COARSE;
}

/// Elsewhere the monotonic clock is the one that nobody sets; on Apple's systems it runs during sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod ids {
    use super::ClockId;
    pub const LIFE: ClockId = ClockId::CLOCK_MONOTONIC;
    pub const COARSE_MONOTONIC: ClockId = ClockId::CLOCK_MONOTONIC;
    pub const COARSE_WALL: ClockId = ClockId::CLOCK_REALTIME;
}

impl Clock for SystemClock {
    fn now(&self) -> BootTime {
        BootTime(read_ms(ids::LIFE).try_into().unwrap_or(i64::MAX))
    }

    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: read_ms(ids::COARSE_MONOTONIC), wall: read_ms(ids::COARSE_WALL) }
    }

    fn wall_ms(&self) -> i64 {
        clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |time| time.tv_sec() * 1000 + time.tv_nsec() / 1_000_000)
    }

    fn boot_id(&self) -> Option<String> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(text.trim().to_owned()).filter(|id| !id.is_empty())
    }
}

/// A clock that cannot be read counts as far in the future, where every life has ended: an error beats a stale token.
fn read_ms(id: ClockId) -> u64 {
    clock_gettime(id).map_or(u64::MAX, |time| {
        let (seconds, nanoseconds) = (time.tv_sec(), time.tv_nsec());
        u64::try_from(seconds).unwrap_or(0).wrapping_mul(1000).wrapping_add(nanoseconds.unsigned_abs() / 1_000_000)
    })
}

#[cfg(test)]
pub(crate) mod manual {
    use super::{BootTime, Clock, CoarseReading, Duration};
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    /// A clock that a test moves. Sleep and set wall clocks are moves of one of its parts.
    pub struct ManualClock {
        life: AtomicU64,
        monotonic: AtomicU64,
        wall: AtomicU64,
    }

    impl ManualClock {
        pub fn new() -> Self {
            let start = 1_000_000_000;
            Self { life: start.into(), monotonic: start.into(), wall: 1_800_000_000_000.into() }
        }

        pub fn advance(&self, span: Duration) {
            self.monotonic.fetch_add(ms(span), SeqCst);
            self.sleep(span);
        }

        /// The machine is suspended: the monotonic clock stands still.
        pub fn sleep(&self, span: Duration) {
            self.life.fetch_add(ms(span), SeqCst);
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
            BootTime(self.life.load(SeqCst).try_into().unwrap())
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
    fn a_deadline_passes_awake_asleep_and_whatever_is_done_to_the_wall_clock() {
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
    fn the_machines_clocks_run() {
        let (before, coarse) = (SystemClock.now(), SystemClock.coarse());
        assert!(CoarseDeadline::after(coarse, HOUR).is_ahead_of(SystemClock.coarse()));
        assert!(SystemClock.now() >= before);
        assert!(!CoarseDeadline::PASSED.is_ahead_of(coarse));
    }
}
