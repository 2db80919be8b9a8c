//! The private module `tango_token._native`: the Rust core as Python classes.
//!
//! Each file holds one class, or one thing that native code has to respect in a Python process (attaching, waiting,
//! logging). The doc comments of classes and methods are their docstrings.

// Docstrings follow Python's conventions.
#![allow(clippy::doc_markdown)]

mod asyncio;
mod attach;
mod authorization;
mod client;
mod config;
mod dpop;
mod errors;
mod keywords;
mod logging;
mod options;
mod stats;
mod token;
mod wait;

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Zeroises everything that is freed, as in the C library.
#[global_allocator]
static ALLOCATOR: tango_token::ZeroizingAllocator = tango_token::ZeroizingAllocator;

/// The native half of tango_token. Import `tango_token` instead.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::authorization::PyAuthorization;
    #[pymodule_export]
    use super::client::PyClient;
    #[pymodule_export]
    use super::dpop::{PyDpopKey, dpop_proof};
    #[pymodule_export]
    use super::logging::log_to_stderr;
    #[pymodule_export]
    use super::stats::{PySample, PyStats};
    #[pymodule_export]
    use super::token::PyToken;

    /// Calls `watch_forks` and `wait_at_exit`, which require that the module is never unloaded. Python never unloads one.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::refuse_other_interpreters(module.py())?;
        tango_token::watch_forks();
        tango_token::wait_at_exit();
        Ok(())
    }

    /// The version of the package.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

/// Fails in subinterpreters: the statics of this module, such as the logger, belong to one interpreter.
///
/// Pythons before 3.12 do not check whether a module supports several. The address of the module `sys` identifies an
/// interpreter, since each has its own.
fn refuse_other_interpreters(py: Python<'_>) -> PyResult<()> {
    static FIRST: OnceLock<usize> = OnceLock::new();
    let current = py.import("sys")?.as_ptr().addr();
    if *FIRST.get_or_init(|| current) == current {
        return Ok(());
    }
    Err(PyImportError::new_err("tango_token does not work in subinterpreters; use threads or processes"))
}
