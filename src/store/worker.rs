//! Threads for blocking calls of a cache. The runtime's own blocking threads resolve host names, which a cache that
//! hangs must not delay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::StoreError;
use crate::process::ProcessLocal;
use crate::runtime::forbid_blocking;

/// A refresh needs one thread, and abandons it if a call hangs.
const MAX_WORKERS: u32 = 8;

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Counts the threads of one client. A forked child has none of its parent's threads and counts from zero.
#[derive(Clone)]
pub(crate) struct Workers(Arc<ProcessLocal<AtomicU32>>);

/// A thread that runs one job after the other, until this is dropped.
pub(super) struct Worker(pub Sender<Job>);

impl Default for Workers {
    fn default() -> Self {
        Self(Arc::new(ProcessLocal::new()))
    }
}

impl Workers {
    pub(super) fn start(&self) -> Result<Worker, StoreError> {
        let permit = Permit::take(self.0.get()).ok_or_else(|| {
            StoreError(format!("{MAX_WORKERS} calls of it have not returned, so no further call is made"))
        })?;
        let (sender, jobs) = mpsc::channel::<Job>();
        let work = move || {
            let _permit = permit;
            for job in jobs {
                forbid_blocking(job);
            }
        };
        let started = thread::Builder::new().name("tango-cache".into()).spawn(work);
        started.map_err(|error| StoreError(format!("no thread can be started for it: {error}")))?;
        Ok(Worker(sender))
    }
}

/// Counts one thread until it ends, also by a panic.
struct Permit(Arc<AtomicU32>);

impl Permit {
    fn take(count: Arc<AtomicU32>) -> Option<Self> {
        let taken = count.fetch_update(Relaxed, Relaxed, |count| (count < MAX_WORKERS).then_some(count + 1));
        taken.is_ok().then(|| Self(count))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_is_started_beyond_the_limit_until_one_ends() {
        let workers = Workers::default();
        let (release, hanging) = mpsc::channel::<()>();
        let hanging = Arc::new(std::sync::Mutex::new(hanging));
        for _ in 0..MAX_WORKERS {
            let hanging = Arc::clone(&hanging);
            workers
                .start()
                .unwrap()
                .0
                .send(Box::new(move || assert!(hanging.lock().unwrap().recv().is_err())))
                .unwrap();
        }
        assert!(workers.start().is_err());
        drop(release);
        for _ in 0..1_000 {
            if workers.0.get().load(Relaxed) == 0 {
                assert!(workers.start().is_ok());
                return;
            }
            thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the permits were not returned");
    }

    #[test]
    fn forked_child_does_not_count_the_threads_of_its_parent() {
        let workers = Workers(Arc::new(ProcessLocal::inherited(AtomicU32::new(MAX_WORKERS))));
        assert!(workers.start().is_ok());
    }

    #[test]
    fn panic_of_a_job_ends_only_its_thread() {
        let workers = Workers::default();
        let worker = workers.start().unwrap();
        let (sender, done) = mpsc::channel::<()>();
        worker
            .0
            .send(Box::new(move || {
                let _sender = sender;
                panic!("on purpose");
            }))
            .unwrap();
        assert!(done.recv().is_err());
        assert!(workers.start().is_ok());
    }
}
