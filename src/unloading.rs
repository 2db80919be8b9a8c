//! Keeps the library loaded: its threads and the handlers that it registers run its code until the process ends.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[cfg(target_vendor = "apple")]
use crate::apple::pin;
#[cfg(windows)]
use crate::windows::module::pin;

/// Keeps the library from being unloaded. The first caller runs code of the library, which therefore stays loaded until
/// `pin` returns; so other callers need not wait for it.
pub(crate) fn prevent() {
    static IS_PREVENTED: AtomicBool = AtomicBool::new(false);
    if !IS_PREVENTED.swap(true, Relaxed) {
        pin();
    }
}

/// Does nothing: the linker marks the library (`-z nodelete` in build.rs).
#[cfg(not(any(target_vendor = "apple", windows)))]
fn pin() {}
