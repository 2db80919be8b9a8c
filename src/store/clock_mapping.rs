//! Maps the boot clock of this machine to the Unix time in the shared cache, and back.

use serde_json::{Value, json};

use crate::clock::{BootTime, Clock};

/// The same instant on both clocks.
#[derive(Clone, Debug)]
pub(super) struct ClockMapping {
    now: BootTime,
    unix_ms: i64,
    /// The boot that `now` counts from. Readers of the same boot need not trust a clock that can be set.
    boot_id: Option<String>,
}

impl ClockMapping {
    /// Maps to the wall clock of this machine, for a store without a clock.
    pub fn of_machine(clock: &dyn Clock) -> Self {
        Self { now: clock.now(), unix_ms: clock.wall_ms(), boot_id: clock.boot_id() }
    }

    /// Maps to the clock of the store, which showed `unix_ms` at `now`.
    pub fn of_store(clock: &dyn Clock, now: BootTime, unix_ms: i64) -> Self {
        Self { now, unix_ms, boot_id: clock.boot_id() }
    }

    /// Returns the value that is written beside times, for `corrected_by`.
    pub fn stamp(&self) -> Value {
        json!({"unix_ms": self.unix_ms, "boot_id": self.boot_id, "boot_ms": self.now.as_ms()})
    }

    /// Returns the mapping with which to read times that were written beside `stamp`.
    ///
    /// If the machine has not restarted since, the boot clock alone tells how much time has passed: the wall clock can
    /// have been set in between, in either direction.
    pub fn corrected_by(&self, stamp: Option<&Value>) -> Self {
        let by_boot_clock = || {
            let stamp = stamp?;
            let boot_id = self.boot_id.as_deref()?;
            let unix_ms = stamp.get("unix_ms")?.as_i64()?;
            let boot_ms = stamp.get("boot_ms")?.as_i64()?;
            // Containers can count the same boot from different times.
            let is_comparable = stamp.get("boot_id")?.as_str()? == boot_id && boot_ms <= self.now.as_ms();
            is_comparable.then(|| unix_ms.saturating_add(self.now.as_ms().saturating_sub(boot_ms)))
        };
        Self { unix_ms: by_boot_clock().unwrap_or(self.unix_ms), ..self.clone() }
    }

    pub fn unix_ms(&self, time: BootTime) -> i64 {
        self.unix_ms.saturating_add(time.as_ms().saturating_sub(self.now.as_ms()))
    }

    pub fn boot_time(&self, unix_ms: i64) -> BootTime {
        BootTime::from_ms(self.now.as_ms().saturating_add(unix_ms.saturating_sub(self.unix_ms)))
    }

    pub fn now(&self) -> BootTime {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::manual::ManualClock;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Returns the age of a time that was written now, as read after `change`.
    fn age_after(change: impl FnOnce(&ManualClock)) -> Duration {
        let clock = ManualClock::new();
        let written = ClockMapping::of_machine(&clock);
        let (stamp, unix_ms) = (written.stamp(), written.unix_ms(clock.now()));
        change(&clock);
        let read = ClockMapping::of_machine(&clock).corrected_by(Some(&stamp));
        clock.now().since(read.boot_time(unix_ms))
    }

    #[test]
    fn wall_clock_that_was_set_changes_no_age() {
        assert_eq!(age_after(|clock| clock.advance(HOUR)), HOUR);
        assert_eq!(age_after(|clock| clock.sleep(HOUR)), HOUR);
        assert_eq!(
            age_after(|clock| {
                clock.advance(HOUR);
                clock.set_wall_back(5 * HOUR);
            }),
            HOUR
        );
        assert_eq!(
            age_after(|clock| {
                clock.advance(HOUR);
                clock.set_wall_forward(5 * HOUR);
            }),
            HOUR
        );
    }

    #[test]
    fn stamp_of_another_boot_corrects_nothing() {
        let clock = ManualClock::new();
        let mut stamp = ClockMapping::of_machine(&clock).stamp();
        clock.set_wall_back(HOUR);
        let plain = ClockMapping::of_machine(&clock);
        stamp["boot_id"] = "another".into();
        for stamp in [Some(&stamp), None, Some(&json!({"boot_id": 1, "unix_ms": "x"}))] {
            assert_eq!(plain.corrected_by(stamp).unix_ms(clock.now()), clock.wall_ms());
        }
    }

    #[test]
    fn store_clock_set_back_does_not_reduce_an_age() {
        let clock = ManualClock::new();
        let stamp = ClockMapping::of_store(&clock, clock.now(), 50_000_000).stamp();
        clock.advance(HOUR);
        let set_back = ClockMapping::of_store(&clock, clock.now(), 50_000_000);
        assert_eq!(clock.now().since(set_back.corrected_by(Some(&stamp)).boot_time(50_000_000)), HOUR);
    }

    #[test]
    fn stamp_from_a_later_time_of_the_same_boot_corrects_nothing() {
        let clock = ManualClock::new();
        let mut stamp = ClockMapping::of_machine(&clock).stamp();
        stamp["boot_ms"] = (clock.now().as_ms() + 1).into();
        stamp["unix_ms"] = 1.into();
        let plain = ClockMapping::of_machine(&clock);
        assert_eq!(plain.corrected_by(Some(&stamp)).unix_ms(clock.now()), clock.wall_ms());
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let mapping = ClockMapping::of_store(&ManualClock::new(), BootTime::from_ms(i64::MAX), i64::MIN);
        for extreme in [i64::MIN, 0, i64::MAX] {
            mapping.boot_time(extreme);
            mapping.unix_ms(BootTime::from_ms(extreme));
        }
    }
}
