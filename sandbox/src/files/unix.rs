//! Permissions of Unix.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Who may read a file, as its mode.
#[derive(Clone, Copy)]
pub enum Readers {
    /// Everyone may read a certificate.
    Everyone = 0o644,
    /// The variables hold the secrets of the service account, and a user can have set real ones.
    User = 0o600,
}

pub fn create(options: &mut OpenOptions, path: &Path, readers: Readers) -> io::Result<File> {
    let mode = readers as u32;
    let file = options.mode(mode).open(path)?;
    // Once more, because the umask can have removed bits of the mode above.
    file.set_permissions(PermissionsExt::from_mode(mode))?;
    Ok(file)
}
