//! The file of a private key: its permissions and its content.

#[cfg_attr(unix, path = "key_file/unix.rs")]
#[cfg_attr(windows, path = "key_file/windows.rs")]
mod system;

use std::fs::File;
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
    system::check_permissions(path, &file)?;
    let content = secret_file::read(file, MAX_LENGTH).map_err(|error| causes::reason(&error))?;
    content.ok_or_else(|| "the file is larger than 64 KiB, and no key is".into())
}
