//! File systems of macOS.

use std::path::Path;

use nix::sys::statfs;

/// File systems that several machines share.
const SHARED: [(&str, &str); 4] = [("nfs", "NFS"), ("smbfs", "SMB"), ("afpfs", "AFP"), ("webdav", "WebDAV")];

pub(super) fn shared(path: &Path) -> Option<&'static str> {
    let found = statfs::statfs(path).ok()?;
    let name = found.filesystem_type_name();
    SHARED.iter().find(|(known, _)| *known == name).map(|(_, shown)| *shown)
}
