//! Locked files, whose copies a forked child closes.

use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};

/// A locked file whose copy each forked child closes, if forks are reported. Otherwise the child would keep the lock
/// after this process ends.
pub(crate) struct CloseOnFork<F: AsRawFd> {
    file: F,
    slot: Option<&'static AtomicI32>,
}

/// The descriptors that children close. If all slots are in use, the lock of a further file lasts until the child ends.
static CLOSED_ON_FORK: [AtomicI32; 64] = [const { AtomicI32::new(NO_FILE) }; 64];
const NO_FILE: RawFd = -1;

impl<F: AsRawFd> CloseOnFork<F> {
    pub fn new(file: F) -> Self {
        let descriptor = file.as_raw_fd();
        let is_free = |slot: &&AtomicI32| slot.compare_exchange(NO_FILE, descriptor, AcqRel, Relaxed).is_ok();
        let slot = CLOSED_ON_FORK.iter().find(is_free);
        Self { file, slot }
    }
}

impl<F: AsRawFd> Deref for CloseOnFork<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.file
    }
}

impl<F: AsRawFd> Drop for CloseOnFork<F> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.store(NO_FILE, Release);
        }
    }
}

/// Calls `close` once for each descriptor that a child has to close. Their owners are never dropped in the child: they
/// belong to threads of the parent.
pub(crate) fn close_parents_files(close: impl Fn(RawFd)) {
    for slot in &CLOSED_ON_FORK {
        let descriptor = slot.swap(NO_FILE, Relaxed);
        if descriptor != NO_FILE {
            close(descriptor);
        }
    }
}

/// Forgets the descriptors of a parent that are still open. A child that notices itself late must not close them: the
/// program may have closed them, and their numbers may be those of its own files.
pub(super) fn forget_parents_files() {
    close_parents_files(|_| ());
}
