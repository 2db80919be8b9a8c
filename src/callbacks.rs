//! The thread on which callbacks of the program run, one after the other. It is started when first needed.
//!
//! A callback that sleeps or hangs delays other callbacks and nothing else: requests and deadlines are the work of the
//! library's other thread. The queue uses no descriptor that a program could close.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use crate::process::ProcessLocal;
use crate::role::{Role, with_role};
use crate::threads::{self, Job};

static CALLBACKS: ProcessLocal<Callbacks> = ProcessLocal::new();

/// The number of log lines that wait at most. Further lines are dropped.
const MAX_LINES: usize = 1_000;

#[derive(Default)]
struct Callbacks {
    queue: Mutex<Queue>,
    added: Condvar,
    is_running: AtomicBool,
    /// Locked only by callers that need the thread while there is none.
    starting: Mutex<()>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Kind, Job)>,
    lines: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    LogLine,
}

/// Starts the thread unless it runs already.
pub(crate) fn start() -> io::Result<()> {
    let callbacks = CALLBACKS.get();
    if callbacks.is_running.load(SeqCst) {
        return Ok(());
    }
    let starting = callbacks.starting.lock().unwrap_or_else(PoisonError::into_inner);
    if !callbacks.is_running.load(SeqCst) {
        let working = Arc::clone(&callbacks);
        threads::start("tango-callbacks", move || with_role(Role::Callbacks, || working.work()))?;
        callbacks.is_running.store(true, SeqCst);
    }
    drop(starting);
    Ok(())
}

/// Runs a callback once, after all that were queued before. The thread has to run.
pub(crate) fn run(call: impl FnOnce() + Send + 'static) {
    CALLBACKS.get().add(Kind::Call, Box::new(call));
}

/// Does the same for a log line. Returns false if the line was dropped: too many wait, or the thread cannot be started.
pub(crate) fn log(line: impl FnOnce() + Send + 'static) -> bool {
    start().is_ok() && CALLBACKS.get().add(Kind::LogLine, Box::new(line))
}

/// Runs a callback that releases an object of the program: here, unless this is the thread that callers wait for.
pub(crate) fn release(end: impl FnOnce() + Send + 'static) {
    if Role::of_this_thread() == Role::Runtime && start().is_ok() {
        run(end);
    } else {
        end();
    }
}

/// Waits until all callbacks that were queued before have run, at most for `timeout`. Returns at once inside a
/// callback.
pub(crate) fn drain(timeout: Duration) {
    if Role::of_this_thread() == Role::Program && CALLBACKS.get().is_running.load(SeqCst) {
        let (sender, called) = mpsc::channel();
        run(move || {
            let _ = sender.send(());
        });
        // Callbacks that did not run in time run later.
        let _ = called.recv_timeout(timeout);
    }
}

impl Callbacks {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, kind: Kind, job: Job) -> bool {
        let mut queue = self.queue();
        if kind == Kind::LogLine {
            if queue.lines == MAX_LINES {
                drop(queue);
                return false;
            }
            queue.lines += 1;
        }
        queue.jobs.push_back((kind, job));
        drop(queue);
        self.added.notify_one();
        true
    }

    fn work(&self) {
        loop {
            let waiting = self.added.wait_while(self.queue(), |queue| queue.jobs.is_empty());
            let mut queue = waiting.unwrap_or_else(PoisonError::into_inner);
            let Some((kind, job)) = queue.jobs.pop_front() else { continue };
            queue.lines -= usize::from(kind == Kind::LogLine);
            drop(queue);
            // A callback that panics must not end the thread.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    /// Blocks the thread of `callbacks` until the sender is used or dropped.
    fn hang(callbacks: &Callbacks) -> mpsc::Sender<()> {
        let (release, hanging): (_, Receiver<()>) = mpsc::channel();
        let (entered, has_entered) = mpsc::channel();
        callbacks.add(
            Kind::Call,
            Box::new(move || {
                entered.send(()).unwrap();
                let _ = hanging.recv();
            }),
        );
        has_entered.recv().unwrap();
        release
    }

    fn started() -> Arc<Callbacks> {
        let callbacks = Arc::new(Callbacks::default());
        let working = Arc::clone(&callbacks);
        std::thread::spawn(move || working.work());
        callbacks
    }

    #[test]
    fn log_lines_are_bounded_and_calls_are_not() {
        let callbacks = started();
        let release = hang(&callbacks);
        let (sender, received) = mpsc::channel();
        let line = |number: usize| {
            let sender = sender.clone();
            callbacks.add(Kind::LogLine, Box::new(move || sender.send(number).unwrap()))
        };
        assert_eq!((0..MAX_LINES + 5).filter(|&number| line(number)).count(), MAX_LINES);
        let last = sender.clone();
        assert!(callbacks.add(Kind::Call, Box::new(move || last.send(usize::MAX).unwrap())));
        release.send(()).unwrap();
        let order: Vec<_> = received.iter().take(MAX_LINES + 1).collect();
        assert!(order.is_sorted() && order.last() == Some(&usize::MAX));
        assert!(line(7), "there is room again");
    }

    #[test]
    fn panic_of_a_callback_does_not_stop_the_next_one() {
        let callbacks = started();
        callbacks.add(Kind::Call, Box::new(|| panic!("on purpose")));
        let (sender, received) = mpsc::channel();
        callbacks.add(Kind::Call, Box::new(move || sender.send(()).unwrap()));
        received.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn release_does_not_run_on_the_thread_that_callers_wait_for() {
        let (sender, released) = mpsc::channel();
        let release_here = move || {
            let sender = sender.clone();
            release(move || sender.send(std::thread::current().id()).unwrap());
        };
        release_here();
        assert_eq!(released.recv().unwrap(), std::thread::current().id());
        with_role(Role::Runtime, release_here);
        assert_ne!(released.recv_timeout(Duration::from_secs(10)).unwrap(), std::thread::current().id());
    }
}
