//! The clocks of Windows.

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::SystemInformation::{GetSystemTimeAsFileTime, GetTickCount64};

/// The time between 1601, where file times begin, and 1970.
const UNIX_EPOCH_MS: u64 = 11_644_473_600_000;
const INTERVALS_PER_MS: u64 = 10_000;

/// Returns the time since Windows started, including sleep.
pub(crate) fn ticks_ms() -> u64 {
    // SAFETY: the function has no requirement.
    unsafe { GetTickCount64() }
}

/// Returns the time since 1970 on the coarse wall clock; 0 before that.
pub(crate) fn wall_ms() -> u64 {
    let mut time = FILETIME::default();
    // SAFETY: the function writes one file time.
    unsafe { GetSystemTimeAsFileTime(&raw mut time) };
    let intervals = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    (intervals / INTERVALS_PER_MS).saturating_sub(UNIX_EPOCH_MS)
}
