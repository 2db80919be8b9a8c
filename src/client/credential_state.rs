//! The state of one set of credentials: its token, and what its requests have taught.

use std::sync::Arc;

use super::schedule::Schedule;
use crate::clock::BootTime;
use crate::config::Settings;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::store::{Record, View};
use crate::token::{HeldToken, Token, TokenHash};

/// How many rejected tokens are remembered. Each of them cost the quota of a day.
const MAX_REJECTED: usize = 4;

#[derive(Clone)]
pub(super) struct CredentialState {
    /// The newest settings with these credentials.
    pub settings: Arc<Settings>,
    pub held: Option<Arc<HeldToken>>,
    pub ledger: Ledger,
    pub last_error: Option<Error>,
    /// Why the shared cache could not be used, while that is so.
    pub cache_error: Option<Error>,
    pub schedule: Schedule,
    /// Tokens that an API rejected, the last one first: they must not come back from the shared cache.
    pub rejected: Vec<TokenHash>,
    /// A refresh of this process is under way, and has ended by then. A forked child inherits the time, not the refresh.
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
            rejected: Vec::new(),
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

    /// Ranks what would be lost with this state: a valid token, or the knowledge that the quota is used up.
    pub fn eviction_priority(&self, now: BootTime) -> u8 {
        let is_cooling_down = self.ledger.cool_down_until.is_some_and(|until| now < until);
        match (self.valid_token(now), is_cooling_down) {
            (Some(_), _) => 2,
            (None, true) => 1,
            (None, false) => 0,
        }
    }

    /// Until when a token is being requested, here or by another process.
    pub fn refresh_ends(&self, now: BootTime) -> Option<BootTime> {
        self.refreshing_until.max(self.other_process_refreshing_until).filter(|&until| now < until)
    }

    pub fn note_refresh(&mut self, until: BootTime) {
        self.refreshing_until = Some(until);
    }

    pub fn end_refresh(&mut self) {
        self.refreshing_until = None;
    }

    /// Serves the held token until `until`, while another process requests the next one.
    pub fn defer_to_other_process(&mut self, until: BootTime) {
        self.other_process_refreshing_until = Some(until);
    }

    /// Why nothing is sent before `until`.
    pub fn refusal(&self, until: BootTime, now: BootTime) -> Error {
        let reason = match &self.cache_error {
            Some(error) if self.ledger.is_closed_by_the_cache_alone(now) => error.clone(),
            _ => self.last_error.clone().unwrap_or_else(|| self.unknown_reason()),
        };
        reason.repeated(until.since(now))
    }

    /// The reason where the ledger does not hold it, because somebody damaged it.
    fn unknown_reason(&self) -> Error {
        let (status, what) = if self.ledger.is_closed_by_the_quota() {
            (Status::QuotaRefused, "the daily limit refused a request")
        } else {
            (Status::ServerError, "requests failed")
        };
        Error::new(status, format!("{what}; the shared cache does not say more"))
    }

    /// Records that the server granted this token. If an API rejected it, the server stands by it.
    pub fn record_issue(&mut self, held: &HeldToken, now: BootTime) {
        let hash = held.token().hash();
        self.rejected.retain(|rejected| *rejected != hash);
        self.ledger.record_issue(held.lifetime().requested(), now);
        self.last_error = None;
    }

    pub fn hold(&mut self, held: &Arc<HeldToken>) {
        self.held = Some(Arc::clone(held));
    }

    /// Drops `token` if it is the one that is held. Returns whether it was.
    pub fn reject(&mut self, token: &Token) -> bool {
        let matches = self.held.as_ref().is_some_and(|held| held.token() == *token);
        if matches {
            self.held = None;
            self.remember_rejected(&[token.hash()], 0);
        }
        matches
    }

    fn remember_rejected(&mut self, hashes: &[TokenHash], place: usize) {
        for &hash in hashes {
            if !self.rejected.contains(&hash) {
                self.rejected.insert(place.min(self.rejected.len()), hash);
            }
        }
        self.rejected.truncate(MAX_REJECTED);
    }

    /// Merges what the shared cache knows into this state, but for its token, which is returned if it is better than the held.
    pub fn merge(&mut self, view: View, process: u64, now: BootTime) -> Option<Record> {
        (self.cache_error, self.other_process_refreshing_until) = (None, None);
        if self.ledger.merge(view.ledger.as_ref(), process) {
            self.last_error = view.failure;
        }
        self.remember_rejected(&view.rejected_tokens, MAX_REJECTED);
        view.record.filter(|record| self.prefers(record, now))
    }

    fn prefers(&self, record: &Record, now: BootTime) -> bool {
        let is_over = now >= record.requested.after(record.lifetime);
        if is_over || self.rejected.contains(&record.hash()) {
            return false;
        }
        let Some(held) = self.valid_token(now) else { return true };
        record.requested > held.lifetime().requested() && record.hash() != held.token().hash()
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
