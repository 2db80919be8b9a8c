//! The state of one set of credentials: its token, and what its requests have taught.

use std::sync::Arc;

use super::schedule::Schedule;
use super::suspects::Suspects;
use crate::clock::BootTime;
use crate::config::Settings;
use crate::error::{Error, Status};
use crate::policy::{Candidate, Ledger};
use crate::random::jitter;
use crate::store::{Record, View};
use crate::token::{Fitness, HeldToken, Token};

#[derive(Clone)]
pub(super) struct CredentialState {
    /// The newest settings with these credentials.
    pub settings: Arc<Settings>,
    pub held: Option<Arc<HeldToken>>,
    pub ledger: Ledger,
    pub last_error: Option<Error>,
    /// The reason why the shared cache cannot be used, as long as that is so.
    pub cache_error: Option<Error>,
    pub schedule: Schedule,
    pub suspects: Suspects,
    /// A refresh of this process is under way, and has ended by then. A forked child inherits the time, not the
    /// refresh.
    refreshing_until: Option<BootTime>,
    /// Another process is requesting a token, and is given until then.
    other_process_refreshing_until: Option<BootTime>,
}

impl CredentialState {
    pub fn new(settings: &Arc<Settings>) -> Self {
        Self {
            settings: Arc::clone(settings),
            held: None,
            ledger: Ledger::default(),
            last_error: None,
            cache_error: None,
            schedule: Schedule::NONE,
            suspects: Suspects::default(),
            refreshing_until: None,
            other_process_refreshing_until: None,
        }
    }

    pub fn is_for(&self, settings: &Settings) -> bool {
        self.settings.request.is_of_the_same(&settings.request)
    }

    pub fn valid_token(&self, now: BootTime) -> Option<&Arc<HeldToken>> {
        self.held.as_ref().filter(|held| !held.lifetime().is_over(now))
    }

    /// Returns the valid token as the policy sees it.
    pub fn candidate(&self, now: BootTime) -> Option<Candidate> {
        let held = self.valid_token(now)?;
        let mut lifetime = *held.lifetime();
        if held.fitness.wants_another() {
            let allowed = self.ledger.quota_allows_from(self.settings.request.quota);
            lifetime = lifetime.refreshable_from(allowed.unwrap_or(lifetime.requested()));
        }
        Some(Candidate { lifetime, is_suspect: self.is_suspect(held) })
    }

    pub fn is_suspect(&self, held: &HeldToken) -> bool {
        !self.suspects.is_empty() && self.suspects.contains(held.token().hash())
    }

    /// Ranks what would be lost with this state: a valid token, or the knowledge that the quota is used up.
    pub fn eviction_priority(&self, now: BootTime) -> u8 {
        let is_cooling_down = self.ledger.cool_down_until.is_some_and(|until| now < until);
        match (self.valid_token(now), is_cooling_down) {
            (Some(_), _) => 2,
            (None, true) => 1,
            (None, false) => 0,
        }
    }

    /// Returns the end of the refresh that is in flight, here or in another process.
    pub fn refresh_ends(&self, now: BootTime) -> Option<BootTime> {
        self.refreshing_until.max(self.other_process_refreshing_until).filter(|&until| now < until)
    }

    pub fn note_refresh(&mut self, until: BootTime) {
        self.refreshing_until = Some(until);
    }

    pub fn end_refresh(&mut self) {
        self.refreshing_until = None;
    }

    /// Records that the held token is served until `until`, while another process requests the next one.
    pub fn defer_to_other_process(&mut self, until: BootTime) {
        self.other_process_refreshing_until = Some(until);
    }

    /// Returns the reason why nothing is sent before `until`.
    pub fn refusal(&self, until: BootTime, now: BootTime) -> Error {
        let reason = match &self.cache_error {
            Some(error) if self.ledger.is_closed_by_the_cache_alone(now) => error.clone(),
            _ => self.last_error.clone().unwrap_or_else(|| self.unknown_reason()),
        };
        reason.repeated(until.since(now))
    }

    /// Returns the reason for a ledger that lacks it, because somebody damaged it.
    fn unknown_reason(&self) -> Error {
        let (status, what) = if self.ledger.is_closed_by_the_quota() {
            (Status::QuotaRefused, "the daily limit refused an earlier request")
        } else {
            (Status::ServerError, "earlier requests failed")
        };
        Error::new(status, format!("{what}; the shared cache does not say why"))
    }

    /// Records that the server granted this token. If an API rejected it, the server stands by it.
    pub fn record_issue(&mut self, held: &HeldToken, now: BootTime) {
        let is_replacement = self.held.as_ref().is_some_and(|replaced| self.is_suspect(replaced));
        self.suspects.clear(held.token().hash());
        self.ledger.record_issue(held.lifetime().requested(), now);
        if is_replacement {
            self.ledger.record_replacement(now);
        }
        self.last_error = None;
    }

    pub fn hold(&mut self, held: &Arc<HeldToken>) {
        self.held = Some(Arc::clone(held));
    }

    pub fn holds(&self, token: &Token) -> bool {
        self.held.as_ref().is_some_and(|held| held.token() == *token)
    }

    /// Merges what the shared cache knows into this state, but for its token, which is returned if it is better than
    /// the held.
    pub fn merge(&mut self, view: View, process: u64, now: BootTime) -> Option<Record> {
        (self.cache_error, self.other_process_refreshing_until) = (None, None);
        if self.ledger.merge(view.ledger.as_ref(), process) {
            self.last_error = view.failure;
        }
        self.suspects.merge(view.ledger.as_ref().map(|_| &*view.suspects));
        view.record.filter(|record| self.prefers(record, now))
    }

    /// Returns whether a record is better than the held token.
    ///
    /// Of two tokens that have not expired, the later one is better, unless it is suspect or does not fit the DPoP
    /// settings. A held token that is later than the record is missing in the cache. It is kept though it is suspect:
    /// given up for the record it would be lost to the fleet.
    fn prefers(&self, record: &Record, now: BootTime) -> bool {
        if now >= record.requested.after(record.lifetime) {
            return false;
        }
        let Some(held) = self.valid_token(now) else { return true };
        let fits_better = held.fitness.wants_another() && !record.fitness.wants_another();
        if record.hash() == held.token().hash() || (record.requested < held.lifetime().requested() && !fits_better) {
            return false;
        }
        let rank = |hash, fitness: Fitness| (!self.suspects.contains(hash), !fitness.wants_another());
        rank(record.hash(), record.fitness) >= rank(held.token().hash(), held.fitness)
    }

    /// Records that a request which is marked as in flight may have cost a token, because its sender is gone.
    pub fn note_dead_sender(&mut self, now: BootTime) {
        if self.ledger.record_dead_sender(now, jitter()) && !self.ledger.is_closed_by_the_quota() {
            self.last_error = Some(sender_ended());
        }
    }

    /// Uses newer settings for the same client and service account.
    pub fn use_settings(&mut self, settings: &Arc<Settings>, now: BootTime) {
        if !self.settings.request.has_the_secrets_of(&settings.request) {
            // What was refused may be granted, but for what the quota has closed.
            self.ledger.clear_back_off();
            if !self.ledger.is_closed_by_the_quota() {
                self.last_error = None;
            }
            if self.schedule.has_cache() {
                // Another process may use them already, or wait for the token to be sealed for them.
                self.schedule.sync_now(now);
            }
        }
        self.settings = Arc::clone(settings);
    }
}

/// Returns the error for callers while nothing is sent because senders died.
fn sender_ended() -> Error {
    let message = "a process, or its thread for requests, ended while it waited for its token, which the server may have \
                   issued all the same";
    Error::new(Status::ConnectionLost, message)
}
