//! Permissions of Unix.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::causes;

const OTHERS_WRITE: u32 = 0o002;
const OTHERS_READ: u32 = 0o004;
const GROUP_WRITES: u32 = 0o020;

pub(super) fn check_permissions(path: &Path, file: &File) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| causes::reason(&error))?;
    let mode = metadata.permissions().mode();
    // The permissions of a pipe, such as /dev/stdin, do not say who can reach it.
    if !metadata.is_file() {
        return Ok(());
    }
    if mode & OTHERS_WRITE != 0 {
        return Err("every user of this machine can write to the file, and so exchange the key; use chmod 600".into());
    }
    if mode & (OTHERS_READ | GROUP_WRITES) != 0 {
        let whom = if mode & OTHERS_READ != 0 { "every user of this machine can read" } else { "its group can change" };
        tracing::warn!("{whom} the DPoP key file {}; use chmod 600", path.display());
    }
    Ok(())
}
