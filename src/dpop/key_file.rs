//! The file of a private key: its permissions and its content.

#[cfg_attr(unix, path = "key_file/unix.rs")]
#[cfg_attr(windows, path = "key_file/windows.rs")]
mod system;

use std::fs::File;
use std::path::Path;

use zeroize::Zeroizing;

use crate::input_file::{self, Expected, MAX_SECRET_LENGTH, Pipe};

const KEY: Expected = Expected {
    max_length: MAX_SECRET_LENGTH,
    too_long: "the file is larger than 64 KiB, and no key is",
    check: check_permissions,
    pipe: Pipe::Allowed,
};

fn check_permissions(path: &Path, file: &File) -> Result<(), String> {
    if let Some(problem) = system::inspect(file)? {
        tracing::warn!("{problem} the DPoP key file {}; {}", path.display(), system::ADVICE);
    }
    Ok(())
}

/// Returns who can do more with a key file than needed, as `read` warns of it.
pub(crate) fn warning(path: &Path) -> Option<String> {
    let problem = File::open(path).ok().and_then(|file| system::inspect(&file).ok().flatten())?;
    Some(format!("{problem} the key file; {} {}", system::ADVICE, path.display()))
}

/// Returns the content of a key file. Refuses a file that every user can write to, because then anyone can exchange the
/// key; warns of one that more users than needed can read or write. Links are followed, as secrets of Kubernetes need.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    input_file::read(path, KEY)
}
