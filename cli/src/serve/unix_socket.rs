//! A Unix socket that only the user can connect to.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

use crate::failure::Failure;

/// The file of a socket, which is removed when the server ends.
pub struct SocketFile {
    path: PathBuf,
    /// The device and the inode: another server can have put its own socket there.
    identity: (u64, u64),
    /// Locked as long as the server runs.
    _lock: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Refuses a directory in which another user could put a socket or a bearer in place of that of the server.
pub fn check_directory(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let is_own = metadata.uid() == geteuid().as_raw() || metadata.uid() == 0;
    if is_own && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Failure::new(format!("{} belongs to another user, or others can write to it; use chmod 700", path.display())))
}

/// Refuses a socket that accepts no connections, such as one end of a connection: the server would wait for ever. A
/// socket that listens is never ready for writing, and never hung up.
pub fn check_listens(socket: &impl AsFd) -> io::Result<()> {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut polled, PollTimeout::ZERO)? {
        0 => Ok(()),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "it does not listen for connections")),
    }
}

/// Opens a socket. Replaces one that a server left behind, and refuses one on which a server still runs.
pub fn open(path: &Path) -> Result<(UnixListener, SocketFile), Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot serve on {}: {error}", path.display()));
    let lock = lock(path)?;
    remove_stale(path)?;
    let socket = bind(path).map_err(failed)?;
    let identity = identity(path).map_err(failed)?;
    Ok((socket, SocketFile { path: path.into(), identity, _lock: lock }))
}

/// Keeps two servers that start at once from taking each other's socket for one that was left behind.
fn lock(path: &Path) -> Result<File, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    // A link that another user put there would have the file made, or locked, at a place of that user's choice.
    options.custom_flags(OFlag::O_NOFOLLOW.bits());
    let opened = options.open(&name);
    let lock = opened.map_err(|error| Failure::new(format!("cannot open {}: {error}", Path::new(&name).display())))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(is_served(path)),
        Err(TryLockError::Error(error)) => {
            Err(Failure::new(format!("cannot lock {}: {error}", Path::new(&name).display())))
        }
    }
}

fn remove_stale(path: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot replace {}: {error}", path.display()));
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(failed)?,
    };
    if !metadata.file_type().is_socket() {
        return Err(Failure::new(format!("{} exists and is no socket; name another path", path.display())));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(is_served(path)),
    }
}

fn is_served(path: &Path) -> Failure {
    Failure::new(format!("another server runs on {}; end it, or name another path with --socket", path.display()))
}

/// The mode of the socket is right from its first moment on.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let former = umask(Mode::S_IRWXG | Mode::S_IRWXO | Mode::S_IXUSR);
    let socket = UnixListener::bind(path);
    umask(former);
    socket
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
