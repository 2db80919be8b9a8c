//! Threads of Unix, which inherit a signal mask.

#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "no_real_time.rs")]
mod real_time;

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use super::Code;

/// Starts a thread that blocks signals: signal handlers of the program run on threads of the program, and a signal that
/// the program blocks on its threads to wait for it does not end the process on a thread of the library.
///
/// A new thread inherits the mask. Faults of the thread itself are not blocked. Nor are, on threads that run code of the
/// program, real-time signals that have a handler: managed runtimes stop each thread that ever ran their code by those,
/// and can hang if a thread that ran a callback blocks them.
pub(super) fn spawn(builder: Builder, code: Code, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let mut blocked = SigSet::all();
    for fault in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGABRT] {
        blocked.remove(fault);
    }
    if code == Code::Program {
        blocked = real_time::without_handled(blocked);
    }
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let thread = builder.spawn(work);
    if let Ok(before) = before {
        // Restoring the mask that was just read cannot fail.
        let _ = before.thread_set_mask();
    }
    thread
}
