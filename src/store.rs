//! The shared cache: where the token and the ledger outlive the process, and where the rest of the fleet finds them.
//!
//! A store knows bytes and nothing of what they mean; `session` speaks of tokens and ledgers, and `client/fleet` says
//! when they are read and written. Without a store, which is the default, a token lives in the memory of one process.
//! docs/cache-format.md describes what is written.

mod blocking;
mod clock_mapping;
mod file;
mod ledger;
mod names;
mod record;
mod redis;
mod seal;
mod session;
mod worker;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub(crate) use blocking::Blocking;
pub use blocking::{CacheError, SharedCache};
pub(crate) use file::FileCache;
pub(crate) use names::{Identity, Names};
pub(crate) use record::Record;
pub(crate) use redis::{Redis, RedisAddress};
pub(crate) use session::{Session, View};
pub(crate) use worker::Workers;

/// What all who share a token read and write. Each operation ends within a few seconds, with trouble if need be.
///
/// One object serves one fetch: it may hold a connection or a lock, and gives both up when it is dropped.
pub(crate) trait Store: Send + Sync {
    /// Both entries as they are now, in one look.
    fn load(&self) -> StoreFuture<'_, Loaded>;

    /// Writes entries, each whole or not at all, while the lock is this object's. False, and nothing is written, if the
    /// store can tell that it is not.
    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool>;

    /// Takes the lock. False if somebody else has it. It opens by itself when the lease is over, or earlier when its holder is
    /// gone, if the store can tell.
    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool>;

    /// Keeps the lock for another `lease`. False if the store can tell that it was lost.
    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool>;

    /// Opens the lock if it is this object's.
    fn unlock(&self) -> StoreFuture<'_, ()>;
}

/// What a store was asked for, once it is there.
pub(crate) type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What is longer is no entry of ours.
const LARGEST_ENTRY: usize = 256 * 1024;

/// No operation of a store takes longer.
const LONGEST_OPERATION: Duration = Duration::from_secs(5);

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub record: Option<Vec<u8>>,
    pub ledger: Option<Vec<u8>>,
    /// What the store's own clock shows, in milliseconds since 1970, if it has one that all its users share.
    pub unix_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The token, sealed.
    Record,
    /// What is remembered of earlier requests, readable.
    Ledger,
    /// A record that could not be opened, kept for a person to look at.
    Rejected,
}

pub(crate) struct Entry {
    pub kind: Kind,
    /// `None` removes it.
    pub bytes: Option<Vec<u8>>,
    /// How long the store has to keep it at least, and may forget it after. A folder keeps it until it is replaced.
    pub keep: Duration,
}

/// Why a store could not do what it was asked for, in words that a person can act on. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
