//! The thread on which the library communicates with servers: a current-thread runtime, which the first call that needs
//! it starts, and which all clients of the process share.

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

/// How long a thread that resolves host names stays idle before it ends.
const RESOLVER_KEEP_ALIVE: Duration = Duration::from_millis(10);
/// More than one, so that a name server that does not respond blocks no other client.
const MAX_RESOLVERS: usize = 16;

/// How much later than a future's own timeout `wait_for` gives up.
const SLACK: Duration = Duration::from_millis(100);

thread_local! {
    static BLOCKING_IS_FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs a callback that the library waits for. A blocking call of this library inside it fails, as it could wait for
/// itself.
pub(crate) fn forbid_blocking<T>(work: impl FnOnce() -> T) -> T {
    /// Resets the flag also after a panic, because the thread may be used again.
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

/// A handle of the library's thread.
#[derive(Clone)]
pub(crate) struct Runtime {
    handle: Handle,
    thread: ThreadId,
}

impl Runtime {
    /// Returns the runtime of this process, and starts it if necessary.
    pub fn current() -> Result<Self, Error> {
        RUNTIME.get().get_or_try_init(Self::start).cloned().map_err(|error| {
            let advice = "check the limits for threads, open files and memory";
            Error::new(Status::Internal, format!("the library's thread cannot be started: {error}; {advice}"))
        })
    }

    /// Returns the runtime of the calling test, whose time can be paused.
    #[cfg(test)]
    pub fn of_this_thread() -> Self {
        Self { handle: Handle::current(), thread: thread::current().id() }
    }

    /// Runs a future on the library's thread. Dropping the handle does not stop it.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(future)
    }

    /// Runs a future on the library's thread and blocks the calling thread until it ends. Returns `None` after
    /// `timeout` and a little more: a future with the same timeout ends first and can explain the reason.
    pub fn wait_for<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
        timeout: Duration,
    ) -> Result<Option<T>, Error> {
        if thread::current().id() == self.thread || BLOCKING_IS_FORBIDDEN.get() {
            return Err(Error::new(
                Status::WouldBlock,
                "a blocking call inside a callback would wait for that callback; use the asynchronous call there",
            ));
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        self.spawn(async move { sender.send(future.await) });
        match receiver.recv_timeout(timeout.saturating_add(SLACK)) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::new(Status::Internal, "a task of the library ended unexpectedly; please report this"))
            }
        }
    }

    fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("tango-resolver")
            .thread_keep_alive(RESOLVER_KEEP_ALIVE)
            .max_blocking_threads(MAX_RESOLVERS)
            .build()?;
        let handle = runtime.handle().clone();
        let thread = without_signals(|| {
            thread::Builder::new().name("tango-token".into()).spawn(move || runtime.block_on(pending::<()>()))
        })?;
        Ok(Self { handle, thread: thread.thread().id() })
    }
}

/// Blocks signals while a thread is started, which inherits the mask: signal handlers of the program run on threads of
/// the program. Faults of the thread itself are not blocked, nor are real-time signals. Managed runtimes use those to
/// stop each thread that ever ran their code: Mono's garbage collector hangs if a thread that ran a callback blocks
/// them.
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
    fn blocking_on_the_library_thread_fails_instead_of_deadlocking() {
        let runtime = Runtime::current().unwrap();
        let inner = runtime.clone().wait_for(async move { runtime.wait_for(async {}, AMPLE) }, AMPLE).unwrap();
        assert_eq!(inner.unwrap().unwrap_err().status(), Status::WouldBlock);
    }

    #[test]
    fn blocking_inside_a_callback_fails_instead_of_deadlocking() {
        let runtime = Runtime::current().unwrap();
        let block = || runtime.wait_for(async {}, AMPLE);
        assert_eq!(forbid_blocking(block).unwrap_err().status(), Status::WouldBlock);
        assert!(block().is_ok(), "blocking is allowed again");
    }

    #[test]
    fn panic_of_a_task_is_an_error_for_its_caller() {
        let result = Runtime::current().unwrap().wait_for(async { panic!("on purpose") }, AMPLE);
        assert_eq!(result.map(|_: Option<()>| ()).unwrap_err().status(), Status::Internal);
    }

    #[test]
    fn caller_of_a_busy_thread_times_out() {
        let runtime = Runtime::start().unwrap();
        let (release, released) = mpsc::channel::<()>();
        runtime.spawn(async move { released.recv() });
        assert!(runtime.wait_for(async {}, Duration::from_millis(10)).unwrap().is_none());
        release.send(()).unwrap();
        assert!(runtime.wait_for(async {}, AMPLE).unwrap().is_some());
    }

    #[test]
    fn signals_are_blocked_on_the_library_thread_only() {
        let read_mask = async { SigSet::thread_get_mask().unwrap() };
        let mask = Runtime::current().unwrap().wait_for(read_mask, AMPLE).unwrap().unwrap();
        assert!(mask.contains(Signal::SIGTERM) && mask.contains(Signal::SIGINT) && !mask.contains(Signal::SIGSEGV));
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM));
    }

    #[test]
    fn real_time_signals_are_not_blocked() {
        let status = async { std::fs::read_to_string("/proc/thread-self/status").unwrap() };
        let status = Runtime::current().unwrap().wait_for(status, AMPLE).unwrap().unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        let blocked = u64::from_str_radix(mask.trim(), 16).unwrap();
        assert_eq!(blocked >> 31, 0, "real-time signals in {blocked:x}");
    }
}
