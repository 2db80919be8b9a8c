//! The state of a client for one process, and for one run of the library's thread in it: a forked child makes its own,
//! and what a dead thread had is left behind.

use std::sync::{Arc, Mutex, PoisonError};

use super::Inner;
use super::outcome::Outcome;
use super::single_flight::SingleFlight;
use super::snapshot::Snapshot;
use crate::config::Settings;
use crate::endpoint::TokenSource;
use crate::random::random;

pub(super) struct ProcessState {
    /// Tells this client's requests in the shared ledger from those of others.
    pub id: u64,
    pub refreshes: SingleFlight<Outcome>,
    endpoint: Mutex<Option<Endpoint>>,
}

/// A connection to the token endpoint, kept for reuse, and the settings that it was made from.
struct Endpoint {
    settings: Arc<Settings>,
    source: Arc<dyn TokenSource>,
}

impl Default for ProcessState {
    fn default() -> Self {
        Self { id: random(), refreshes: SingleFlight::default(), endpoint: Mutex::default() }
    }
}

impl Inner {
    /// The endpoint for these settings.
    pub(super) fn endpoint(&self, process: &ProcessState, settings: &Arc<Settings>) -> Arc<dyn TokenSource> {
        let mut endpoint = process.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        match &*endpoint {
            Some(made) if Arc::ptr_eq(&made.settings, settings) => Arc::clone(&made.source),
            _ => {
                let source = self.components.endpoint(settings, &self.server_clock, &self.counters.get());
                let replaced =
                    endpoint.replace(Endpoint { settings: Arc::clone(settings), source: Arc::clone(&source) });
                drop(endpoint);
                drop(replaced);
                source
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.process.get().refreshes.is_idle()
    }

    /// Publishes a changed snapshot. Nothing foreign runs under the lock: no I/O, no callback, and no value is dropped.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Snapshot) -> T) -> T {
        let process = self.writer.get();
        let writer = process.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        let result = change(&mut snapshot);
        snapshot.prepare(&*self.clock);
        let replaced = self.snapshot.swap(Arc::new(snapshot));
        drop(writer);
        drop(replaced);
        result
    }
}
