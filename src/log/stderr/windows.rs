//! Writes to the standard error of the process, which can be a console.

use std::io::{self, Write};

/// Writes all bytes. Does nothing if there is no stderr, or its reader has gone.
pub(super) fn write(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}
