//! Writes to descriptor 2.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::unistd;

/// Writes all bytes with one system call, if stderr takes them at once, so that lines of several processes do not mix.
/// Does nothing if stderr is closed, or its reader has gone: the log thread blocks SIGPIPE.
///
/// Not through the standard library, whose lock of stderr a forked child can inherit while it is locked.
pub(super) fn write(mut bytes: &[u8]) {
    let stderr = io::stderr();
    while !bytes.is_empty() {
        match unistd::write(&stderr, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) if wait(&stderr) => {}
            Err(_) => return,
        }
    }
}

/// Waits until stderr, in non-blocking mode, takes bytes. The limit is for a descriptor that is replaced meanwhile.
fn wait(stderr: &io::Stderr) -> bool {
    const LIMIT_MS: u16 = 1_000;
    let result = poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], LIMIT_MS);
    matches!(result, Ok(_) | Err(Errno::EINTR))
}
