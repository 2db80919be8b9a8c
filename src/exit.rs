//! The end of the process while a token request is under way: the token would be lost, and the quota of a day with it.
//! So the end waits until the token has been written, for at most as long as the request may take.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::clock::{BootTime, Clock, SystemClock};
use crate::process::ProcessLocal;

/// Counts the requests under way. A forked child has none of its parent's.
static REQUESTS: ProcessLocal<Requests> = ProcessLocal::new();

#[derive(Default)]
struct Requests {
    count: AtomicUsize,
    /// The latest end, on the boot clock in milliseconds.
    latest_end: AtomicI64,
}

/// A request under way, until its token is written.
pub(crate) struct RequestGuard(());

impl RequestGuard {
    /// `timeout` is the longest time until the token is written.
    pub fn new(timeout: Duration) -> Self {
        let requests = REQUESTS.get();
        requests.latest_end.fetch_max(SystemClock.now().after(timeout).as_ms(), SeqCst);
        requests.count.fetch_add(1, SeqCst);
        Self(())
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        // A guard that a forked child inherited is never dropped there: it belongs to a task of the parent's runtime.
        REQUESTS.get().count.fetch_sub(1, SeqCst);
    }
}

/// Waits until no token request of this process is under way, or has exceeded its time: for a program that replaces
/// itself by another one (`execve`), which runs no handlers of [`wait_at_exit`](crate::wait_at_exit).
pub fn wait_for_requests() {
    const INTERVAL: Duration = Duration::from_millis(2);
    let requests = REQUESTS.get();
    let ends = BootTime::from_ms(requests.latest_end.load(SeqCst));
    while requests.count.load(SeqCst) > 0 && SystemClock.now() < ends {
        thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn end_of_the_process_waits_for_requests_and_not_for_ever() {
        let start = Instant::now();
        let request = RequestGuard::new(Duration::from_secs(60));
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(request);
        });
        wait_for_requests();
        other.join().unwrap();
        assert!(start.elapsed() >= Duration::from_millis(50));
    }
}
