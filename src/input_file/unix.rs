//! Files of Unix.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a file, and does not wait for the other end of a pipe.
pub(super) fn open_without_waiting(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Returns whether reading can wait without an end.
pub(super) fn can_wait(metadata: &Metadata) -> bool {
    super::is_special(metadata)
}
