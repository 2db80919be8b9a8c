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
mod token;
mod wait;

use pyo3::prelude::*;

/// The native half of tango_token. Import `tango_token` instead.
#[pymodule]
mod _native {
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
    fn init() {
        tango_token::watch_forks();
    }

    /// The version of the package.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
