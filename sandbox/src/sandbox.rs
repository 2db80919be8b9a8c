//! What all requests share: the settings, the keys, and what the server remembers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::access_token::AccessTokens;
use crate::clock::Clock;
use crate::options::{Behaviour, Credentials};
use crate::quota::Quota;
use crate::record::Records;
use crate::script::Script;

/// The running server.
pub struct Sandbox {
    pub credentials: Credentials,
    pub behaviour: Behaviour,
    pub clock: Clock,
    pub tokens: AccessTokens,
    memory: Mutex<Memory>,
}

/// Everything that `POST /reset` forgets.
pub struct Memory {
    pub statistics: Statistics,
    pub records: Records,
    pub script: Script,
    pub quota: Quota,
    /// Token requests that no script answered: what `--fail-first` and `--fail-every` count.
    pub unscripted_token_requests: u64,
}

/// Counters of the TLS listener, as `GET /stats` shows them.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Statistics {
    pub token_requests: u64,
    pub tokens_issued: u64,
    pub quota_refusals: u64,
    pub api_requests: u64,
    pub connections: u64,
}

impl Sandbox {
    /// A server that has seen nothing yet.
    pub fn new(credentials: Credentials, behaviour: Behaviour) -> Self {
        Self {
            clock: Clock::new(behaviour.clock_offset_seconds),
            tokens: AccessTokens::new(),
            memory: Mutex::new(Memory::new(&behaviour)),
            credentials,
            behaviour,
        }
    }

    /// Never held across an await. A panic elsewhere leaves it usable: each change is a single step.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets counters, records, scripted answers and the quota; tokens stay good.
    pub fn reset(&self) {
        *self.memory() = Memory::new(&self.behaviour);
    }
}

impl Memory {
    fn new(behaviour: &Behaviour) -> Self {
        Self {
            statistics: Statistics::default(),
            records: Records::default(),
            script: Script::default(),
            quota: Quota::new(Duration::from_secs(behaviour.quota_window_seconds.into())),
            unscripted_token_requests: 0,
        }
    }
}
