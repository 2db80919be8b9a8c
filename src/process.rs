//! State that belongs to one process, and that a forked child must not touch.
//!
//! After `fork` a child has a copy of every lock, held by threads that the child does not have, and of every connection
//! and the event loop that drives it. Taking such a lock blocks for ever, and closing such a connection breaks the
//! parent's. Therefore the process is compared before any lock is touched. A child leaves the inherited state as it is,
//! never drops it, and creates its own.

use std::mem;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32};

use arc_swap::ArcSwapOption;

/// Identifies a process. The process ID is not enough: a child in a new PID namespace can have the ID of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId {
    id: u32,
    forks: u32,
}

/// The number of forks between the first process and this one, as far as `note_fork` was called.
static FORKS: AtomicU32 = AtomicU32::new(0);

impl ProcessId {
    pub fn current() -> Self {
        Self { id: process::id(), forks: FORKS.load(Relaxed) }
    }

    /// Compares with `current`, without a system call if forks are reported.
    pub fn is_current(self) -> bool {
        self.forks == FORKS.load(Relaxed) && (FORKS_ARE_REPORTED.load(Relaxed) || self.id == process::id())
    }
}

/// Whether `note_fork` is called in each child.
static FORKS_ARE_REPORTED: AtomicBool = AtomicBool::new(false);

/// Counts a fork. `pthread_atfork` calls it in each child. Without it, the process ID still distinguishes nearly all
/// children.
pub(crate) fn note_fork() {
    FORKS.fetch_add(1, Relaxed);
}

/// Promises that `note_fork` is called in each child from now on.
pub(crate) fn forks_are_reported() {
    FORKS_ARE_REPORTED.store(true, Relaxed);
}

/// A value that each process creates when it first needs it.
pub(crate) struct ProcessLocal<T>(ArcSwapOption<Owned<T>>);

struct Owned<T> {
    process: ProcessId,
    generation: u32,
    value: Arc<T>,
}

impl<T> Owned<T> {
    fn is_of(&self, process: ProcessId, generation: u32) -> bool {
        self.process == process && self.generation == generation
    }
}

impl<T: Default> ProcessLocal<T> {
    pub const fn new() -> Self {
        Self(ArcSwapOption::const_empty())
    }

    /// Returns the value of this process. Never waits for another thread.
    pub fn get(&self) -> Arc<T> {
        self.get_for(0)
    }

    /// The same for a value that belongs to something of this process that can die before it, like the library's
    /// thread: each generation has its own, and leaves behind that of the last one.
    pub fn get_for(&self, generation: u32) -> Arc<T> {
        let process = ProcessId::current();
        loop {
            let current = self.0.load();
            match &*current {
                Some(owned) if owned.is_of(process, generation) => return Arc::clone(&owned.value),
                _ => {
                    let created = Arc::new(Owned { process, generation, value: Arc::new(T::default()) });
                    let replaced = self.0.compare_and_swap(&current, Some(created));
                    leave_behind(replaced.as_ref().filter(|owned| !owned.is_of(process, generation)));
                }
            }
        }
    }
}

impl<T> ProcessLocal<T> {
    /// Leaves behind a value of an earlier generation, which must not be dropped.
    pub fn leave_behind_unless_of(&self, generation: u32) {
        leave_behind(self.0.load().as_ref().filter(|owned| owned.generation != generation));
    }
}

#[cfg(test)]
impl<T> ProcessLocal<T> {
    /// Returns a value as a forked child inherits it.
    pub fn inherited(value: T) -> Self {
        let this = ProcessId::current();
        let parent = ProcessId { forks: this.forks.wrapping_sub(1), ..this };
        Self(ArcSwapOption::new(Some(Arc::new(Owned { process: parent, generation: 0, value: Arc::new(value) }))))
    }
}

/// Leaks one reference to a value of a parent, or of a generation that died, so that it is never dropped here.
fn leave_behind<T>(owned: Option<&Arc<Owned<T>>>) {
    if let Some(owned) = owned {
        mem::forget(Arc::clone(owned));
    }
}

impl<T> Drop for ProcessLocal<T> {
    fn drop(&mut self) {
        let process = ProcessId::current();
        leave_behind(self.0.load().as_ref().filter(|owned| owned.process != process));
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::SeqCst;

    #[derive(Default)]
    struct Counted(Arc<AtomicU32>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn inherited(parent: ProcessId, dropped: &Arc<AtomicU32>) -> ProcessLocal<Counted> {
        let owned = Owned { process: parent, generation: 0, value: Arc::new(Counted(Arc::clone(dropped))) };
        ProcessLocal(ArcSwapOption::new(Some(Arc::new(owned))))
    }

    #[test]
    fn value_is_shared_in_a_process_and_dropped_with_it() {
        let local = ProcessLocal::<Counted>::new();
        let value = local.get();
        assert!(Arc::ptr_eq(&value, &local.get()));
        let dropped = Arc::clone(&value.0);
        drop(value);
        drop(local);
        assert_eq!(dropped.load(SeqCst), 1);
    }

    #[test]
    fn inherited_value_is_replaced_and_never_dropped() {
        let this = ProcessId::current();
        for parent in [ProcessId { id: this.id ^ 1, ..this }, ProcessId { forks: this.forks.wrapping_sub(1), ..this }] {
            let dropped = Arc::default();
            let local = inherited(parent, &dropped);
            assert!(!Arc::ptr_eq(&local.get().0, &dropped));
            drop(local);
            assert_eq!(dropped.load(SeqCst), 0);

            drop(inherited(parent, &dropped));
            assert_eq!(dropped.load(SeqCst), 0, "nor by a child that never used it");
        }
    }
}
