//! How threads that Python does not know, the library's own, come to the interpreter: only while it is there.
//!
//! An interpreter that ends stops every thread that still asks for it, in the middle of whatever that thread does. So
//! they stop asking before: at exit the door is closed, and those who are inside are waited for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyCFunction};

static CLOSED: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How long an exit waits for those who are inside: a log handler that hangs must not keep the process.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

/// Runs `work` attached to the interpreter, from any thread. `None` when the interpreter is going or gone.
pub fn attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let visit = Visit::begin();
    if CLOSED.load(SeqCst) {
        return None;
    }
    let result = Python::try_attach(work);
    drop(visit);
    result
}

/// One thread inside. It is counted first and looks whether the door is closed after that; who closes it does so first
/// and counts after that. So one of the two sees the other.
struct Visit;

impl Visit {
    fn begin() -> Self {
        INSIDE.fetch_add(1, SeqCst);
        Self
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Zero where a child was forked from inside, which has begun to count anew.
        let _ = INSIDE.fetch_update(SeqCst, SeqCst, |inside| inside.checked_sub(1));
    }
}

/// Sees to it that exits and forks are told. Once, when the first client is made.
pub fn watch(py: Python<'_>) -> PyResult<()> {
    static WATCHED: PyOnceLock<()> = PyOnceLock::new();
    WATCHED
        .get_or_try_init(py, || {
            let close = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(close))?;
            py.import("atexit")?.call_method1("register", (close,))?;
            // The visitors of a parent are not in its child.
            let forget = PyCFunction::new_closure(py, None, None, |_, _| INSIDE.store(0, SeqCst))?;
            let hooks = [("after_in_child", forget)].into_py_dict(py)?;
            py.import("os")?.call_method("register_at_fork", (), Some(&hooks))?;
            Ok(())
        })
        .copied()
}

fn close() {
    CLOSED.store(true, SeqCst);
    let start = Instant::now();
    while INSIDE.load(SeqCst) > 0 && start.elapsed() < LONGEST_GOODBYE {
        thread::sleep(PAUSE);
    }
}
