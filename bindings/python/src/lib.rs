//! The private module `tango_token._native`: the Rust core as Python classes.
//!
//! Each file is one thing that Python sees, or one thing that an interpreter asks of those who live in it. What is
//! documented here is what `help()` shows.

// Docstrings are written for Python's `help()`.
#![allow(clippy::doc_markdown)]

mod asyncio;
mod attach;
mod authorization;
mod client;
mod config;
mod dpop;
mod errors;
mod logging;
mod options;
mod token;
mod wait;

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

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
    use super::token::PyToken;

    /// Python never unloads a module, as `watch_forks` asks.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::refuse_other_interpreters(module.py())?;
        tango_token::watch_forks();
        Ok(())
    }

    /// The version of the package.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

/// What is kept here, such as the logger, belongs to one interpreter. Pythons before 3.12 do not ask whether a module can
/// be in several. The module `sys` tells them apart: each has its own, for as long as it lives.
fn refuse_other_interpreters(py: Python<'_>) -> PyResult<()> {
    static FIRST: OnceLock<usize> = OnceLock::new();
    let this = py.import("sys")?.as_ptr().addr();
    if *FIRST.get_or_init(|| this) == this {
        return Ok(());
    }
    Err(PyImportError::new_err("tango_token does not work in subinterpreters; use threads or processes"))
}
