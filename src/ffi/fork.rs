//! Learning of a fork from the C library.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::process::{forks_are_told, note_fork};

/// From now on each forked child knows that it is one, which saves asking for the process id. Where the C library has no
/// memory for that, the process id still tells nearly every child.
///
/// The C interface does this with the first client or key. A program in Rust may, if its code is never unloaded.
pub fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Relaxed) {
        // SAFETY: the handler only adds to an atomic number, which is safe in a child of a process with threads, and
        // it is never unloaded (`-z nodelete`).
        if unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) } == 0 {
            forks_are_told();
        }
    }
}

extern "C" fn in_the_child() {
    note_fork();
}
