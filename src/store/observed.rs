//! A store that logs each operation, and counts what went wrong and what it had to wait for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Entry, Loaded, LockState, Store, StoreError, StoreFuture, UnlockOutcome};
use crate::counters::{Counters, Event};
use crate::human::milliseconds_since;

/// Logs and counts the operations of a store, for one client.
pub(crate) struct Observed {
    inner: Box<dyn Store>,
    /// The store, for a person.
    name: String,
    client_id: String,
    counters: Arc<Counters>,
}

impl Observed {
    pub fn new(inner: Box<dyn Store>, name: String, client_id: &str, counters: &Arc<Counters>) -> Self {
        Self { inner, name, client_id: client_id.to_owned(), counters: Arc::clone(counters) }
    }

    /// Waits for an operation, logs what it did, and counts it as `failure` if it failed.
    async fn observe<T>(
        &self,
        failure: Event,
        operation: StoreFuture<'_, T>,
        what: impl FnOnce(&T) -> &'static str,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let result = operation.await;
        let (client, store, ms) = (self.client_id.as_str(), self.name.as_str(), milliseconds_since(start));
        match &result {
            Ok(done) => tracing::debug!(client, store, ms, "{}", what(done)),
            Err(error) => {
                self.counters.add(failure);
                tracing::debug!(client, store, ms, "an operation of the shared cache failed: {error}");
            }
        }
        result
    }
}

impl Store for Observed {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        Box::pin(self.observe(Event::CacheLoadError, self.inner.load(), |loaded| {
            match (loaded.records.is_empty(), &loaded.ledger) {
                (true, None) => "the shared cache was read; it is empty",
                (true, Some(_)) => "the shared cache was read; it has no token",
                (false, _) => "the shared cache was read; it has a token",
            }
        }))
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool> {
        Box::pin(self.observe(Event::CacheSaveError, self.inner.save(entries), |saved| match saved {
            true if entries.iter().all(|entry| entry.bytes.is_none()) => "entries of the shared cache were removed",
            true if entries.iter().any(Entry::is_record) => "the token was written to the shared cache",
            true => "the ledger was written to the shared cache",
            false => "nothing was written to the shared cache: the lock was lost",
        }))
    }

    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.observe(Event::CacheLockError, self.inner.lock(lease), |taken| match taken {
            true => "the lock of the shared cache was taken",
            false => {
                self.counters.add(Event::LockWait);
                "another process has the lock of the shared cache"
            }
        }))
    }

    fn has_leases(&self) -> bool {
        self.inner.has_leases()
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.observe(Event::CacheLockError, self.inner.extend(lease), |extended| match extended {
            true => "the lock of the shared cache was extended",
            false => "the lock of the shared cache was lost",
        }))
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.observe(
            Event::CacheLockError,
            self.inner.unlock(),
            |()| "the lock of the shared cache was released",
        ))
    }

    fn lock_state(&self) -> StoreFuture<'_, LockState> {
        Box::pin(self.observe(
            Event::CacheLockError,
            self.inner.lock_state(),
            |_| "the holder of the lock of the shared cache was read",
        ))
    }

    fn remove_lock(&self) -> StoreFuture<'_, UnlockOutcome> {
        Box::pin(self.observe(Event::CacheLockError, self.inner.remove_lock(), |removed| match removed {
            UnlockOutcome::Removed(_) => "the lock of the shared cache was removed from its holder",
            _ => "no lock of the shared cache was removed",
        }))
    }

    fn other_records(&self) -> StoreFuture<'_, Option<usize>> {
        Box::pin(self.observe(
            Event::CacheLoadError,
            self.inner.other_records(),
            |_| "the records of other client secrets were counted",
        ))
    }
}
