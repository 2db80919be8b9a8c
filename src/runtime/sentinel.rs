//! Detects that the program closed the descriptors of a runtime.

use std::io::{self, PipeReader};
use std::os::fd::AsFd;

use nix::sys::stat::fstat;

/// An unused descriptor beside those of the runtime: a program that closes all descriptors closes this one as well. The
/// number can belong to another file afterwards, so the inode of the pipe is compared.
pub(super) struct Sentinel {
    pipe: PipeReader,
    identity: (libc::dev_t, libc::ino_t),
}

impl Sentinel {
    pub fn new() -> io::Result<Self> {
        let (pipe, _) = io::pipe()?;
        let identity = identity(&pipe)?;
        Ok(Self { pipe, identity })
    }

    pub fn is_there(&self) -> bool {
        identity(&self.pipe).is_ok_and(|identity| identity == self.identity)
    }
}

fn identity(file: &impl AsFd) -> io::Result<(libc::dev_t, libc::ino_t)> {
    let file = fstat(file)?;
    Ok((file.st_dev, file.st_ino))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn sentinel_is_missed_when_another_file_has_its_number() {
        let mut sentinel = Sentinel::new().unwrap();
        assert!(sentinel.is_there());
        let (other, _) = io::pipe().unwrap();
        sentinel.pipe = PipeReader::from(OwnedFd::from(other));
        assert!(!sentinel.is_there());
    }
}
