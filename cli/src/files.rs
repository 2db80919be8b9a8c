//! Files that only the user may read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

#[cfg_attr(unix, path = "files/unix.rs")]
#[cfg_attr(windows, path = "files/windows.rs")]
mod system;

/// Writes a new file that only the user may read. It fails if there is one.
pub fn create_new(path: &Path, content: &str) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

fn create(path: &Path) -> io::Result<File> {
    system::create(OpenOptions::new().write(true).create_new(true), path)
}
