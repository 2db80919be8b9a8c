//! Files of Windows, which have the access control list of their directory: that of a user's temporary files and
//! documents lets only the user and administrators read.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

pub fn create(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

/// The standard library tells no more of a file.
pub type Identity = (u64, Option<SystemTime>);

pub fn identity(metadata: &Metadata) -> Identity {
    (metadata.len(), metadata.modified().ok())
}
