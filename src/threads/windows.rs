//! Threads of Windows, which has no signals.

use std::io;
use std::thread::{Builder, JoinHandle};

use super::Code;

pub(super) fn spawn(builder: Builder, _: Code, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    builder.spawn(work)
}
