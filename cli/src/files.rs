//! Files that only the user may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

#[cfg_attr(unix, path = "files/unix.rs")]
#[cfg_attr(windows, path = "files/windows.rs")]
mod system;

pub use system::Identity;

/// Writes a new file that only the user may read. It fails if there is one.
pub fn create_new(path: &Path, content: &str) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

fn create(path: &Path) -> io::Result<File> {
    system::create(OpenOptions::new().write(true).create_new(true), path)
}

/// Returns whether the file at this path is that with this identity, and not one that another process put there.
pub fn is_same(path: &Path, identity: Identity) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| system::identity(&metadata) == identity)
}

/// Writes a file that only the user may read, at once: a reader finds the whole old file or the whole new one. Returns
/// its identity.
pub fn replace(path: &Path, content: &str) -> io::Result<Identity> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    // One of a process that was killed: in a container, this process often has the same ID.
    let _ = fs::remove_file(&temporary);
    let written = create_new(&temporary, content).and_then(|()| fs::symlink_metadata(&temporary));
    let written = written.and_then(|metadata| fs::rename(&temporary, path).map(|()| system::identity(&metadata)));
    if written.is_err() {
        // It may never have been created.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_replaced_although_a_killed_process_left_another() {
        let directory = std::env::temp_dir().join(format!("tango-token-files-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("token");
        fs::write(directory.join(format!(".token.{}.tmp", std::process::id())), "half").unwrap();
        for content in ["first", "second"] {
            let identity = replace(&path, content).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert!(is_same(&path, identity));
        }
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }
}
