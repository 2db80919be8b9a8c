//! The clocks of Apple's systems.

use nix::time::ClockId;

use crate::apple;

/// `mach_continuous_time`, in nanoseconds: it runs during sleep, and nothing adjusts it. `CLOCK_MONOTONIC` follows
/// corrections of the wall clock.
pub(super) const BOOT: ClockId = ClockId::from_raw(libc::CLOCK_MONOTONIC_RAW);
/// The same, as of the last interrupt of the timer.
pub(super) const COARSE_MONOTONIC: ClockId = ClockId::from_raw(libc::CLOCK_MONOTONIC_RAW_APPROX);
/// There is no coarse one.
pub(super) const COARSE_WALL: ClockId = ClockId::CLOCK_REALTIME;

pub(in super::super) fn boot_id() -> Option<String> {
    apple::boot_session()
}
