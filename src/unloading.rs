//! Keeps the library loaded: its threads, and handlers that it registers, run its code until the process ends.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(target_vendor = "apple")]
use crate::apple::pin;
#[cfg(windows)]
use crate::windows::module::pin;

/// Prevents that the library is unloaded. Called by a caller inside it, which is why no other caller has to wait until
/// the first one has done it.
pub(crate) fn prevent() {
    static IS_PREVENTED: AtomicBool = AtomicBool::new(false);
    if !IS_PREVENTED.swap(true, Relaxed) {
        pin();
    }
}

/// Does nothing: the linker marks the library (`-z nodelete` in build.rs).
#[cfg(not(any(target_vendor = "apple", windows)))]
fn pin() {}
