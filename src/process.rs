//! State that belongs to one process and must not be touched by the children it forks.
//!
//! After `fork` a child owns a copy of every lock, as it was held at that moment by threads it does not have, of every
//! connection, and of the event loop that drives them. Taking such a lock waits for ever; closing such a connection
//! breaks the parent's. So which process this is is compared before any lock is touched, and in a child the old state
//! is left behind as it is, never dropped, and made anew.

use std::mem;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32};

use arc_swap::ArcSwapOption;

/// Which process this is. The number alone is not enough: a child in a PID namespace of its own can have its parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId {
    id: u32,
    forks: u32,
}

/// How often this process and its ancestors were forked, as far as `note_fork` was told.
static FORKS: AtomicU32 = AtomicU32::new(0);

impl ProcessId {
    pub fn current() -> Self {
        Self { id: process::id(), forks: FORKS.load(Relaxed) }
    }

    /// The same as comparing with `current`, without its system call where each fork is told.
    pub fn is_current(self) -> bool {
        self.forks == FORKS.load(Relaxed) && (FORKS_ARE_TOLD.load(Relaxed) || self.id == process::id())
    }
}

/// Whether `note_fork` is called in each child.
static FORKS_ARE_TOLD: AtomicBool = AtomicBool::new(false);

/// To be called in each child, first of all (`pthread_atfork`). Without it the process id still tells nearly every child.
pub(crate) fn note_fork() {
    FORKS.fetch_add(1, Relaxed);
}

/// From now on `note_fork` is.
pub(crate) fn forks_are_told() {
    FORKS_ARE_TOLD.store(true, Relaxed);
}

/// A value that each process makes for itself when it first needs it.
pub(crate) struct ProcessLocal<T>(ArcSwapOption<Owned<T>>);

struct Owned<T> {
    process: ProcessId,
    value: Arc<T>,
}

impl<T: Default> ProcessLocal<T> {
    pub const fn new() -> Self {
        Self(ArcSwapOption::const_empty())
    }

    /// This process's value. Never waits for another thread.
    pub fn get(&self) -> Arc<T> {
        let process = ProcessId::current();
        loop {
            let current = self.0.load();
            match &*current {
                Some(owned) if owned.process == process => return Arc::clone(&owned.value),
                _ => {
                    let made = Arc::new(Owned { process, value: Arc::new(T::default()) });
                    leave_behind(self.0.compare_and_swap(&current, Some(made)).as_ref(), process);
                }
            }
        }
    }
}

#[cfg(test)]
impl<T> ProcessLocal<T> {
    /// As a forked child finds what its parent made.
    pub fn inherited(value: T) -> Self {
        let this = ProcessId::current();
        let parent = ProcessId { forks: this.forks.wrapping_sub(1), ..this };
        Self(ArcSwapOption::new(Some(Arc::new(Owned { process: parent, value: Arc::new(value) }))))
    }
}

/// One reference that is never given back keeps a parent's value from being dropped here.
fn leave_behind<T>(owned: Option<&Arc<Owned<T>>>, process: ProcessId) {
    if let Some(owned) = owned.filter(|owned| owned.process != process) {
        mem::forget(Arc::clone(owned));
    }
}

impl<T> Drop for ProcessLocal<T> {
    fn drop(&mut self) {
        leave_behind(self.0.load().as_ref(), ProcessId::current());
    }
}

/// A file whose lock must not outlive this process in a child: each child closes its copy, where forks are told.
pub(crate) struct CloseOnFork<F: AsRawFd> {
    file: F,
    place: Option<&'static AtomicI32>,
}

/// The files that children close. More than these are closed by nobody, and their locks wait for the child's end.
static CLOSED_ON_FORK: [AtomicI32; 64] = [const { AtomicI32::new(NO_FILE) }; 64];
const NO_FILE: RawFd = -1;

impl<F: AsRawFd> CloseOnFork<F> {
    pub fn new(file: F) -> Self {
        let number = file.as_raw_fd();
        let is_free = |place: &&AtomicI32| place.compare_exchange(NO_FILE, number, AcqRel, Relaxed).is_ok();
        let place = CLOSED_ON_FORK.iter().find(is_free);
        Self { file, place }
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
        if let Some(place) = self.place {
            place.store(NO_FILE, Release);
        }
    }
}

/// Hands each file that a child has to close to `close`, once. What owns them in the child is never dropped: it belongs
/// to a thread of the parent.
pub(crate) fn close_parents_files(close: impl Fn(RawFd)) {
    for place in &CLOSED_ON_FORK {
        let number = place.swap(NO_FILE, Relaxed);
        if number != NO_FILE {
            close(number);
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
        let parents = Owned { process: parent, value: Arc::new(Counted(Arc::clone(dropped))) };
        ProcessLocal(ArcSwapOption::new(Some(Arc::new(parents))))
    }

    #[test]
    fn a_process_has_one_value_and_drops_it() {
        let local = ProcessLocal::<Counted>::new();
        let value = local.get();
        assert!(Arc::ptr_eq(&value, &local.get()));
        let dropped = Arc::clone(&value.0);
        drop(value);
        drop(local);
        assert_eq!(dropped.load(SeqCst), 1);
    }

    #[test]
    fn an_inherited_value_is_replaced_and_never_dropped() {
        let this = ProcessId::current();
        for parent in [ProcessId { id: this.id ^ 1, ..this }, ProcessId { forks: this.forks.wrapping_sub(1), ..this }] {
            let dropped = Arc::default();
            let local = inherited(parent, &dropped);
            assert!(!Arc::ptr_eq(&local.get().0, &dropped));
            drop(local);
            assert_eq!(dropped.load(SeqCst), 0);

            drop(inherited(parent, &dropped));
            assert_eq!(dropped.load(SeqCst), 0, "not even by a child that never used it");
        }
    }
}
