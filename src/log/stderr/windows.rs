//! The standard error of the process, which can be a console.

use std::io::{self, Write};

pub(super) struct Stderr(io::Stderr);

impl Stderr {
    pub fn now() -> Self {
        Self(io::stderr())
    }

    /// Writes all bytes. Does nothing if there is no stderr, or its reader has gone.
    pub fn write(&self, bytes: &[u8]) {
        let _ = self.0.lock().write_all(bytes);
    }
}
