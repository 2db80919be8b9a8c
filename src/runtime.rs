//! The one thread on which the library talks to servers: a current-thread runtime, started by the first call that
//! needs it and shared by all clients of the process.

use std::cell::Cell;
use std::future::{Future, pending};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use crate::error::{Error, Status};
use crate::process::ProcessLocal;

static RUNTIME: ProcessLocal<OnceCell<Runtime>> = ProcessLocal::new();

/// A host name is resolved on a thread of its own, which ends this long after it has nothing more to do.
const RESOLVER_KEEP_ALIVE: Duration = Duration::from_millis(10);
/// A name server that hangs must not keep other clients from resolving.
const MOST_RESOLVERS: usize = 16;

const SLACK: Duration = Duration::from_millis(100);

thread_local! {
    static BLOCKING_IS_FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a program's own function for the library's thread, on another, where it may wait for anything but this library.
pub(crate) fn forbid_blocking<T>(work: impl FnOnce() -> T) -> T {
    /// Also where the function panics: such a thread can be used again.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            BLOCKING_IS_FORBIDDEN.set(false);
        }
    }
    BLOCKING_IS_FORBIDDEN.set(true);
    let _reset = Reset;
    work()
}

/// The way to the library's thread.
#[derive(Clone)]
pub(crate) struct Runtime {
    handle: Handle,
    thread: ThreadId,
}

impl Runtime {
    /// This process's runtime, started if it is not yet.
    pub fn current() -> Result<Self, Error> {
        RUNTIME.get().get_or_try_init(Self::start).cloned().map_err(|error| {
            let advice = "are threads, files or memory used up?";
            Error::new(Status::Internal, format!("cannot start the library's thread: {error}; {advice}"))
        })
    }

    /// The runtime that this is called in, for tests that own the time.
    #[cfg(test)]
    pub fn of_this_thread() -> Self {
        Self { handle: Handle::current(), thread: thread::current().id() }
    }

    /// Runs a future on the library's thread. Dropping the handle leaves it running.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(future)
    }

    /// Runs a future on the library's thread while the caller's thread waits for it, for `timeout` and a little more:
    /// a future that keeps its own time says more. `None` when that thread was too busy for either.
    pub fn wait_for<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        timeout: Duration,
    ) -> Result<Option<T>, Error> {
        if thread::current().id() == self.thread || BLOCKING_IS_FORBIDDEN.get() {
            return Err(Error::new(
                Status::WouldBlock,
                "this call would wait for the very callback that it is made in; use the asynchronous call there",
            ));
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        self.spawn(async move { sender.send(future.await) });
        match receiver.recv_timeout(timeout.saturating_add(SLACK)) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::new(Status::Internal, "the library's own task ended unexpectedly"))
            }
        }
    }

    fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("tango-resolver")
            .thread_keep_alive(RESOLVER_KEEP_ALIVE)
            .max_blocking_threads(MOST_RESOLVERS)
            .build()?;
        let handle = runtime.handle().clone();
        let thread = without_signals(|| {
            thread::Builder::new().name("tango-token".into()).spawn(move || runtime.block_on(pending::<()>()))
        })?;
        Ok(Self { handle, thread: thread.thread().id() })
    }
}

/// A new thread inherits the signal mask. The program's signal handlers belong on the program's own threads, except
/// for the signals that a thread raises itself by a fault, and for the real-time signals, with which managed runtimes
/// stop every thread that ever ran their code: one that blocks them, and runs a callback, hangs the collector of Mono.
fn without_signals<T>(start_thread: impl FnOnce() -> T) -> T {
    const FAULTS: [Signal; 6] =
        [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGABRT];
    // The iterator ends where the real-time signals begin.
    let blocked: SigSet = Signal::iterator().filter(|signal| !FAULTS.contains(signal)).collect();
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let thread = start_thread();
    if let Ok(before) = before {
        // Restoring the mask that was just read cannot fail.
        let _ = before.thread_set_mask();
    }
    thread
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(10);

    #[test]
    fn waiting_on_the_librarys_own_thread_is_an_error_and_not_a_deadlock() {
        let runtime = Runtime::current().unwrap();
        let inner = runtime.clone().wait_for(async move { runtime.wait_for(async {}, AMPLE) }, AMPLE).unwrap();
        assert_eq!(inner.unwrap().unwrap_err().status(), Status::WouldBlock);
    }

    #[test]
    fn waiting_inside_a_function_that_the_library_waits_for_is_an_error_and_not_a_deadlock() {
        let runtime = Runtime::current().unwrap();
        let waiting = || runtime.wait_for(async {}, AMPLE);
        assert_eq!(forbid_blocking(waiting).unwrap_err().status(), Status::WouldBlock);
        assert!(waiting().is_ok(), "only inside");
    }

    #[test]
    fn a_task_that_panics_is_an_error_for_the_one_who_waits() {
        let result = Runtime::current().unwrap().wait_for(async { panic!("on purpose") }, AMPLE);
        assert_eq!(result.map(|_: Option<()>| ()).unwrap_err().status(), Status::Internal);
    }

    #[test]
    fn a_thread_that_is_kept_busy_does_not_keep_its_callers() {
        let runtime = Runtime::start().unwrap();
        let (release, released) = mpsc::channel::<()>();
        runtime.spawn(async move { released.recv() });
        assert!(runtime.wait_for(async {}, Duration::from_millis(10)).unwrap().is_none());
        release.send(()).unwrap();
        assert!(runtime.wait_for(async {}, AMPLE).unwrap().is_some());
    }

    #[test]
    fn signals_stay_with_the_programs_threads() {
        let looking = async { SigSet::thread_get_mask().unwrap() };
        let mask = Runtime::current().unwrap().wait_for(looking, AMPLE).unwrap().unwrap();
        assert!(mask.contains(Signal::SIGTERM) && mask.contains(Signal::SIGINT) && !mask.contains(Signal::SIGSEGV));
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM));
    }

    #[test]
    fn real_time_signals_reach_the_librarys_thread() {
        let status = async { std::fs::read_to_string("/proc/thread-self/status").unwrap() };
        let status = Runtime::current().unwrap().wait_for(status, AMPLE).unwrap().unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        let blocked = u64::from_str_radix(mask.trim(), 16).unwrap();
        assert_eq!(blocked >> 31, 0, "real-time signals in {blocked:x}");
    }
}
