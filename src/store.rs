//! The shared cache: it keeps the token and the ledger after the process ends, and shares them with the fleet.
//!
//! A store reads and writes bytes without interpreting them. `session` converts them to tokens and ledgers, and
//! `client` decides when they are read and written. Without a store, which is the default, a token lives in the memory
//! of one process. docs/cache-format.md describes the entries.

mod blocking;
mod clock_mapping;
mod file;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod inspection;
mod ledger;
mod lock_state;
mod locked;
mod names;
mod observed;
mod record;
mod redis;
mod seal;
mod session;

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

pub(crate) use blocking::Blocking;
pub use blocking::{CacheError, SharedCache};
pub(crate) use file::FileCache;
pub(crate) use inspection::Inspection;
pub use lock_state::{LockHolder, LockState, UnlockOutcome};
pub(crate) use locked::{Locked, Saved, Write};
pub(crate) use names::{Identity, Names};
pub(crate) use observed::Observed;
pub(crate) use record::Record;
pub(crate) use redis::{Redis, RedisAddress};
pub(crate) use session::{Session, View};

/// The entries of one cache key, and their lock. Each operation ends within a few seconds, if necessary with an error.
///
/// An object serves one refresh or sync. It may hold a connection and the lock, and releases both when it is dropped.
pub(crate) trait Store: Send + Sync {
    /// Reads the ledger and the records that the client can use, all at the same time.
    fn load(&self) -> StoreFuture<'_, Loaded>;

    /// Writes entries, each one atomically. The object must hold the lock. Returns false and writes nothing if the
    /// store can tell that it does not.
    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool>;

    /// Takes the lock. Returns false if another object holds it. The lock is released when the lease ends, or earlier
    /// if the store can tell that its holder has ended.
    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool>;

    /// Returns whether the lock is released when its lease ends. Otherwise its holder has it until it is released.
    fn has_leases(&self) -> bool;

    /// Extends the lock by `lease` from now. Returns false if the store can tell that the lock was lost.
    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool>;

    /// Releases the lock if this object holds it.
    fn unlock(&self) -> StoreFuture<'_, ()>;

    /// Returns who holds the lock, without taking it.
    fn lock_state(&self) -> StoreFuture<'_, LockState> {
        Box::pin(ready(Ok(LockState::Unknown)))
    }

    /// Removes the lock, whichever object holds it, where the store can do that.
    fn remove_lock(&self) -> StoreFuture<'_, UnlockOutcome> {
        Box::pin(ready(Ok(UnlockOutcome::NotSupported)))
    }

    /// Returns the number of records of the same identity that are sealed with other client secrets; `None` if the
    /// store cannot tell.
    fn other_records(&self) -> StoreFuture<'_, Option<usize>> {
        Box::pin(ready(Ok(None)))
    }
}

/// The future of a store's operation.
pub(crate) type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Longer entries are not written by this library.
const MAX_ENTRY_LENGTH: usize = 256 * 1024;

/// An operation of a store that takes longer fails.
pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// The entries of an identity, without those that do not exist.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub records: Vec<(TokenType, Vec<u8>)>,
    pub ledger: Option<Vec<u8>>,
    /// The time on the store's own clock, in milliseconds since 1970, if it has one.
    pub unix_ms: Option<i64>,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The sealed token of a type.
    Record(TokenType),
    /// The outcomes of the client's earlier requests, in plain text.
    Ledger,
    /// A record that could not be opened, kept for diagnosis.
    Rejected,
}

/// How a token is presented to an API (RFC 6750, RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenType {
    Bearer,
    Dpop,
}

/// An entry to write.
pub(crate) struct Entry {
    pub kind: Kind,
    /// `None` removes the entry.
    pub bytes: Option<Vec<u8>>,
    /// How long the store has to keep the entry. A directory keeps it until it is replaced.
    pub keep: Duration,
}

impl Entry {
    /// Returns whether this writes a token.
    fn is_record(&self) -> bool {
        matches!(self.kind, Kind::Record(_)) && self.bytes.is_some()
    }
}

/// The reason why an operation of a store failed, for a person to act on. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreError {
    message: String,
    /// It can be over in a moment: a connection was dropped, or a server is being replaced.
    pub is_transient: bool,
}

impl StoreError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_transient: false }
    }

    pub fn transient(message: impl Into<String>) -> Self {
        Self { is_transient: true, ..Self::new(message) }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
