//! Threads of Windows, which has no signals.

use std::io;
use std::thread::{Builder, JoinHandle};

pub(super) fn spawn(builder: Builder, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    builder.spawn(work)
}
