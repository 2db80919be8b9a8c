//! Says on a terminal what a command waits for, once that takes longer than people expect.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::times;

const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_secs(1);

/// Runs `work`, which takes `limit` at most. On a terminal, standard error says after two seconds what it waits for.
pub fn during<T>(what: &str, limit: Duration, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    thread::scope(|scope| {
        // Dropped with this scope, however `work` ends.
        let (_running, ended) = mpsc::channel::<()>();
        scope.spawn(move || show(what, limit, &ended));
        work()
    })
}

fn show(what: &str, limit: Duration, ended: &mpsc::Receiver<()>) {
    let start = Instant::now();
    let mut pause = PATIENCE;
    let mut is_shown = false;
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let left = limit.saturating_sub(start.elapsed());
        let _ = write!(io::stderr(), "\r\x1b[Kwaiting for {what}: {} at most", times::span(left));
        (pause, is_shown) = (STEP, true);
    }
    if is_shown {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}
