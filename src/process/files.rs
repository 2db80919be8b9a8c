//! Locked files, whose copies a forked child closes.

use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicU64};

use nix::sys::stat::fstat;

/// A locked file whose copy each forked child closes, if forks are reported. Otherwise the child would keep the lock
/// after this process ends.
pub(crate) struct CloseOnFork<F> {
    file: F,
    slot: Option<&'static Slot>,
}

/// The descriptors that children close. If all slots are in use, the lock of a further file lasts until the child ends.
static CLOSED_ON_FORK: [Slot; 64] = [const { Slot::new() }; 64];

/// A descriptor, and the device and inode of its file. The program may close descriptors of the library, as daemons do:
/// the number can then belong to a file of the program.
struct Slot {
    descriptor: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

const FREE: RawFd = -1;
const TAKEN: RawFd = -2;

impl Slot {
    const fn new() -> Self {
        Self { descriptor: AtomicI32::new(FREE), device: AtomicU64::new(0), inode: AtomicU64::new(0) }
    }

    fn take(&self) -> bool {
        self.descriptor.compare_exchange(FREE, TAKEN, AcqRel, Relaxed).is_ok()
    }

    fn set(&self, descriptor: RawFd, [device, inode]: FileIdentity) {
        self.device.store(device, Relaxed);
        self.inode.store(inode, Relaxed);
        self.descriptor.store(descriptor, Release);
    }
}

/// The device and the inode of a file.
pub(crate) type FileIdentity = [u64; 2];

/// Converts what `fstat` found, whose types differ between systems.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "compared only with one that is made here, too")]
pub(crate) fn file_identity(found: &libc::stat) -> FileIdentity {
    [found.st_dev as u64, found.st_ino as u64]
}

impl<F: AsRawFd + AsFd> CloseOnFork<F> {
    pub fn new(file: F) -> Self {
        let found = fstat(&file).ok();
        let slot = found.and_then(|found| {
            let slot = CLOSED_ON_FORK.iter().find(|slot| slot.take())?;
            slot.set(file.as_raw_fd(), file_identity(&found));
            Some(slot)
        });
        Self { file, slot }
    }
}

impl<F> Deref for CloseOnFork<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.file
    }
}

impl<F> Drop for CloseOnFork<F> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.descriptor.store(FREE, Release);
        }
    }
}

/// Calls `close` once for each descriptor that a child has to close if it still belongs to this file. Their owners are
/// never dropped in the child: they belong to threads of the parent.
pub(crate) fn close_parents_files(close: impl Fn(RawFd, FileIdentity)) {
    for slot in &CLOSED_ON_FORK {
        let descriptor = slot.descriptor.swap(FREE, Acquire);
        if descriptor >= 0 {
            close(descriptor, [slot.device.load(Relaxed), slot.inode.load(Relaxed)]);
        }
    }
}

/// Forgets the descriptors of a parent that are still open. A child that notices itself late must not close them: its
/// own locked files can be the same ones.
pub(super) fn forget_parents_files() {
    close_parents_files(|_, _| ());
}
