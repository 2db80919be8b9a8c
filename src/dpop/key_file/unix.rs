//! Permissions of Unix.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;

use crate::causes;

const OTHERS_WRITE: u32 = 0o002;
const OTHERS_READ: u32 = 0o004;
const GROUP_WRITES: u32 = 0o020;

/// What mends permissions, before the path.
pub(super) const ADVICE: &str = "use chmod 600";

/// Returns who can do more with the file than needed, as the beginning of a sentence.
pub(super) fn inspect(file: &File) -> Result<Option<&'static str>, String> {
    let metadata = file.metadata().map_err(|error| causes::reason(&error))?;
    let mode = metadata.permissions().mode();
    // The permissions of a pipe, such as /dev/stdin, do not say who can reach it.
    if !metadata.is_file() {
        return Ok(None);
    }
    if mode & OTHERS_WRITE != 0 {
        return Err("every user of this machine can write to the file, and so exchange the key; use chmod 600".into());
    }
    Ok(match mode {
        _ if mode & OTHERS_READ != 0 => Some("every user of this machine can read"),
        _ if mode & GROUP_WRITES != 0 => Some("its group can change"),
        _ => None,
    })
}
