//! The identity of a process, and the moment at which a child notices that it is one.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;

use super::files::forget_parents_files;
use super::gate::{DEPTH, GATE};

/// Identifies a process. The process ID is not enough: a child in a new PID namespace can have the ID of its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId {
    id: u32,
    forks: u32,
}

/// The number of forks between the first process and this one, as far as they were noticed.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// The process ID, which costs a system call to ask for, of the process that has written `KNOWN` into its mark.
static ID: AtomicU32 = AtomicU32::new(0);

/// Whether the next child has noticed itself: false in each new child of `fork`.
static IS_NOTICED: AtomicBool = AtomicBool::new(false);

/// A number that the system sets to zero in each child, however it was created. Without it the process ID is compared,
/// and what `pthread_atfork` reports.
static MARK: OnceLock<&'static AtomicU32> = OnceLock::new();
const WIPED: u32 = 0;
const NOTICING: u32 = 1;
const KNOWN: u32 = 2;

impl ProcessId {
    #[inline]
    pub fn current() -> Self {
        match MARK.get() {
            Some(mark) => {
                if mark.load(Acquire) != KNOWN {
                    notice(mark);
                }
                Self { id: ID.load(Relaxed), forks: FORKS.load(Relaxed) }
            }
            None => Self { id: process::id(), forks: FORKS.load(Relaxed) },
        }
    }

    /// Compares with `current`, without a system call where the system marks children.
    #[inline]
    pub fn is_current(self) -> bool {
        self == Self::current()
    }

    #[cfg(test)]
    pub(super) fn parent(self) -> [Self; 2] {
        [Self { id: self.id ^ 1, ..self }, Self { forks: self.forks.wrapping_sub(1), ..self }]
    }
}

/// Returns the number of forks that were noticed. It costs one load: a child that no handler reported still has its
/// parent's number, until it first asks for its `ProcessId`.
#[inline]
pub(crate) fn forks() -> u32 {
    FORKS.load(Relaxed)
}

/// Sets the number that the system zeroes in each child.
pub(crate) fn mark_with(mark: &'static AtomicU32) {
    ID.store(process::id(), Relaxed);
    mark.store(KNOWN, Relaxed);
    // It is set once, by the first call.
    let _ = MARK.set(mark);
}

/// Prepares this process to be the parent of a child.
pub(super) fn expect_fork() {
    // A child that no handler reported notices itself before it has children.
    ProcessId::current();
    IS_NOTICED.store(false, Relaxed);
}

/// Notices a fork at once. `pthread_atfork` calls it in each child. It does nothing if a handler that ran before called
/// the library, which has noticed the fork then: what the child has begun is its own.
pub(crate) fn note_fork() {
    if IS_NOTICED.load(Relaxed) {
        return;
    }
    match MARK.get() {
        Some(mark) => {
            // The system has done it, unless it only promised to.
            mark.store(WIPED, Relaxed);
            notice(mark);
        }
        None => begin_again(),
    }
}

/// Notices a fork that no handler reported: `_Fork`, or the system call itself.
#[cold]
fn notice(mark: &AtomicU32) {
    match mark.compare_exchange(WIPED, NOTICING, AcqRel, Acquire) {
        Ok(_) => {
            begin_again();
            mark.store(KNOWN, Release);
        }
        Err(_) => {
            while mark.load(Acquire) == NOTICING {
                thread::yield_now();
            }
        }
    }
}

fn begin_again() {
    GATE.reset_in_child(DEPTH.get());
    forget_parents_files();
    ID.store(process::id(), Relaxed);
    FORKS.fetch_add(1, Relaxed);
    IS_NOTICED.store(true, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a process of its own: it makes the state of all other tests that of a parent. Miri runs one test at a time.
    #[test]
    fn wiped_mark_makes_another_process() {
        const ALONE: &str = "WIPED_MARK_ALONE";
        if !cfg!(miri) && std::env::var_os(ALONE).is_none() {
            let mut alone = process::Command::new(std::env::current_exe().unwrap());
            alone.args(["--exact", "process::id::tests::wiped_mark_makes_another_process"]).env(ALONE, "1");
            let output = alone.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let marked = AtomicU32::new(KNOWN);
        let forks = FORKS.load(Relaxed);
        marked.store(WIPED, Relaxed);
        notice(&marked);
        assert_eq!(marked.load(Relaxed), KNOWN);
        assert!(FORKS.load(Relaxed) > forks);
    }
}
