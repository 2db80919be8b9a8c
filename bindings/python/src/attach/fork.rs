//! Hooks of `os.fork`.

use std::sync::atomic::Ordering::SeqCst;

use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyCFunction};

use super::{FOREIGN_THREADS, FORKING, GUARDS, wait_until_zero};

pub(super) fn register(py: Python<'_>) -> PyResult<()> {
    let before = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(before_fork))?;
    let in_parent = PyCFunction::new_closure(py, None, None, |_, _| FORKING.store(false, SeqCst))?;
    let in_child = PyCFunction::new_closure(py, None, None, |_, _| reset_in_child())?;
    let hooks = [("before", before), ("after_in_parent", in_parent), ("after_in_child", in_child)];
    py.import("os")?.call_method("register_at_fork", (), Some(&hooks.into_py_dict(py)?))?;
    Ok(())
}

fn before_fork() {
    FORKING.store(true, SeqCst);
    wait_until_zero(&FOREIGN_THREADS);
}

/// A child has none of its parent's other threads.
fn reset_in_child() {
    for count in [&GUARDS, &FOREIGN_THREADS] {
        count.store(0, SeqCst);
    }
    FORKING.store(false, SeqCst);
}
