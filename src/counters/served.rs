//! Counts the tokens that are served from memory. That takes about as long as a handful of additions, because nearly
//! every call of a program passes here.
//!
//! The first threads of a process own a cell each, which no other thread writes: they add without an atomic
//! read-modify-write, and no cache line moves between processors. Later threads share the cells that are left.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::process::forks;

/// The number of threads that own a cell.
const OWNED: usize = 32;
/// The number of cells for all other threads, which share them.
const SHARED: usize = 8;
/// A cell counts in its lower bits. The upper ones are the number of forks before the process that counts, so that a
/// forked child begins at zero without a step of its own.
const COUNT_BITS: u32 = 48;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

#[repr(align(128))]
#[derive(Default)]
struct Cell(AtomicU64);

#[derive(Default)]
pub(crate) struct Served {
    owned: [Cell; OWNED],
    shared: [Cell; SHARED],
}

impl Served {
    /// Counts one token for the calling thread, which has this number.
    #[inline]
    pub fn add(&self, thread: usize) {
        match self.owned.get(thread) {
            Some(Cell(cell)) => cell.store(next(cell.load(Relaxed)), Relaxed),
            None => self.add_shared(thread),
        }
    }

    #[cold]
    fn add_shared(&self, thread: usize) {
        // The closure always returns a value.
        let _ = self.shared[thread % SHARED].0.fetch_update(Relaxed, Relaxed, |cell| Some(next(cell)));
    }

    /// Returns the number of tokens served by this process.
    pub fn total(&self) -> u64 {
        let cells = self.owned.iter().chain(&self.shared).map(|cell| cell.0.load(Relaxed));
        cells.filter(|cell| cell & !COUNT == tag()).map(|cell| cell & COUNT).sum()
    }
}

/// Returns the next value of a cell: one more, or one in a new process.
#[inline]
fn next(cell: u64) -> u64 {
    let tag = tag();
    if cell & !COUNT == tag { tag | ((cell + 1) & COUNT) } else { tag | 1 }
}

#[inline]
fn tag() -> u64 {
    u64::from(forks()) << COUNT_BITS
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::threads;

    #[test]
    fn every_token_is_counted_once_however_many_threads_take_them() {
        let served = Served::default();
        thread::scope(|scope| {
            for _ in 0..2 * (OWNED + SHARED) {
                scope.spawn(|| (0..1000).for_each(|_| served.add(threads::number())));
            }
        });
        assert_eq!(served.total(), 2 * (OWNED + SHARED) as u64 * 1000);
    }

    #[test]
    fn cell_of_a_parent_begins_again_in_its_child() {
        let inherited = (u64::from(forks()).wrapping_sub(1) << COUNT_BITS) | 7;
        assert_eq!(next(inherited), tag() | 1);
        let served = Served::default();
        served.owned[0].0.store(inherited, Relaxed);
        assert_eq!(served.total(), 0);
    }
}
