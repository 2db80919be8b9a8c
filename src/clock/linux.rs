//! The clocks of Linux.

use std::fs;

use nix::time::ClockId;

pub(super) const BOOT: ClockId = ClockId::CLOCK_BOOTTIME;
pub(super) const COARSE_MONOTONIC: ClockId = ClockId::CLOCK_MONOTONIC_COARSE;
pub(super) const COARSE_WALL: ClockId = ClockId::CLOCK_REALTIME_COARSE;

pub(in super::super) fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}
