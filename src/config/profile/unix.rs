//! The configuration file on Unix: where it is, and who may read and change it.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::causes;

const OTHERS_READ: u32 = 0o044;
const OTHERS_WRITE: u32 = 0o022;

/// Returns `$XDG_CONFIG_HOME`, or `.config` in the user's home directory.
pub(super) fn config_home(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))
}

/// Refuses a file that another user can change: its owner, unless that is this user or root, its group, or others. They
/// could have secrets sent to another server, and they choose the command that is run.
pub(super) fn check_writers(path: &Path, file: &File) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| causes::reason(&error))?;
    if !metadata.is_file() {
        return Ok(());
    }
    if metadata.uid() != geteuid().as_raw() && metadata.uid() != 0 {
        return Err("the file belongs to another user, who can change it; use chown".into());
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(format!("other users can change the file; use chmod go-w {}", path.display()));
    }
    Ok(())
}

/// Refuses a file that the group or others can read. The permissions of a pipe do not say who can reach it.
pub(super) fn check_readers(path: &Path) -> Result<(), String> {
    if metadata(path)?.is_some_and(|metadata| metadata.mode() & OTHERS_READ != 0) {
        return Err(format!("other users can read the file; use chmod 600 {}", path.display()));
    }
    Ok(())
}

/// Returns what the system knows of a regular file.
fn metadata(path: &Path) -> Result<Option<Metadata>, String> {
    let metadata = fs::metadata(path).map_err(|error| causes::reason(&error))?;
    Ok(metadata.is_file().then_some(metadata))
}
