//! What a client keeps for one process: a forked child makes its own.

use std::sync::{Arc, Mutex, PoisonError};

use super::Inner;
use super::refresh::Outcome;
use super::single_flight::SingleFlight;
use super::snapshot::Snapshot;
use crate::config::Settings;
use crate::endpoint::TokenSource;
use crate::error::Error;
use crate::random::random;

pub(super) struct ProcessState {
    /// Tells this client's requests in the shared ledger from those of others.
    pub id: u64,
    pub refreshes: SingleFlight<Outcome>,
    /// One update of the snapshot at a time.
    writer: Mutex<()>,
    endpoint: Mutex<Option<Endpoint>>,
}

/// A connection to the token endpoint, kept for reuse, and the settings that it was made from.
struct Endpoint {
    settings: Arc<Settings>,
    source: Arc<dyn TokenSource>,
}

impl Default for ProcessState {
    fn default() -> Self {
        Self { id: random(), refreshes: SingleFlight::default(), writer: Mutex::default(), endpoint: Mutex::default() }
    }
}

impl Inner {
    /// The endpoint for these settings.
    pub(super) fn endpoint(&self, settings: &Arc<Settings>) -> Result<Arc<dyn TokenSource>, Error> {
        let process = self.process.get();
        let mut endpoint = process.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        match &*endpoint {
            Some(made) if Arc::ptr_eq(&made.settings, settings) => Ok(Arc::clone(&made.source)),
            _ => {
                let source = self.components.endpoint(settings, &self.server_clock)?;
                let replaced =
                    endpoint.replace(Endpoint { settings: Arc::clone(settings), source: Arc::clone(&source) });
                drop(endpoint);
                drop(replaced);
                Ok(source)
            }
        }
    }

    /// Publishes a changed snapshot. Nothing foreign runs under the lock: no I/O, no callback, and no value is dropped.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Snapshot) -> T) -> T {
        let process = self.process.get();
        let writer = process.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        let result = change(&mut snapshot);
        snapshot.prepare(&*self.clock);
        let replaced = self.snapshot.swap(Arc::new(snapshot));
        drop(writer);
        drop(replaced);
        result
    }
}
