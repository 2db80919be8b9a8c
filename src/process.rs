//! State that belongs to one process and must not be touched by the children it forks.
//!
//! After `fork` a child owns a copy of every lock, as it was held at that moment by threads it does not have, of every
//! connection, and of the event loop that drives them. Taking such a lock waits for ever; closing such a connection
//! breaks the parent's. So the process id is compared before any lock is touched, and in a child the old state is
//! left behind as it is, never dropped, and made anew.

use std::mem;
use std::process;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// A value that each process makes for itself when it first needs it.
pub(crate) struct ProcessLocal<T>(ArcSwapOption<Owned<T>>);

struct Owned<T> {
    pid: u32,
    value: Arc<T>,
}

impl<T: Default> ProcessLocal<T> {
    pub const fn new() -> Self {
        Self(ArcSwapOption::const_empty())
    }

    /// This process's value. Never waits for another thread.
    pub fn get(&self) -> Arc<T> {
        let pid = process::id();
        loop {
            let current = self.0.load();
            match &*current {
                Some(owned) if owned.pid == pid => return Arc::clone(&owned.value),
                _ => {
                    let made = Arc::new(Owned { pid, value: Arc::new(T::default()) });
                    leave_behind(self.0.compare_and_swap(&current, Some(made)).as_ref(), pid);
                }
            }
        }
    }
}

/// One reference that is never given back keeps a parent's value from being dropped here.
fn leave_behind<T>(owned: Option<&Arc<Owned<T>>>, pid: u32) {
    if let Some(owned) = owned.filter(|owned| owned.pid != pid) {
        mem::forget(Arc::clone(owned));
    }
}

impl<T> Drop for ProcessLocal<T> {
    fn drop(&mut self) {
        leave_behind(self.0.load().as_ref(), process::id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    #[derive(Default)]
    struct Counted(Arc<AtomicU32>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn inherited(dropped: &Arc<AtomicU32>) -> ProcessLocal<Counted> {
        let parents = Owned { pid: process::id() ^ 1, value: Arc::new(Counted(Arc::clone(dropped))) };
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
        let dropped = Arc::default();
        let local = inherited(&dropped);
        assert!(!Arc::ptr_eq(&local.get().0, &dropped));
        drop(local);
        assert_eq!(dropped.load(SeqCst), 0);

        drop(inherited(&dropped));
        assert_eq!(dropped.load(SeqCst), 0, "not even by a child that never used it");
    }
}
