//! Threads of the library: how they start, and which signals they take.

#[cfg_attr(unix, path = "threads/unix.rs")]
#[cfg_attr(windows, path = "threads/windows.rs")]
mod system;

mod number;

use std::fmt;
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Handle;

use crate::causes;
use crate::unloading;

pub(crate) use number::number;

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The code that a thread runs, which decides about its signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Code of the library alone.
    Library,
    /// Also callbacks of the program.
    Program,
}

/// The reason why a job has no result.
#[derive(Debug)]
pub(crate) enum NoThread {
    /// As many jobs as there may be threads have not returned.
    AllHang(u32),
    NotStarted(io::Error),
    /// The job panicked.
    Panicked,
}

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllHang(max) => write!(f, "{max} earlier calls have not returned, so no further call is made"),
            Self::NotStarted(error) => {
                let reason = causes::reason(error);
                write!(f, "no thread can be started: {reason}; check the limits for threads and memory")
            }
            Self::Panicked => f.write_str("a call ended unexpectedly"),
        }
    }
}

impl std::error::Error for NoThread {}

/// Starts a thread that runs no signal handlers of the program. The library stays loaded as long as it may run.
pub(crate) fn start(name: &str, code: Code, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    unloading::prevent();
    system::spawn(thread::Builder::new().name(name.into()), code, work)
}

/// Returns whether the variables of this thread are destroyed. Destructors of static and `thread_local` objects of C++ run
/// after that, and so do handlers of `atexit`; without the variables no thread can wait for the runtime.
pub(crate) fn has_lost_variables() -> bool {
    Handle::try_current().is_err_and(|error| error.is_thread_local_destroyed())
}

/// Runs `work` on another thread and waits for it, which needs no variable of this one.
pub(crate) fn run_on_another<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoThread> {
    let (sender, result) = mpsc::channel();
    let thread = start("tango-late", Code::Library, move || drop(sender.send(work()))).map_err(NoThread::NotStarted)?;
    // The result of a panic is that nothing was sent.
    let _ = thread.join();
    result.try_recv().map_err(|_| NoThread::Panicked)
}
