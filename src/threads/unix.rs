//! Threads of Unix, which inherit a signal mask.

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Starts a thread that blocks signals: signal handlers of the program run on threads of the program.
///
/// A new thread inherits the mask. Faults of the thread itself are not blocked, nor are real-time signals: managed
/// runtimes stop each thread that ever ran their code by those, and can hang if a thread that ran a callback blocks them.
pub(super) fn spawn(builder: Builder, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    const FAULTS: [Signal; 6] =
        [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGABRT];
    // The iterator ends where the real-time signals begin.
    let blocked: SigSet = Signal::iterator().filter(|signal| !FAULTS.contains(signal)).collect();
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let thread = builder.spawn(work);
    if let Ok(before) = before {
        // Restoring the mask that was just read cannot fail.
        let _ = before.thread_set_mask();
    }
    thread
}
