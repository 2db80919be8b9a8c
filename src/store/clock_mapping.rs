//! From the life clock of this process to the time that all who share a token count in, and back.

use serde_json::{Value, json};

use crate::clock::{BootTime, Clock};

/// One instant on both.
#[derive(Clone, Debug)]
pub(super) struct ClockMapping {
    now: BootTime,
    unix_ms: i64,
    /// Somebody can set the clock of the machine, or of the store. On this start of the machine a better one is known.
    boot_id: Option<String>,
}

impl ClockMapping {
    /// Where the wall clocks of the machines are all that is shared.
    pub fn of_machine(clock: &dyn Clock) -> Self {
        Self { now: clock.now(), unix_ms: clock.wall_ms(), boot_id: clock.boot_id() }
    }

    /// Where the store has a clock, which showed `unix_ms` at `now`.
    pub fn of_store(clock: &dyn Clock, now: BootTime, unix_ms: i64) -> Self {
        Self { now, unix_ms, boot_id: clock.boot_id() }
    }

    /// What is written beside times, so that a later reader on the same machine need not trust the wall clock.
    pub fn stamp(&self) -> Value {
        json!({"unix_ms": self.unix_ms, "boot_id": self.boot_id, "boot_ms": self.now.as_ms()})
    }

    /// This mapping for reading what was written with `stamp`.
    ///
    /// On the same start of the machine the life clock says how much time has passed since, whatever was done to the
    /// wall clock. The later of both counts: one that was set back makes nothing look fresh, one that was set forward
    /// costs a needless request at the most.
    pub fn at_least_since(&self, stamp: Option<&Value>) -> Self {
        let passed = || {
            let stamp = stamp?;
            let boot_id = self.boot_id.as_deref()?;
            let unix_ms = stamp.get("unix_ms")?.as_i64()?;
            let boot_ms = stamp.get("boot_ms")?.as_i64()?;
            (stamp.get("boot_id")?.as_str()? == boot_id)
                .then(|| unix_ms.saturating_add(self.now.as_ms().saturating_sub(boot_ms)))
        };
        Self { unix_ms: passed().map_or(self.unix_ms, |unix_ms| unix_ms.max(self.unix_ms)), ..self.clone() }
    }

    pub fn unix_ms(&self, moment: BootTime) -> i64 {
        self.unix_ms.saturating_add(moment.as_ms().saturating_sub(self.now.as_ms()))
    }

    pub fn moment(&self, unix_ms: i64) -> BootTime {
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

    /// How much time a reader believes to have passed since the stamp was written.
    fn believed(change: impl FnOnce(&ManualClock)) -> Duration {
        let clock = ManualClock::new();
        let written = ClockMapping::of_machine(&clock);
        let (stamp, unix_ms) = (written.stamp(), written.unix_ms(clock.now()));
        change(&clock);
        let read = ClockMapping::of_machine(&clock).at_least_since(Some(&stamp));
        clock.now().since(read.moment(unix_ms))
    }

    #[test]
    fn a_wall_clock_set_back_makes_nothing_fresh_and_one_set_forward_only_ages() {
        assert_eq!(believed(|clock| clock.advance(HOUR)), HOUR);
        assert_eq!(believed(|clock| clock.sleep(HOUR)), HOUR);
        assert_eq!(
            believed(|clock| {
                clock.advance(HOUR);
                clock.set_wall_back(5 * HOUR);
            }),
            HOUR
        );
        assert_eq!(
            believed(|clock| {
                clock.advance(HOUR);
                clock.set_wall_forward(5 * HOUR);
            }),
            6 * HOUR
        );
    }

    #[test]
    fn another_start_of_the_machine_has_nothing_but_its_time() {
        let clock = ManualClock::new();
        let mut stamp = ClockMapping::of_machine(&clock).stamp();
        clock.set_wall_back(HOUR);
        let plain = ClockMapping::of_machine(&clock);
        stamp["boot_id"] = "another".into();
        for stamp in [Some(&stamp), None, Some(&json!({"boot_id": 1, "unix_ms": "x"}))] {
            assert_eq!(plain.at_least_since(stamp).unix_ms(clock.now()), clock.wall_ms());
        }
    }

    #[test]
    fn a_stores_clock_that_was_set_back_makes_nothing_look_fresh() {
        let clock = ManualClock::new();
        let stamp = ClockMapping::of_store(&clock, clock.now(), 50_000_000).stamp();
        clock.advance(HOUR);
        let set_back = ClockMapping::of_store(&clock, clock.now(), 50_000_000);
        assert_eq!(clock.now().since(set_back.at_least_since(Some(&stamp)).moment(50_000_000)), HOUR);
    }

    #[test]
    fn no_number_makes_it_overflow() {
        let clock_mapping = ClockMapping::of_store(&ManualClock::new(), BootTime::from_ms(i64::MAX), i64::MIN);
        for extreme in [i64::MIN, 0, i64::MAX] {
            clock_mapping.moment(extreme);
            clock_mapping.unix_ms(BootTime::from_ms(extreme));
        }
    }
}
