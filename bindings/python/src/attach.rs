//! How threads attach to the interpreter (those of the library, and Python's): only while it is running.
//!
//! A finalizing interpreter ends every thread that still tries to attach, in the middle of its native frames. So an
//! `atexit` hook stops further threads from attaching, and waits for those that are attached.
//!
//! A fork waits in the same way: before Python 3.12 a child hangs if, at the moment of the fork, a thread of its parent
//! was creating or deleting the state that Python keeps for a foreign thread, which it does without the GIL.

#[cfg_attr(windows, path = "attach/no_fork.rs")]
mod fork;

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyCFunction;
use tango_token::callback_threads::drain_log;

static FINALIZING: AtomicBool = AtomicBool::new(false);
static FINALIZING_THREAD: OnceLock<ThreadId> = OnceLock::new();
static GUARDS: AtomicUsize = AtomicUsize::new(0);

static FORKING: AtomicBool = AtomicBool::new(false);
static FOREIGN_THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether Python created this thread, and so keeps a state for it until it ends.
    static IS_PYTHON_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// How long an exit waits until the log handlers have the lines that were logged before it.
const MAX_DRAIN: Duration = Duration::from_secs(5);
/// How long an exit or a fork waits for attached threads: a log handler that hangs must not keep the process alive.
const MAX_WAIT: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Runs `work` attached to the interpreter, from any thread. Returns `None` if the interpreter is finalizing.
pub fn attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _foreign = (!IS_PYTHON_THREAD.get()).then(ForeignThread::begin);
    let guard = InterpreterGuard::try_new()?;
    let result = Python::try_attach(work);
    drop(guard);
    result
}

/// Returns the guard that native code holds while it calls into Python. Never returns on a daemon thread if the
/// interpreter is finalizing.
pub fn attached(py: Python<'_>) -> InterpreterGuard {
    IS_PYTHON_THREAD.set(true);
    InterpreterGuard::try_new().unwrap_or_else(|| py.detach(|| park_forever()))
}

/// Runs `work`, which may take long, without the GIL. Never returns on a daemon thread if the interpreter is finalizing
/// by then.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    IS_PYTHON_THREAD.set(true);
    let (result, _guard) = py.detach(|| {
        let result = work();
        (result, InterpreterGuard::try_new().unwrap_or_else(|| park_forever()))
    });
    result
}

/// Does what newer Pythons do with such a thread. Older ones unwind it, through frames that cannot be unwound.
fn park_forever() -> ! {
    loop {
        thread::park();
    }
}

/// Counts one attached thread, which finalization waits for.
///
/// A thread increments the count and then reads `FINALIZING`; the finalizing thread sets `FINALIZING` and then reads
/// the count. So at least one of the two sees the other.
pub struct InterpreterGuard;

impl InterpreterGuard {
    /// Returns `None` if the interpreter is finalizing, except on the thread that finalizes it.
    fn try_new() -> Option<Self> {
        GUARDS.fetch_add(1, SeqCst);
        let guard = Self;
        (!FINALIZING.load(SeqCst) || FINALIZING_THREAD.get() == Some(&thread::current().id())).then_some(guard)
    }
}

impl Drop for InterpreterGuard {
    fn drop(&mut self) {
        // The count is 0 already in a child that was forked while this guard was held.
        let _ = GUARDS.fetch_update(SeqCst, SeqCst, |guards| guards.checked_sub(1));
    }
}

/// Counts one thread that Python has to create a state for, and delays that while the process is being forked.
struct ForeignThread;

impl ForeignThread {
    fn begin() -> Self {
        loop {
            FOREIGN_THREADS.fetch_add(1, SeqCst);
            let thread = Self;
            if !FORKING.load(SeqCst) {
                return thread;
            }
            drop(thread);
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for ForeignThread {
    fn drop(&mut self) {
        let _ = FOREIGN_THREADS.fetch_update(SeqCst, SeqCst, |threads| threads.checked_sub(1));
    }
}

/// Registers the hooks for exit and fork, once, when the first client is created.
pub fn register_hooks(py: Python<'_>) -> PyResult<()> {
    static REGISTERED: PyOnceLock<()> = PyOnceLock::new();
    REGISTERED
        .get_or_try_init(py, || {
            let at_exit = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(begin_finalization))?;
            py.import("atexit")?.call_method1("register", (at_exit,))?;
            fork::register(py)
        })
        .copied()
}

fn begin_finalization() {
    drain_log(MAX_DRAIN);
    FINALIZING_THREAD.get_or_init(|| thread::current().id());
    FINALIZING.store(true, SeqCst);
    wait_until_zero(&GUARDS);
}

fn wait_until_zero(count: &AtomicUsize) {
    let start = Instant::now();
    while count.load(SeqCst) > 0 && start.elapsed() < MAX_WAIT {
        thread::sleep(POLL_INTERVAL);
    }
}
