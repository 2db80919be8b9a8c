//! File systems of Linux.

use std::path::Path;

use nix::sys::statfs::statfs;

/// File systems that several machines share, or whose locks depend on a program (statfs(2)).
const SHARED: [(u32, &str); 8] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
];

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the numbers have 32 bits on each platform")]
pub(super) fn shared(path: &Path) -> Option<&'static str> {
    let found = statfs(path).ok()?.filesystem_type().0 as u32;
    SHARED.iter().find(|(known, _)| *known == found).map(|(_, name)| *name)
}
