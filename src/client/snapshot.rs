//! The immutable state of a client. Updates publish a new one, so readers take no lock and a forked child never
//! inherits a locked one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::credential_state::CredentialState;
use crate::clock::{BootTime, Clock, CoarseDeadline};
use crate::config::Settings;
use crate::policy::{self, Candidate, Decision};
use crate::token::{HeldToken, Token};

/// How long the coarse clocks are believed before the exact one is read again: a machine that sleeps, and whose wall
/// clock is then set back by as much, deceives both of them.
const TRUST_IN_COARSE_CLOCKS: Duration = Duration::from_secs(60);

/// The number of sets of credentials that are remembered. Credentials can be set back, and what was learned of them
/// still holds.
const MAX_STATES: usize = 4;

#[derive(Clone)]
pub(super) struct Snapshot {
    /// The state of the current credentials first, then those of replaced ones, the last one first.
    states: Vec<CredentialState>,
    /// When the current credentials replaced others.
    current_since: Option<BootTime>,
    /// The token for callers: the current credentials', or another one that is valid while there is none.
    pub served: Option<Arc<HeldToken>>,
    /// The end of the time in which it is served without asking the policy again.
    pub serve_until: CoarseDeadline,
}

impl Snapshot {
    pub fn new(settings: &Arc<Settings>) -> Self {
        let states = vec![CredentialState::new(settings)];
        Self { states, current_since: None, served: None, serve_until: CoarseDeadline::PASSED }
    }

    pub fn current(&self) -> &CredentialState {
        &self.states[0]
    }

    pub fn current_mut(&mut self) -> &mut CredentialState {
        &mut self.states[0]
    }

    pub fn find(&self, settings: &Settings) -> Option<&CredentialState> {
        self.states.iter().find(|state| state.is_for(settings))
    }

    /// Returns the state of the credentials in these settings. One that was evicted during its refresh comes back
    /// beside the others, until the next credentials are set.
    pub fn state_of(&mut self, settings: &Arc<Settings>) -> &mut CredentialState {
        let place = self.states.iter().position(|state| state.is_for(settings)).unwrap_or_else(|| {
            self.states.push(CredentialState::new(settings));
            self.states.len() - 1
        });
        &mut self.states[place]
    }

    /// Returns the decision of the policy for a caller.
    pub fn decide_for_caller(&self, now: BootTime) -> Decision {
        let current = self.current();
        self.decide(current, current.refresh_ends(now), now)
    }

    /// Returns the decision of the policy for a refresh of these credentials, which may have been replaced by now.
    pub fn decide_for_refresh(&self, settings: &Settings, now: BootTime) -> Decision {
        self.find(settings).map_or(Decision::Fetch, |state| self.decide(state, None, now))
    }

    fn decide(&self, state: &CredentialState, refresh_ends: Option<BootTime>, now: BootTime) -> Decision {
        let candidate = self.candidate(state, now);
        let mut ledger = Cow::Borrowed(&state.ledger);
        if state.settings.cache.allow_fetch_without_cache && candidate.is_none() {
            ledger.to_mut().cache_out_until = None;
        }
        policy::decide(candidate.as_ref(), &ledger, refresh_ends, now)
    }

    /// Returns whether an API rejected this token, whichever credentials it was got with.
    pub fn is_suspect(&self, token: &Token) -> bool {
        let mut suspects =
            self.states.iter().map(|state| &state.suspects).filter(|suspects| !suspects.is_empty()).peekable();
        suspects.peek().is_some() && {
            let hash = token.hash();
            suspects.any(|suspects| suspects.contains(hash))
        }
    }

    /// Returns the token that is served for these credentials. One that was got with other credentials is to be
    /// refreshed at once.
    fn candidate(&self, state: &CredentialState, now: BootTime) -> Option<Candidate> {
        state.candidate(now).or_else(|| {
            let since = self.current_since.filter(|_| state.is_for(&self.current().settings))?;
            let other = self.states.iter().find_map(|state| state.candidate(now))?;
            Some(Candidate { lifetime: other.lifetime.refreshable_from(since), ..other })
        })
    }

    /// Returns the token for callers: a valid one if there is one.
    pub fn token(&self, now: BootTime) -> Option<&Arc<HeldToken>> {
        self.states.iter().find_map(|state| state.valid_token(now))
    }

    /// Works out once, for all callers until the next update, what is served and how long without asking the policy.
    pub fn prepare(&mut self, clock: &dyn Clock) {
        let now = clock.now();
        self.served = self.token(now).cloned();
        let current = self.current();
        let until = self.candidate(current, now).map(|candidate| {
            let until = policy::serves_until(&candidate, &current.ledger, current.refresh_ends(now), now);
            current.schedule.next_sync().map_or(until, |sync| until.min(sync))
        });
        self.serve_until = until.map_or(CoarseDeadline::PASSED, |until| {
            CoarseDeadline::after(clock.coarse(), until.since(now).min(TRUST_IN_COARSE_CLOCKS))
        });
    }

    /// Records that no refresh of this process is under way any more.
    pub fn end_refresh(&mut self) {
        self.states.iter_mut().for_each(CredentialState::end_refresh);
    }

    /// Marks `token` as suspect where it is held. Returns the state that holds it, unless it was marked before.
    pub fn suspect(&mut self, token: &Token) -> Option<&mut CredentialState> {
        let hash = token.hash();
        let state = self.states.iter_mut().find(|state| state.holds(token) && !state.suspects.contains(hash))?;
        state.suspects.add(hash);
        Some(state)
    }

    /// Records that an API accepted this token. Returns the states in which it was suspect.
    pub fn clear_suspect(&mut self, token: &Token) -> impl Iterator<Item = &mut CredentialState> {
        let hash = token.hash();
        self.states.iter_mut().filter_map(move |state| state.suspects.clear(hash).then_some(state))
    }

    /// Returns when to write, without a caller, what the shared cache lacks.
    pub fn next_retry(&self) -> Option<BootTime> {
        self.states.iter().filter_map(|state| state.schedule.next_retry()).min()
    }

    /// The settings of a state whose retry is due, unless a sync has been started for it since.
    pub fn take_due_retry(&mut self, now: BootTime) -> Option<Arc<Settings>> {
        let is_due = |state: &&mut CredentialState| state.schedule.next_retry().is_some_and(|retry| retry <= now);
        let state = self.states.iter_mut().find(is_due)?;
        state.schedule.take_due_sync(now).then(|| Arc::clone(&state.settings))
    }

    /// Makes the credentials in these settings the current ones.
    pub fn use_settings(&mut self, settings: &Arc<Settings>, now: BootTime) {
        let has_cache = self.current().schedule.has_cache();
        let is_another = !self.current().is_for(settings);
        let place = self.states.iter().position(|state| state.is_for(settings));
        let mut state = place.map_or_else(|| CredentialState::new(settings), |place| self.states.remove(place));
        state.use_settings(settings, now);
        if is_another {
            self.current_since = Some(now);
            if has_cache {
                // Another process may use them already.
                state.schedule.sync_now(now);
            }
        }
        self.states.insert(0, state);
        self.evict(now);
    }

    /// Drops the states of replaced credentials that are too many: those with the least to lose, and of equal ones the
    /// oldest.
    fn evict(&mut self, now: BootTime) {
        while self.states.len() > MAX_STATES {
            let replaced = self.states.iter().enumerate().skip(1).rev();
            let Some((place, _)) = replaced.min_by_key(|(_, state)| state.eviction_priority(now)) else { return };
            self.states.remove(place);
        }
    }
}
