//! State that belongs to one process, and that a forked child must not touch.
//!
//! After `fork` a child has a copy of every lock, held by threads that the child does not have, and of every connection
//! and the event loop that drives it. Taking such a lock blocks for ever, and closing such a connection breaks the
//! parent's. Therefore the process is compared before any lock is touched. A child leaves the inherited state as it is,
//! never drops it, and creates its own.

#[cfg(unix)]
mod files;
#[cfg(unix)]
mod gate;
#[cfg(unix)]
mod id;
#[cfg(windows)]
mod no_forks;
#[cfg(unix)]
pub(crate) mod section;

use std::mem;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

#[cfg(unix)]
pub(crate) use files::{CloseOnFork, FileIdentity, close_parents_files, file_identity};
#[cfg(unix)]
pub(crate) use gate::Patience;
#[cfg(unix)]
pub(crate) use id::{ProcessId, forks, mark_with, note_fork};
#[cfg(windows)]
pub(crate) use no_forks::{CloseOnFork, ProcessId, forks, section};

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

#[cfg(all(test, unix))]
impl<T> ProcessLocal<T> {
    /// Returns a value as a forked child inherits it.
    pub fn inherited(value: T) -> Self {
        let [_, parent] = ProcessId::current().parent();
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    #[derive(Default)]
    struct Counted(Arc<AtomicU32>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[cfg(unix)]
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

    #[cfg(unix)]
    #[test]
    fn inherited_value_is_replaced_and_never_dropped() {
        for parent in ProcessId::current().parent() {
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
