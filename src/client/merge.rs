//! Merges the shared cache into the state of these credentials, and plans the next step of a refresh.

use std::sync::Arc;

use super::credential_state::CredentialState;
use super::plan::{CacheSummary, Demand, Plan, Reply, Situation};
use super::refresh::RefreshTask;
use super::single_flight::Ticket;
use crate::clock::{BootTime, Clock};
use crate::policy::{Decision, TokenLifetime};
use crate::random::jitter;
use crate::store::{Record, View};
use crate::token::{Fitness, HeldToken};

impl RefreshTask {
    pub(super) fn merge_and_plan(&mut self, view: View) -> Plan {
        let cache = self.merge(view, |_, _| {});
        self.plan(Some(&cache))
    }

    /// A request that is still marked as in flight under the lock has lost its sender.
    pub(super) fn merge_and_plan_under_lock(&mut self, view: View) -> Plan {
        let cache = self.merge(view, CredentialState::note_dead_sender);
        self.plan(Some(&cache))
    }

    /// Merges what the cache knows into the state of these credentials.
    fn merge(&self, view: View, further: impl FnOnce(&mut CredentialState, BootTime)) -> CacheSummary {
        let cache = CacheSummary::of(&view);
        self.inner.adopt_clocks(&self.settings, &view.server_clocks);
        let process = self.process.id;
        // Nothing is logged under the lock of the state: a log handler may wait for a caller that waits for that lock.
        let adopted = self.record(|state, now| {
            if self.has_newest_secrets(state) {
                state.schedule.synced(now);
            }
            let record = state.merge(view, process, now);
            if let Some(record) = &record {
                state.hold(&held_from(record, jitter(), &self.inner.clock));
            }
            further(state, now);
            record.map(|record| record.fitness)
        });
        if adopted == Some(Fitness::OtherKey) {
            tracing::warn!(
                "the token in the shared cache is bound to another key than the configured one; it is used until a \
                 token for the configured key is issued"
            );
        }
        cache
    }

    /// Asks the plan. Where nothing more is wanted the refresh leaves its place, unless a caller has come in that
    /// moment.
    pub(super) fn plan(&mut self, cache: Option<&CacheSummary>) -> Plan {
        loop {
            let is_needed = self.ticket.as_ref().is_some_and(Ticket::is_needed);
            let plan = self.plan_for(if is_needed { Demand::Token } else { Demand::Sync }, cache);
            tracing::debug!(client = self.settings.request.client_id, "next step of the refresh: {}", plan.name());
            let is_over = matches!(plan, Plan::Return(Reply::Nothing) | Plan::Write { then: Reply::Nothing, .. });
            if !is_over || is_needed || self.retires() {
                return plan;
            }
        }
    }

    /// Leaves the place of the refresh unless its result is wanted. Another one can be started from then on.
    pub(super) fn retires(&mut self) -> bool {
        self.ticket.take_if(|ticket| ticket.try_retire());
        self.ticket.is_none()
    }

    fn plan_for(&self, demand: Demand, cache: Option<&CacheSummary>) -> Plan {
        let has_new_clocks = cache.is_some_and(|cache| self.inner.has_new_clocks(&self.settings, &cache.server_clocks));
        self.inner.update(|snapshot| {
            let now = self.inner.clock.now();
            let decision = snapshot.decide_for_refresh(&self.settings, now);
            let state = snapshot.find(&self.settings);
            let situation = Situation {
                demand,
                decision,
                served: snapshot.token(now),
                own: state.and_then(|state| state.valid_token(now)),
                has_unwritten: has_new_clocks
                    || state.is_some_and(|state| state.ledger.is_unwritten || state.suspects.has_unwritten()),
                is_current: self.is_current(),
                cache,
            };
            let (plan, is_written) = (situation.plan(), situation.is_written());
            let state = snapshot.state_of(&self.settings);
            if is_written && self.has_newest_secrets(state) {
                state.schedule.note_all_written();
            }
            if let (Decision::Refuse { .. }, Some(_)) = (decision, cache) {
                state.schedule.synced_while_refused(now);
            }
            plan
        })
    }
}

/// Returns the token of a record. `jitter` in `0.0..1.0` is when in its refresh window the token is refreshed.
pub(super) fn held_from(record: &Record, jitter: f64, clock: &Arc<dyn Clock>) -> Arc<HeldToken> {
    let lifetime = TokenLifetime::new(record.requested, record.lifetime, jitter);
    let held = HeldToken::new(&record.access_token, record.key.clone(), &record.scope, lifetime, Arc::clone(clock));
    Arc::new(held.with_fitness(record.fitness).found_in_cache())
}
