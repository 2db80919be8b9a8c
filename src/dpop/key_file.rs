//! The file of a private key: its permissions and its content.

use std::fs::{File, Metadata};
use std::path::Path;

use zeroize::Zeroizing;

use crate::causes;
use crate::secret_file;

/// Larger than any key.
const MAX_LENGTH: usize = 64 * 1024;

/// Returns the content of a key file. Refuses a file that every user can write to, because then anyone can exchange the
/// key; warns of one that more users than needed can read or write. Links are followed, as secrets of Kubernetes need.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = File::open(path).map_err(|error| causes::reason(&error))?;
    let metadata = file.metadata().map_err(|error| causes::reason(&error))?;
    check_permissions(path, &metadata)?;
    let content = secret_file::read(file, MAX_LENGTH).map_err(|error| causes::reason(&error))?;
    content.ok_or_else(|| "the file is larger than 64 KiB, and no key is".into())
}

#[cfg(unix)]
fn check_permissions(path: &Path, metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;

    const OTHERS_WRITE: u32 = 0o002;
    const OTHERS_READ: u32 = 0o004;
    const GROUP_WRITES: u32 = 0o020;

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

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the shape that Unix needs")]
fn check_permissions(_: &Path, _: &Metadata) -> Result<(), String> {
    Ok(())
}
