//! The clocks of Windows.

use crate::windows::clock::{ticks_ms, wall_ms};

/// Returns the time since Windows started, including sleep, with a resolution of 10 to 16 ms: reading it costs no more
/// than a coarse clock.
pub(super) fn boot_ms() -> u64 {
    ticks_ms()
}

pub(super) fn coarse_monotonic_ms() -> u64 {
    ticks_ms()
}

pub(super) fn coarse_wall_ms() -> u64 {
    wall_ms()
}

/// Windows documents no ID of a boot. Ages in a shared cache are therefore measured on the wall clock.
pub(super) fn boot_id() -> Option<String> {
    None
}
