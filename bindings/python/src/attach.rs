//! How threads come to the interpreter, the library's own and Python's daemons: only while it is there.
//!
//! An interpreter that ends stops every thread that still asks for it, in the middle of whatever that thread does. So
//! they stop asking before: at exit the door is closed, and those who are inside are waited for.
//!
//! The same for the moment of a fork: before 3.12 a child hangs whose parent was just making or ending the state that
//! Python keeps for a foreign thread, which it does without the GIL.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyCFunction};

static CLOSED: AtomicBool = AtomicBool::new(false);
static CLOSER: OnceLock<ThreadId> = OnceLock::new();
static INSIDE: AtomicUsize = AtomicUsize::new(0);

static FORKING: AtomicBool = AtomicBool::new(false);
static FOREIGN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread came from Python, which then has a state for it as long as it lives.
    static IS_PYTHONS: Cell<bool> = const { Cell::new(false) };
}

/// How long an exit or a fork waits for those who are inside: a log handler that hangs must not keep the process.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

/// Runs `work` attached to the interpreter, from any thread. `None` when the interpreter is going or gone.
pub fn attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _foreign = (!IS_PYTHONS.get()).then(Foreign::begin);
    let visit = Visit::begin()?;
    let result = Python::try_attach(work);
    drop(visit);
    result
}

/// To be held while code of this module calls code of Python's. On a daemon thread that comes too late it does not
/// return.
pub fn enter(py: Python<'_>) -> Visit {
    IS_PYTHONS.set(true);
    Visit::begin().unwrap_or_else(|| py.detach(|| stay_away()))
}

/// Runs `work`, which may take long, without the GIL. On a daemon thread that comes back too late it does not return.
pub fn away<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    IS_PYTHONS.set(true);
    let (result, _back) = py.detach(|| {
        let result = work();
        (result, Visit::begin().unwrap_or_else(|| stay_away()))
    });
    result
}

/// What newer Pythons do themselves. The older ones end the thread, through frames that are not prepared for it.
fn stay_away() -> ! {
    loop {
        thread::park();
    }
}

/// One thread inside. It is counted first and looks whether the door is closed after that; who closes it does so first
/// and counts after that. So one of the two sees the other.
pub struct Visit;

impl Visit {
    /// `None` when the door is closed. Only the thread that ends the interpreter still comes in.
    fn begin() -> Option<Self> {
        INSIDE.fetch_add(1, SeqCst);
        let visit = Self;
        (!CLOSED.load(SeqCst) || CLOSER.get() == Some(&thread::current().id())).then_some(visit)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Zero where a child was forked from inside, which has begun to count anew.
        let _ = INSIDE.fetch_update(SeqCst, SeqCst, |inside| inside.checked_sub(1));
    }
}

/// One thread that Python makes a state for. Counted like a visit; it waits while the process is being forked.
struct Foreign;

impl Foreign {
    fn begin() -> Self {
        loop {
            FOREIGN.fetch_add(1, SeqCst);
            let foreign = Self;
            if !FORKING.load(SeqCst) {
                return foreign;
            }
            drop(foreign);
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = FOREIGN.fetch_update(SeqCst, SeqCst, |foreign| foreign.checked_sub(1));
    }
}

/// Sees to it that exits and forks are told. Once, when the first client is made.
pub fn watch(py: Python<'_>) -> PyResult<()> {
    static WATCHED: PyOnceLock<()> = PyOnceLock::new();
    WATCHED
        .get_or_try_init(py, || {
            let close = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(close))?;
            py.import("atexit")?.call_method1("register", (close,))?;
            let before = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(before_fork))?;
            let in_parent = PyCFunction::new_closure(py, None, None, |_, _| FORKING.store(false, SeqCst))?;
            let in_child = PyCFunction::new_closure(py, None, None, |_, _| begin_anew())?;
            let hooks = [("before", before), ("after_in_parent", in_parent), ("after_in_child", in_child)];
            let hooks = hooks.into_py_dict(py)?;
            py.import("os")?.call_method("register_at_fork", (), Some(&hooks))?;
            Ok(())
        })
        .copied()
}

fn close() {
    CLOSER.get_or_init(|| thread::current().id());
    CLOSED.store(true, SeqCst);
    until_gone(&INSIDE);
}

fn before_fork() {
    FORKING.store(true, SeqCst);
    until_gone(&FOREIGN);
}

/// The visitors of a parent are not in its child.
fn begin_anew() {
    for count in [&INSIDE, &FOREIGN] {
        count.store(0, SeqCst);
    }
    FORKING.store(false, SeqCst);
}

fn until_gone(count: &AtomicUsize) {
    let start = Instant::now();
    while count.load(SeqCst) > 0 && start.elapsed() < LONGEST_GOODBYE {
        thread::sleep(PAUSE);
    }
}
