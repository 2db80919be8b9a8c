//! Clocks of Unix: those that `clock_gettime` reads.

#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "apple.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")), path = "posix.rs")]
mod ids;

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

pub(super) use ids::boot_id;

/// Returns the time since the machine started, including sleep.
pub(super) fn boot_ms() -> u64 {
    read_ms(ids::BOOT)
}

pub(super) fn coarse_monotonic_ms() -> u64 {
    read_ms(ids::COARSE_MONOTONIC)
}

pub(super) fn coarse_wall_ms() -> u64 {
    read_ms(ids::COARSE_WALL)
}

/// Returns the far future if the clock cannot be read: an error is better than an expired token. A wall clock before
/// 1970 is far in the future as well, so the exact clock decides.
fn read_ms(id: ClockId) -> u64 {
    clock_gettime(id).map_or(u64::MAX, |time| {
        let time = Duration::from(time);
        time.as_secs().saturating_mul(1000).saturating_add(time.subsec_millis().into())
    })
}
