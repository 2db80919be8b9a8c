//! Numbers the threads of a process, for data that threads share but do not contend for.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::LocalKey;

const UNNUMBERED: usize = usize::MAX;

/// Returns the number of the calling thread: 0 for the first one that asks, and never that of another thread.
#[inline]
pub(crate) fn number() -> usize {
    // Without a destructor, so it works until the thread ends.
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(UNNUMBERED) });
    match NUMBER.get() {
        UNNUMBERED => first(&NUMBER),
        number => number,
    }
}

#[cold]
fn first(number: &'static LocalKey<Cell<usize>>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    number.set(NEXT.fetch_add(1, Ordering::Relaxed));
    number.get()
}
