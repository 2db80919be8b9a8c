//! Stores whose operations block: files, and whatever a program reaches through functions of its own.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time;

use super::worker::{Job, Worker, Workers};
use super::{Entry, Kind, LARGEST_ENTRY, LONGEST_OPERATION, Loaded, Names, Store, StoreError, StoreFuture};
use crate::random::unique_name;
use crate::secret::Redactor;

/// A place that a whole fleet reads and writes, such as a database: what [`Config::custom_cache`] takes.
///
/// The library calls it on threads of its own and waits five seconds for each call. The calls of one fetch follow each other,
/// so those behind one that takes longer are waited for in vain, and made nevertheless. Give the calls time limits of their
/// own, below five seconds: what comes late can replace what another process wrote meanwhile.
///
/// Names are of letters, digits, `.` and `-`. Values are sealed or hold no secret; each has at most 128 KiB.
///
/// [`Config::custom_cache`]: crate::Config::custom_cache
pub trait SharedCache: Send + Sync + 'static {
    /// The value under this name; `None` where there is none.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError>;

    /// Puts a value in the place of an earlier one, in one step; `None` removes it. It has to be kept for `keep`, and
    /// may be forgotten after.
    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError>;

    /// Takes the lock of this name for `owner`, or extends it if `owner` has it. False, at once, if another has it.
    ///
    /// It has to open by itself `lease` after it was taken or extended: its owner may be gone.
    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError>;

    /// Opens the lock if `owner` has it, and does nothing if not.
    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError>;
}

/// Why a shared cache could not do what it was asked for, in its own words. They must not hold a secret.
#[derive(Clone, Debug)]
pub struct CacheError(pub String);

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CacheError {}

/// A shared cache for one fetch.
pub(crate) struct Blocking {
    cache: Arc<dyn SharedCache>,
    names: Names,
    owner: String,
    workers: Workers,
    worker: Mutex<Option<Worker>>,
}

impl Blocking {
    /// `workers` are counted over all fetches of a client.
    pub fn new(cache: Arc<dyn SharedCache>, names: Names, workers: Workers) -> Self {
        Self { cache, names, owner: unique_name(), workers, worker: Mutex::new(None) }
    }

    /// Runs on a thread that may wait, after what it was given before. What takes too long is left to itself.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn SharedCache) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let cache = Arc::clone(&self.cache);
        let (sender, done) = oneshot::channel();
        self.hand_out(Box::new(move || drop(sender.send(work(&*cache)))))?;
        let outcome = time::timeout(LONGEST_OPERATION, done).await;
        if matches!(outcome, Ok(Err(_))) {
            // It panicked, and its thread with it.
            *self.worker() = None;
        }
        match outcome {
            Ok(Ok(outcome)) => outcome.map_err(|error| StoreError(Redactor::new([]).clean(&error.0))),
            Ok(Err(_)) => Err(StoreError("it ended unexpectedly".into())),
            Err(_) => Err(StoreError(format!("it did not answer within {} s", LONGEST_OPERATION.as_secs()))),
        }
    }

    fn hand_out(&self, job: Job) -> Result<(), StoreError> {
        let mut worker = self.worker();
        let worker = match &*worker {
            Some(worker) => worker,
            None => worker.insert(self.workers.start()?),
        };
        worker.0.send(job).map_err(|_| StoreError("it ended unexpectedly".into()))
    }

    fn worker(&self) -> MutexGuard<'_, Option<Worker>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Blocking {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        let (record, ledger) = (self.names.entry(Kind::Record), self.names.entry(Kind::Ledger));
        Box::pin(self.run(move |cache| {
            let load = |name: &str| {
                cache.load(name).map(|value| {
                    value.map(|mut value| {
                        value.truncate(LARGEST_ENTRY);
                        value
                    })
                })
            };
            Ok(Loaded { record: load(&record)?, ledger: load(&ledger)?, unix_ms: None })
        }))
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool> {
        let entries: Vec<_> =
            entries.iter().map(|entry| (self.names.entry(entry.kind), entry.bytes.clone(), entry.keep)).collect();
        Box::pin(self.run(move |cache| {
            entries.iter().try_for_each(|(name, bytes, keep)| cache.save(name, bytes.as_deref(), *keep))?;
            Ok(true)
        }))
    }

    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool> {
        let (name, owner) = (self.names.lock(), self.owner.clone());
        Box::pin(self.run(move |cache| cache.lock(&name, &owner, lease)))
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        self.lock(lease)
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        let (name, owner) = (self.names.lock(), self.owner.clone());
        Box::pin(self.run(move |cache| cache.unlock(&name, &owner)))
    }
}
