//! The threads on which callbacks of the program run, one after the other. Each is started when first needed.
//!
//! A callback that sleeps or hangs delays the callbacks behind it and nothing else: requests and deadlines are the work
//! of the network thread. Log lines have a thread of their own, because their handlers do I/O, and callers in languages
//! with asynchronous calls only wait for the other callbacks. The queues use no descriptor that a program could close.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use crate::causes;
use crate::error::{Error, Status};
use crate::process::ProcessLocal;
use crate::role::{Role, with_role};
use crate::threads::{self, Code, Job};

static CALLS: ProcessLocal<Queue> = ProcessLocal::new();
static LOG_LINES: ProcessLocal<Queue> = ProcessLocal::new();

/// The number of log lines that wait at most. Further lines are dropped.
const MAX_LINES: usize = 1_000;

/// Starts the callback thread unless it runs already.
pub fn start() -> Result<(), Error> {
    CALLS.get().start("tango-callbacks").map_err(|error| {
        let advice = "check the limits for threads and memory";
        let reason = causes::reason(&error);
        Error::new(Status::Internal, format!("the thread for callbacks cannot be started: {reason}; {advice}"))
    })
}

/// Runs a callback once on the callback thread, after all that were queued before. The thread has to run.
pub fn run(call: impl FnOnce() + Send + 'static) {
    CALLS.get().add(Box::new(call), usize::MAX);
}

/// Handles a log line on the log thread. Returns false if the line was dropped: too many wait, or the thread cannot be
/// started.
pub(crate) fn log(line: impl FnOnce() + Send + 'static) -> bool {
    let lines = LOG_LINES.get();
    lines.start("tango-log").is_ok() && lines.add(Box::new(line), MAX_LINES)
}

/// Waits until all log lines that were queued before are handled, at most for `timeout`. Returns at once inside a
/// callback.
pub fn drain_log(timeout: Duration) {
    LOG_LINES.get().drain(timeout);
}

/// Releases an object of the program: here, unless this is the network thread.
fn release(end: impl FnOnce() + Send + 'static) {
    if Role::of_this_thread() == Role::Runtime && start().is_ok() {
        run(end);
    } else {
        end();
    }
}

/// An object of the program, such as a custom cache. The network thread hands it over to be dropped, because its
/// destructor may block.
pub(crate) struct Foreign<T: Send + 'static>(Option<T>);

impl<T: Send> Foreign<T> {
    pub fn new(object: T) -> Self {
        Self(Some(object))
    }
}

impl<T: Send> Deref for Foreign<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only `drop` takes the object")
    }
}

impl<T: Send> Drop for Foreign<T> {
    fn drop(&mut self) {
        let object = self.0.take();
        release(move || drop(object));
    }
}

/// The callbacks that one thread runs.
#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    added: Condvar,
    is_running: AtomicBool,
    /// Locked only by callers that need the thread while there is none.
    starting: Mutex<()>,
}

impl Queue {
    fn start(self: &Arc<Self>, name: &str) -> io::Result<()> {
        if self.is_running.load(SeqCst) {
            return Ok(());
        }
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_running.load(SeqCst) {
            let queue = Arc::clone(self);
            threads::start(name, Code::Program, move || with_role(Role::Callbacks, || queue.work()))?;
            self.is_running.store(true, SeqCst);
        }
        drop(starting);
        Ok(())
    }

    /// Returns false if `max` jobs wait already.
    fn add(&self, job: Job, max: usize) -> bool {
        let mut jobs = self.jobs();
        if jobs.len() >= max {
            drop(jobs);
            return false;
        }
        jobs.push_back(job);
        drop(jobs);
        self.added.notify_one();
        true
    }

    fn drain(&self, timeout: Duration) {
        if Role::of_this_thread() == Role::Program && self.is_running.load(SeqCst) {
            let (sender, called) = mpsc::channel();
            let mark = move || {
                let _ = sender.send(());
            };
            self.add(Box::new(mark), usize::MAX);
            // Callbacks that did not run in time run later.
            let _ = called.recv_timeout(timeout);
        }
    }

    fn work(&self) {
        loop {
            let waiting = self.added.wait_while(self.jobs(), |jobs| jobs.is_empty());
            let mut jobs = waiting.unwrap_or_else(PoisonError::into_inner);
            let Some(job) = jobs.pop_front() else { continue };
            drop(jobs);
            // A callback that panics must not end the thread.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender};
    use std::thread::{self, ThreadId};

    use super::*;

    const MAX: usize = 3;
    const LONG: Duration = Duration::from_secs(10);

    /// Blocks the thread that runs it until the sender is used or dropped. Returns when it is blocked.
    fn hang(run: impl FnOnce(Job)) -> Sender<()> {
        let (release, hanging): (_, Receiver<()>) = mpsc::channel();
        let (entered, has_entered) = mpsc::channel();
        run(Box::new(move || {
            entered.send(()).unwrap();
            let _ = hanging.recv();
        }));
        has_entered.recv().unwrap();
        release
    }

    fn started() -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        queue.start("tango-test").unwrap();
        queue
    }

    #[test]
    fn jobs_run_in_order_and_no_more_wait_than_the_limit() {
        let queue = started();
        let release = hang(|job| assert!(queue.add(job, MAX)));
        let (sender, received) = mpsc::channel();
        let add = |number: usize, max| {
            let sender = sender.clone();
            queue.add(Box::new(move || sender.send(number).unwrap()), max)
        };
        assert_eq!((0..MAX + 5).filter(|&number| add(number, MAX)).count(), MAX);
        assert!(add(MAX, usize::MAX));
        release.send(()).unwrap();
        assert_eq!(received.iter().take(MAX + 1).collect::<Vec<_>>(), [0, 1, 2, 3]);
        queue.drain(LONG);
        assert!(add(7, MAX), "there is room again");
    }

    #[test]
    fn panic_of_a_callback_does_not_stop_the_next_one() {
        let queue = started();
        queue.add(Box::new(|| panic!("on purpose")), MAX);
        let (sender, received) = mpsc::channel();
        queue.add(Box::new(move || sender.send(()).unwrap()), MAX);
        received.recv_timeout(LONG).unwrap();
    }

    #[test]
    fn log_line_that_hangs_delays_no_other_callback() {
        let release = hang(|job| assert!(log(job)));
        start().unwrap();
        let (sender, called) = mpsc::channel();
        run(move || sender.send(()).unwrap());
        called.recv_timeout(LONG).unwrap();
        drop(release);
    }

    /// Tells which thread drops it.
    struct Tells(Sender<ThreadId>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }

    #[test]
    fn network_thread_does_not_drop_what_belongs_to_the_program() {
        let (sender, dropped) = mpsc::channel();
        drop(Foreign::new(Tells(sender.clone())));
        assert_eq!(dropped.recv().unwrap(), thread::current().id());
        let object = Foreign::new(Tells(sender));
        with_role(Role::Runtime, || drop(object));
        assert_ne!(dropped.recv_timeout(LONG).unwrap(), thread::current().id());
    }
}
