//! Descriptor 2.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd;

use crate::process::{FileIdentity, file_identity};

/// The stderr of this process, and the file that it was at first.
pub(super) struct Stderr {
    handle: io::Stderr,
    at_first: Option<FileIdentity>,
}

impl Stderr {
    pub fn now() -> Self {
        let handle = io::stderr();
        let at_first = fstat(&handle).ok().map(|found| file_identity(&found));
        Self { handle, at_first }
    }

    /// Writes all bytes with one system call, if stderr takes them at once, so that lines of several processes do not
    /// mix. Does nothing if stderr is closed, or its reader has gone: the log thread blocks SIGPIPE.
    ///
    /// Not through the standard library, whose lock of stderr a forked child can inherit while it is locked.
    pub fn write(&self, mut bytes: &[u8]) {
        if !self.is_for_logs() {
            return;
        }
        while !bytes.is_empty() {
            match unistd::write(&self.handle, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if self.wait() => {}
                Err(_) => return,
            }
        }
    }

    /// Returns whether descriptor 2 is still meant for messages. Once a program closes it, the number goes to the next
    /// file or connection that is opened, such as a database. Programs that redirect stderr while they run take a
    /// terminal, or a file for appending.
    fn is_for_logs(&self) -> bool {
        let Ok(found) = fstat(&self.handle) else { return false };
        if self.at_first == Some(file_identity(&found)) {
            return true;
        }
        let is_file = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        let flags = || fcntl(&self.handle, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
        self.handle.is_terminal() || is_file && flags().is_ok_and(|flags| flags.contains(OFlag::O_APPEND))
    }

    /// Waits until stderr, in non-blocking mode, takes bytes. The limit is for a descriptor that is replaced meanwhile.
    fn wait(&self) -> bool {
        const LIMIT_MS: u16 = 1_000;
        let result = poll(&mut [PollFd::new(self.handle.as_fd(), PollFlags::POLLOUT)], LIMIT_MS);
        matches!(result, Ok(_) | Err(Errno::EINTR)) && self.is_for_logs()
    }
}
