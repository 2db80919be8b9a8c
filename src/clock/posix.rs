//! The clocks of other systems, which have no boot clock: their monotonic clock cannot be set.

use nix::time::ClockId;

pub(super) const BOOT: ClockId = ClockId::CLOCK_MONOTONIC;
pub(super) const COARSE_MONOTONIC: ClockId = ClockId::CLOCK_MONOTONIC;
pub(super) const COARSE_WALL: ClockId = ClockId::CLOCK_REALTIME;

pub(in super::super) fn boot_id() -> Option<String> {
    None
}
