//! Stores whose operations block: directories and custom caches.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time;

use super::{
    Entry, Kind, Loaded, LockState, MAX_ENTRY_LENGTH, Names, OPERATION_TIMEOUT, Store, StoreError, StoreFuture,
    TokenType, UnlockOutcome,
};
use crate::callbacks::Foreign;
use crate::human;
use crate::random::unique_name;
use crate::runtime::Reply;
use crate::secret::Redactor;
use crate::threads::Job;
use crate::workers::{Worker, Workers};

/// A custom shared cache for [`Config::custom_cache`], such as a table of a database.
///
/// The library calls it on separate threads and waits five seconds for each call. Calls of one refresh run one after
/// the other. If a call takes longer, the calls after it are still made, but the library no longer waits for their
/// results. Give each call a timeout below five seconds: a late write can replace a newer value of another process.
///
/// Names consist of letters, digits, `.` and `-`. Values are sealed or contain no secret, and have at most 128 KiB.
///
/// [`Config::custom_cache`]: crate::Config::custom_cache
pub trait SharedCache: Send + Sync + 'static {
    /// Returns the value of this name; `None` if there is none.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError>;

    /// Replaces the value of this name atomically; `None` removes it. The cache has to keep the value for `keep`, and
    /// may then delete it.
    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError>;

    /// Takes the lock of this name for `owner`, or extends it if `owner` holds it. Returns false, without waiting, if
    /// another owner holds it.
    ///
    /// The cache has to release the lock `lease` after it was taken or extended, because its owner may have ended.
    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError>;

    /// Releases the lock if `owner` holds it; otherwise does nothing.
    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError>;

    /// Returns whether the lock is released when its lease ends, which is so unless the cache says otherwise. A cache
    /// whose lock is released exactly when its owner ends, such as one that a session of a database holds, returns
    /// false: its owner then keeps the lock for as long as it needs it.
    fn has_leases(&self) -> bool {
        true
    }

    /// Returns who holds the lock of this name, without taking it. It is for people who look at the cache
    /// ([`Client::cache_status`]); a cache that cannot tell need not implement it.
    ///
    /// [`Client::cache_status`]: crate::Client::cache_status
    fn lock_state(&self, name: &str) -> Result<LockState, CacheError> {
        let _ = name;
        Ok(LockState::Unknown)
    }

    /// Removes the lock of this name, whichever owner holds it, for [`Client::unlock_cache`]. A cache that cannot do
    /// that need not implement it.
    ///
    /// [`Client::unlock_cache`]: crate::Client::unlock_cache
    fn remove_lock(&self, name: &str) -> Result<UnlockOutcome, CacheError> {
        let _ = name;
        Ok(UnlockOutcome::NotSupported)
    }

    /// Returns the names of all values that begin with `prefix`; `None` if the cache cannot list them. It is for people
    /// who look at the cache ([`Client::cache_status`]).
    ///
    /// [`Client::cache_status`]: crate::Client::cache_status
    fn names(&self, prefix: &str) -> Result<Option<Vec<String>>, CacheError> {
        let _ = prefix;
        Ok(None)
    }
}

impl<C: SharedCache> SharedCache for Foreign<C> {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        (**self).load(name)
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        (**self).save(name, value, keep)
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        (**self).lock(name, owner, lease)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        (**self).unlock(name, owner)
    }

    fn has_leases(&self) -> bool {
        (**self).has_leases()
    }

    fn lock_state(&self, name: &str) -> Result<LockState, CacheError> {
        (**self).lock_state(name)
    }

    fn remove_lock(&self, name: &str) -> Result<UnlockOutcome, CacheError> {
        (**self).remove_lock(name)
    }

    fn names(&self, prefix: &str) -> Result<Option<Vec<String>>, CacheError> {
        (**self).names(prefix)
    }
}

/// The reason why a custom cache failed. It must not contain a secret.
#[derive(Clone, Debug)]
pub struct CacheError(pub String);

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CacheError {}

/// How long the lock is asked for that a cache must not grant.
const CHECK_LEASE: Duration = Duration::from_secs(2);

/// A blocking cache, for one refresh or sync.
pub(crate) struct Blocking {
    cache: Arc<dyn SharedCache>,
    /// The cache as errors call it.
    name: String,
    names: Names,
    owner: String,
    workers: Workers,
    worker: Mutex<Option<Worker>>,
}

impl Blocking {
    /// `workers` counts the threads of all refreshes of a client.
    pub fn new(cache: Arc<dyn SharedCache>, name: String, names: Names, workers: Workers) -> Self {
        Self { cache, name, names, owner: unique_name(), workers, worker: Mutex::new(None) }
    }

    /// Runs `work` on the worker thread, after earlier work. Work that exceeds the timeout goes on without being waited
    /// for.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn SharedCache) -> Result<T, CacheError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let cache = Arc::clone(&self.cache);
        let (reply, done) = Reply::channel();
        // A panic must not end the thread, on which later calls wait.
        let call = move || {
            panic::catch_unwind(AssertUnwindSafe(|| work(&*cache))).unwrap_or_else(|panic| Err(panicked(&*panic)))
        };
        self.submit(Box::new(move || reply.send(call())))?;
        match time::timeout(OPERATION_TIMEOUT, done).await {
            Ok(Ok(outcome)) => outcome.map_err(|error| StoreError::new(Redactor::new([]).clean(&error.0))),
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => {
                let timeout = human::span(OPERATION_TIMEOUT);
                Err(StoreError::new(format!("{} did not respond within {timeout}", self.name)))
            }
        }
    }

    /// Fails if the cache grants the lock that this owner has just taken to another one as well. A cache like that
    /// would let each process of the fleet send a request.
    fn check_lock(&self) -> StoreFuture<'_, ()> {
        let (name, other) = (self.names.lock(), unique_name());
        Box::pin(self.run(move |cache| {
            if !cache.lock(&name, &other, CHECK_LEASE)? {
                return Ok(());
            }
            cache.unlock(&name, &other)?;
            Err(CacheError("it grants its lock to two owners at once, so each process would request a token; correct its function lock".into()))
        }))
    }

    fn submit(&self, job: Job) -> Result<(), StoreError> {
        let mut worker = self.worker();
        let worker = match &*worker {
            Some(worker) => worker,
            None => {
                worker.insert(self.workers.start().map_err(|error| StoreError::new(format!("{}: {error}", self.name)))?)
            }
        };
        worker.0.send(job).map_err(|_| self.ended())
    }

    fn ended(&self) -> StoreError {
        StoreError::new(format!("a call of {} ended unexpectedly", self.name))
    }

    fn worker(&self) -> MutexGuard<'_, Option<Worker>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Blocking {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        let records: Vec<_> = self.names.reads().iter().map(|&of| (of, self.names.entry(Kind::Record(of)))).collect();
        let ledger = self.names.entry(Kind::Ledger);
        Box::pin(self.run(move |cache| {
            let load = |name: &str| {
                cache.load(name).map(|value| {
                    value.map(|mut value| {
                        value.truncate(MAX_ENTRY_LENGTH);
                        value
                    })
                })
            };
            let mut loaded = Loaded { ledger: load(&ledger)?, ..Loaded::default() };
            for (token_type, name) in records {
                loaded.records.extend(load(&name)?.map(|record| (token_type, record)));
            }
            Ok(loaded)
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
        Box::pin(async move {
            let is_taken = self.extend(lease).await?;
            if is_taken && self.has_leases() {
                self.check_lock().await?;
            }
            Ok(is_taken)
        })
    }

    fn has_leases(&self) -> bool {
        self.cache.has_leases()
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        let (name, owner) = (self.names.lock(), self.owner.clone());
        Box::pin(self.run(move |cache| cache.lock(&name, &owner, lease)))
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        let (name, owner) = (self.names.lock(), self.owner.clone());
        Box::pin(self.run(move |cache| cache.unlock(&name, &owner)))
    }

    fn lock_state(&self) -> StoreFuture<'_, LockState> {
        let name = self.names.lock();
        Box::pin(self.run(move |cache| cache.lock_state(&name)))
    }

    fn remove_lock(&self) -> StoreFuture<'_, UnlockOutcome> {
        let name = self.names.lock();
        Box::pin(self.run(move |cache| cache.remove_lock(&name)))
    }

    fn other_records(&self) -> StoreFuture<'_, Option<usize>> {
        let (prefixes, own) = (self.names.record_prefixes(), self.names.clone());
        Box::pin(self.run(move |cache| {
            let own = [TokenType::Bearer, TokenType::Dpop].map(|of| own.entry(Kind::Record(of)));
            let mut count = 0;
            for prefix in prefixes {
                let Some(names) = cache.names(&prefix)? else { return Ok(None) };
                count += names.iter().filter(|name| name.ends_with(".record") && !own.contains(name)).count();
            }
            Ok(Some(count))
        }))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> CacheError {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    CacheError(format!("its code panicked: {}", message.unwrap_or("the reason is not known")))
}
