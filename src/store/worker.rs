//! Threads for what may block: not those that resolve host names, so that a cache that hangs keeps nobody else waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::StoreError;
use crate::process::ProcessLocal;
use crate::runtime::forbid_blocking;

/// A fetch needs one, and leaves it behind where it hangs.
const MOST_WORKERS: u32 = 8;

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The threads of one client. A forked child has none of its parent's, and counts its own.
#[derive(Clone)]
pub(crate) struct Workers(Arc<ProcessLocal<AtomicU32>>);

/// A thread that does one job after the other, until this is dropped.
pub(super) struct Worker(pub Sender<Job>);

impl Default for Workers {
    fn default() -> Self {
        Self(Arc::new(ProcessLocal::new()))
    }
}

impl Workers {
    pub(super) fn start(&self) -> Result<Worker, StoreError> {
        let place = Place::take(self.0.get())
            .ok_or_else(|| StoreError(format!("it has not answered {MOST_WORKERS} times, and is not asked again")))?;
        let (sender, jobs) = mpsc::channel::<Job>();
        let work = move || {
            let _place = place;
            for job in jobs {
                forbid_blocking(job);
            }
        };
        let started = thread::Builder::new().name("tango-cache".into()).spawn(work);
        started.map_err(|error| StoreError(format!("no thread can be started for it: {error}")))?;
        Ok(Worker(sender))
    }
}

/// Is given back when the thread ends, by a panic too.
struct Place(Arc<AtomicU32>);

impl Place {
    fn take(count: Arc<AtomicU32>) -> Option<Self> {
        let taken = count.fetch_update(Relaxed, Relaxed, |count| (count < MOST_WORKERS).then_some(count + 1));
        taken.is_ok().then(|| Self(count))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_hang_are_counted_and_not_more_of_them_are_started() {
        let workers = Workers::default();
        let (hang, hanging) = mpsc::channel::<()>();
        let hanging = Arc::new(std::sync::Mutex::new(hanging));
        for _ in 0..MOST_WORKERS {
            let hanging = Arc::clone(&hanging);
            workers
                .start()
                .unwrap()
                .0
                .send(Box::new(move || assert!(hanging.lock().unwrap().recv().is_err())))
                .unwrap();
        }
        assert!(workers.start().is_err());
        drop(hang);
        for _ in 0..1_000 {
            if workers.0.get().load(Relaxed) == 0 {
                assert!(workers.start().is_ok());
                return;
            }
            thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the places were not given back");
    }

    #[test]
    fn a_forked_child_does_not_count_the_threads_of_its_parent() {
        let workers = Workers(Arc::new(ProcessLocal::inherited(AtomicU32::new(MOST_WORKERS))));
        assert!(workers.start().is_ok());
    }

    #[test]
    fn a_job_that_panics_ends_its_thread_alone() {
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
