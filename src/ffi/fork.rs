//! Learning of a fork from the C library.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::process::{close_parents_files, forks_are_reported, note_fork};

/// From now on each forked child knows that it is one, which saves asking for the process id. Where the C library has
/// no memory for that, the process id still tells nearly every child.
///
/// The C interface does this with the first client or key. A program in Rust may, if its code is never unloaded.
pub fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Relaxed) {
        // SAFETY: the handler only changes atomic numbers and closes files, which is safe in a child of a process with
        // threads, and it is never unloaded (`-z nodelete`).
        if unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) } == 0 {
            forks_are_reported();
        }
    }
}

extern "C" fn in_the_child() {
    note_fork();
    close_parents_files(|file| {
        // SAFETY: a file of the parent's that this child has a copy of, and that nothing in the child uses or closes.
        unsafe { libc::close(file) };
    });
}
