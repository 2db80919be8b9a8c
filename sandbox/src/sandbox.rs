//! What all requests share: the settings, the keys, and what the server remembers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use serde::Serialize;

use crate::access_token::AccessTokens;
use crate::clock::Clock;
use crate::dpop::{self, Dpop, Presented, Server};
use crate::options::{Behaviour, Credentials, DpopOptions};
use crate::quota::Quota;
use crate::record::Records;
use crate::script::Script;

/// The running server.
pub struct Sandbox {
    pub credentials: Credentials,
    pub behaviour: Behaviour,
    pub clock: Clock,
    pub tokens: AccessTokens,
    pub dpop: Dpop,
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
    pub dpop_proofs_accepted: u64,
    pub dpop_proofs_refused: u64,
    pub nonce_challenges: u64,
}

impl Sandbox {
    /// A server that has seen nothing yet; `authority` is `host:port` of its URLs.
    pub fn new(credentials: Credentials, behaviour: Behaviour, dpop: &DpopOptions, authority: &str) -> Self {
        let clock = Clock::new(behaviour.clock_offset_seconds);
        Self {
            clock,
            dpop: Dpop::new(dpop, authority, clock.now_seconds()),
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

    /// Checks the proof of a request as `server` does, and counts it. See [`Dpop::check`].
    pub fn check_proof(
        &self,
        server: Server,
        request: &Parts,
        presented: Option<Presented<'_>>,
    ) -> Result<Option<String>, dpop::Refusal> {
        let checked = self.dpop.check(server, request, presented, self.clock.now_seconds());
        let statistics = &mut self.memory().statistics;
        match &checked {
            Ok(Some(_)) => statistics.dpop_proofs_accepted += 1,
            Ok(None) | Err(dpop::Refusal::Missing) => {}
            Err(dpop::Refusal::UseNonce(_)) => statistics.nonce_challenges += 1,
            Err(_) => statistics.dpop_proofs_refused += 1,
        }
        checked
    }

    /// Forgets counters, records, scripted answers and the quota; tokens and nonces stay good, proofs stay used.
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
