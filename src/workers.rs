//! Threads for blocking calls: shared caches, custom signers and name servers.
//!
//! Each owner has a limit of its own, so that a call that hangs for one owner delays no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};

use crate::process::ProcessLocal;
use crate::role::{Role, with_role};
use crate::runtime::Reply;
use crate::threads::{self, Code, Job, NoThread};

/// Counts the threads of one owner. A forked child has none of its parent's threads and counts from zero.
#[derive(Clone)]
pub(crate) struct Workers {
    name: &'static str,
    code: Code,
    max: u32,
    started: Arc<ProcessLocal<AtomicU32>>,
}

/// A thread that runs one job after the other, until this is dropped.
pub(crate) struct Worker(pub Sender<Job>);

impl Workers {
    /// Allows `max` threads of this name at once. A job needs one, and abandons it if it hangs.
    pub fn new(name: &'static str, code: Code, max: u32) -> Self {
        Self { name, code, max, started: Arc::new(ProcessLocal::new()) }
    }

    pub fn start(&self) -> Result<Worker, NoThread> {
        let permit = Permit::take(self.started.get(), self.max).ok_or(NoThread::AllHang(self.max))?;
        let (sender, jobs) = mpsc::channel::<Job>();
        let work = move || {
            let _permit = permit;
            for job in jobs {
                with_role(Role::Callbacks, job);
            }
        };
        threads::start(self.name, self.code, work).map_err(NoThread::NotStarted)?;
        Ok(Worker(sender))
    }

    /// Runs one job on a thread of its own, which ends with the job. Dropping the future does not stop the job.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, NoThread> {
        let (reply, result) = Reply::channel();
        let worker = self.start()?;
        // Cannot fail: the thread runs until `worker` is dropped.
        let _ = worker.0.send(Box::new(move || reply.send(job())));
        drop(worker);
        result.await.map_err(|_| NoThread::Panicked)
    }
}

/// Counts one thread until it ends, also by a panic.
struct Permit(Arc<AtomicU32>);

impl Permit {
    fn take(count: Arc<AtomicU32>, max: u32) -> Option<Self> {
        let taken = count.fetch_update(Relaxed, Relaxed, |count| (count < max).then_some(count + 1));
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
    use std::sync::Mutex;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const MAX: u32 = 4;

    fn workers() -> Workers {
        Workers::new("tango-test", Code::Program, MAX)
    }

    #[test]
    fn no_thread_is_started_beyond_the_limit_until_one_ends() {
        let workers = workers();
        let (hang, hanging) = mpsc::channel::<()>();
        let hanging = Arc::new(Mutex::new(hanging));
        for _ in 0..MAX {
            let hanging = Arc::clone(&hanging);
            let job = Box::new(move || assert!(hanging.lock().unwrap().recv().is_err()));
            workers.start().unwrap().0.send(job).unwrap();
        }
        assert!(matches!(workers.start(), Err(NoThread::AllHang(MAX))));
        drop(hang);
        for _ in 0..1_000 {
            if workers.started.get().load(Relaxed) == 0 {
                assert!(workers.start().is_ok());
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the permits were not returned");
    }

    #[cfg(unix)]
    #[test]
    fn forked_child_does_not_count_the_threads_of_its_parent() {
        let started = Arc::new(ProcessLocal::inherited(AtomicU32::new(MAX)));
        assert!(Workers { started, ..workers() }.start().is_ok());
    }

    #[test]
    fn panic_of_a_job_ends_only_its_thread() {
        let workers = workers();
        let worker = workers.start().unwrap();
        let (sender, done) = mpsc::channel::<()>();
        let job = Box::new(move || {
            let _sender = sender;
            panic!("on purpose");
        });
        worker.0.send(job).unwrap();
        assert!(done.recv().is_err());
        assert!(workers.start().is_ok());
    }

    #[test]
    fn single_job_gives_its_result_or_says_that_it_panicked() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert!(matches!(workers().run(|| 7).await, Ok(7)));
            assert!(matches!(workers().run(|| panic!("on purpose")).await, Err::<(), _>(NoThread::Panicked)));
        });
    }
}
