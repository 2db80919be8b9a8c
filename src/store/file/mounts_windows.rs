//! File systems of Windows, which tells nothing of their locks.

use std::path::Path;

pub(super) fn shared(_: &Path) -> Option<&'static str> {
    None
}
