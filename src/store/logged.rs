//! A store that logs each operation.

use std::time::{Duration, Instant};

use super::{CacheLock, CacheUnlock, Entry, Loaded, Store, StoreError, StoreFuture};
use crate::human::milliseconds_since;

/// Logs the operations of a store, for one client.
pub(crate) struct Logged {
    inner: Box<dyn Store>,
    /// The store, for a person.
    name: String,
    client_id: String,
}

impl Logged {
    pub fn new(inner: Box<dyn Store>, name: String, client_id: &str) -> Self {
        Self { inner, name, client_id: client_id.to_owned() }
    }

    /// Waits for an operation and logs what it did.
    async fn log<T>(
        &self,
        operation: StoreFuture<'_, T>,
        what: impl FnOnce(&T) -> &'static str,
    ) -> Result<T, StoreError> {
        let start = Instant::now();
        let result = operation.await;
        let (client, store, ms) = (self.client_id.as_str(), self.name.as_str(), milliseconds_since(start));
        match &result {
            Ok(done) => tracing::debug!(client, store, ms, "{}", what(done)),
            Err(error) => tracing::debug!(client, store, ms, "an operation of the shared cache failed: {error}"),
        }
        result
    }
}

impl Store for Logged {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        Box::pin(self.log(self.inner.load(), |loaded| match (loaded.records.is_empty(), &loaded.ledger) {
            (true, None) => "the shared cache was read; it is empty",
            (true, Some(_)) => "the shared cache was read; it has no token",
            (false, _) => "the shared cache was read; it has a token",
        }))
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool> {
        Box::pin(self.log(self.inner.save(entries), |saved| match saved {
            true if entries.iter().all(|entry| entry.bytes.is_none()) => "entries of the shared cache were removed",
            true if entries.iter().any(Entry::is_record) => "the token was written to the shared cache",
            true => "the ledger was written to the shared cache",
            false => "nothing was written to the shared cache: the lock was lost",
        }))
    }

    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.log(self.inner.lock(lease), |taken| match taken {
            true => "the lock of the shared cache was taken",
            false => "another process has the lock of the shared cache",
        }))
    }

    fn has_leases(&self) -> bool {
        self.inner.has_leases()
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.log(self.inner.extend(lease), |extended| match extended {
            true => "the lock of the shared cache was extended",
            false => "the lock of the shared cache was lost",
        }))
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.log(self.inner.unlock(), |()| "the lock of the shared cache was released"))
    }

    fn lock_state(&self) -> StoreFuture<'_, CacheLock> {
        Box::pin(self.log(self.inner.lock_state(), |_| "the holder of the lock of the shared cache was read"))
    }

    fn remove_lock(&self) -> StoreFuture<'_, CacheUnlock> {
        Box::pin(self.log(self.inner.remove_lock(), |removed| match removed {
            CacheUnlock::Removed(_) => "the lock of the shared cache was removed from its holder",
            _ => "no lock of the shared cache was removed",
        }))
    }

    fn other_records(&self) -> StoreFuture<'_, Option<usize>> {
        Box::pin(self.log(self.inner.other_records(), |_| "the records of other client secrets were counted"))
    }
}
