//! The end of the process.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::exit::wait_for_requests;
use crate::log::flush_stderr;
use crate::unloading;

/// Registers a handler that lets the process end only after a token request under way has brought its token, or has
/// exceeded its time: the token would be lost, and the quota of a day with it. `_exit` and signals do not wait.
///
/// The C interface calls this for the first client. A program in Rust may call it if its code is never unloaded.
pub fn wait_at_exit() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Relaxed) {
        unloading::prevent();
        // SAFETY: the handler needs nothing that may be gone when it runs, and its code is never unloaded. If the C library is out of memory, the process ends as it would without the handler.
        unsafe { libc::atexit(at_exit) };
    }
}

extern "C" fn at_exit() {
    // A panic must not unwind into the C library, and nobody is left to hear of it.
    let _ = catch_unwind(|| {
        wait_for_requests();
        flush_stderr();
    });
}
