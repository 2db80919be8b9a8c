//! The state that all requests share: settings, keys, counters and records.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use serde::Serialize;

use crate::access_token::AccessTokens;
use crate::clock::Clock;
use crate::connection_fault::ConnectionFaults;
use crate::dpop::{self, Dpop, Examination, PresentedToken, ProofSlot, Role};
use crate::feed::Feed;
use crate::gate::Gate;
use crate::options::{Behaviour, Credentials, DpopOptions};
use crate::quota::Quota;
use crate::record::Records;
use crate::script::Script;
use crate::switches::{SwitchChange, Switches};

/// The shared state.
pub struct Sandbox {
    pub credentials: Credentials,
    pub behaviour: Behaviour,
    pub clock: Clock,
    pub tokens: AccessTokens,
    pub dpop: Dpop,
    pub gate: Gate,
    /// What the inspector shows, if it is on.
    pub feed: Option<Feed>,
    state: Mutex<ResettableState>,
}

/// Everything that `POST /reset` clears.
pub struct ResettableState {
    pub statistics: Statistics,
    pub records: Records,
    pub script: Script,
    pub connection_faults: ConnectionFaults,
    pub switches: Switches,
    pub quota: Quota,
    /// Token requests without a scripted response, which `--fail-first` and `--fail-every` count.
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
    /// Makes the state of a server whose URLs have `authority` (`host:port`).
    pub fn new(
        credentials: Credentials,
        behaviour: Behaviour,
        dpop: &DpopOptions,
        authority: &str,
        feed: Option<Feed>,
    ) -> Self {
        let clock = Clock::new(behaviour.clock_offset_seconds);
        Self {
            dpop: Dpop::new(dpop, authority, clock.now_seconds()),
            clock,
            tokens: AccessTokens::new(),
            gate: Gate::default(),
            feed,
            state: Mutex::new(ResettableState::new(&behaviour)),
            credentials,
            behaviour,
        }
    }

    /// Locks the state. The guard must not be held across an await. A panic under the lock leaves the state valid,
    /// since each change is a single step.
    pub fn state(&self) -> MutexGuard<'_, ResettableState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the proof of a request in this role, and counts the result. See [`Dpop::check`].
    pub fn check_proof(
        &self,
        role: Role,
        request: &Parts,
        presented: Option<PresentedToken<'_>>,
    ) -> Result<Option<String>, dpop::ProofError> {
        let examination = self.dpop.check(role, request, presented, self.clock.now_seconds())?;
        if let (Some(examination), Some(slot)) = (&examination, request.extensions.get::<ProofSlot>()) {
            slot.fill(examination.clone());
        }
        let checked = examination.map(Examination::verdict).transpose();
        let statistics = &mut self.state().statistics;
        match &checked {
            Ok(Some(_)) => statistics.dpop_proofs_accepted += 1,
            Ok(None) => {}
            Err(dpop::ProofError::UseNonce(_)) => statistics.nonce_challenges += 1,
            Err(_) => statistics.dpop_proofs_refused += 1,
        }
        checked
    }

    /// Switches faults on or off.
    pub fn switch(&self, change: &SwitchChange) {
        match change.hold {
            Some(true) => self.gate.hold(),
            Some(false) => self.gate.release(),
            None => {}
        }
        let mut state = self.state();
        state.switches.change(change);
        self.clock.set_offset_seconds(self.behaviour.clock_offset_seconds + state.switches.clock_error_seconds());
    }

    /// Clears counters, records, scripted responses, faults and the quota. Tokens and nonces stay valid, used proofs
    /// stay used, and held responses stay held.
    pub fn reset(&self) {
        *self.state() = ResettableState::new(&self.behaviour);
        self.clock.set_offset_seconds(self.behaviour.clock_offset_seconds);
        if let Some(feed) = &self.feed {
            feed.clear();
        }
    }
}

impl ResettableState {
    fn new(behaviour: &Behaviour) -> Self {
        Self {
            statistics: Statistics::default(),
            records: Records::default(),
            script: Script::default(),
            connection_faults: ConnectionFaults::default(),
            switches: Switches::default(),
            quota: Quota::new(Duration::from_secs(behaviour.quota_window_seconds.into())),
            unscripted_token_requests: 0,
        }
    }
}
