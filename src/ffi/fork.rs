//! Fork detection through the C library.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::process::{close_parents_files, forks_are_reported, note_fork};

/// Registers a fork handler, so that a forked child is recognised without asking for the process ID. If the C library
/// is out of memory, the process ID still tells all children apart but those in a PID namespace of their own.
///
/// The C interface calls this for the first client or key. A program in Rust may call it if its code is never unloaded.
pub fn watch() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Relaxed) {
        // SAFETY: the handler only writes atomics and closes files, which is safe in the child of a process with
        // threads, and its code is never unloaded (`-z nodelete`).
        if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } == 0 {
            forks_are_reported();
        }
    }
}

extern "C" fn in_child() {
    note_fork();
    close_parents_files(|file| {
        // SAFETY: the child's copy of a descriptor of its parent, which nothing else in the child uses or closes.
        unsafe { libc::close(file) };
    });
}
