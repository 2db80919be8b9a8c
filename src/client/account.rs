//! What is known of one client and service account: its token, and what requests for it have taught.

use std::sync::Arc;
use std::time::Duration;

use super::fleet::next_look;
use crate::clock::BootTime;
use crate::config::Settings;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::store::{Record, View};
use crate::token::{HeldToken, Token, TokenHash};

/// A look into the shared cache has ended by then, or is tried again.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// How many refused tokens are remembered. Each cost a day's quota.
const MAX_REJECTED: usize = 4;
/// How often what could not be written is tried again though nobody calls: for some minutes.
const MOST_RETRIES: u32 = 8;

#[derive(Clone)]
pub(super) struct Account {
    /// The newest that are known.
    pub settings: Arc<Settings>,
    pub held: Option<Arc<HeldToken>>,
    pub ledger: Ledger,
    pub last_error: Option<Error>,
    /// Why the shared cache could not be used, while that is so.
    pub cache_error: Option<Error>,
    /// When the shared cache is to be looked at again, though nothing has to be fetched. `None` where there is none.
    pub look_again: Option<BootTime>,
    /// How often in a row the shared cache did not take what was to be written.
    pub unsaved: u32,
    /// Tokens that an API refused, the last one first: they are not to come back from the shared cache.
    pub refused: Vec<TokenHash>,
    /// Another process is fetching, and is given until then.
    elsewhere_until: Option<BootTime>,
}

impl Account {
    pub fn new(settings: &Arc<Settings>) -> Self {
        Self {
            settings: Arc::clone(settings),
            held: None,
            ledger: Ledger::default(),
            last_error: None,
            cache_error: None,
            look_again: None,
            unsaved: 0,
            refused: Vec::new(),
            elsewhere_until: None,
        }
    }

    pub fn is_for(&self, settings: &Settings) -> bool {
        self.settings.request.is_of_the_same(&settings.request)
    }

    pub fn valid_token(&self, now: BootTime) -> Option<&Arc<HeldToken>> {
        self.held.as_ref().filter(|held| !held.lifetime().is_over(now))
    }

    /// What would be lost with it: a valid token, or the knowledge that the daily limit is reached.
    pub fn worth(&self, now: BootTime) -> u8 {
        let is_cooling_down = self.ledger.cool_down_until.is_some_and(|until| now < until);
        match (self.valid_token(now), is_cooling_down) {
            (Some(_), _) => 2,
            (None, true) => 1,
            (None, false) => 0,
        }
    }

    pub fn fetched_elsewhere_until(&self, now: BootTime) -> Option<BootTime> {
        self.elsewhere_until.filter(|&until| now < until)
    }

    /// Another process is on its way to the server: this one serves what it holds, and looks again a little later.
    pub fn leave_it_to_others(&mut self, until: BootTime) {
        self.elsewhere_until = Some(until);
    }

    /// The shared cache lacks something: it is written by a look, soon, and ever later while that fails.
    pub fn note_unsaved(&mut self, now: BootTime) {
        self.unsaved = self.unsaved.saturating_add(1);
        self.look_again = Some(now.after(next_look(self.unsaved)));
    }

    /// Whether it is time to look into the shared cache. The others need not ask that while somebody looks.
    pub fn starts_look(&mut self, now: BootTime) -> bool {
        let is_time = self.look_again.is_some_and(|moment| moment <= now);
        if is_time {
            self.look_again = Some(now.after(LONGEST_LOOK));
        }
        is_time
    }

    /// When to look again, though nobody calls, because the shared cache lacks something.
    pub fn retries_at(&self) -> Option<BootTime> {
        self.look_again.filter(|_| (1..=MOST_RETRIES).contains(&self.unsaved))
    }

    /// Why nothing is sent before `until`.
    pub fn refusal(&self, until: BootTime, now: BootTime) -> Error {
        let reason = match &self.cache_error {
            Some(error) if self.ledger.is_closed_by_the_cache_alone(now) => error.clone(),
            _ => self.last_error.clone().unwrap_or_else(|| self.unknown_reason()),
        };
        reason.repeated(until.since(now))
    }

    /// For a ledger that somebody damaged.
    fn unknown_reason(&self) -> Error {
        let (status, what) = if self.ledger.is_closed_by_the_quota() {
            (Status::QuotaRefused, "the daily limit refused a request")
        } else {
            (Status::ServerError, "requests failed")
        };
        Error::new(status, format!("{what}, as the shared cache says, which does not say more"))
    }

    /// The server granted this token. If an API refused it, the server stands by it.
    pub fn record_issue(&mut self, held: &HeldToken, now: BootTime) {
        let hash = held.token().hash();
        self.refused.retain(|refused| *refused != hash);
        self.ledger.record_issue(held.lifetime().requested(), now);
        self.last_error = None;
    }

    pub fn hold(&mut self, held: &Arc<HeldToken>) {
        self.held = Some(Arc::clone(held));
    }

    /// False if another token is held.
    pub fn drop_refused(&mut self, token: &Token) -> bool {
        let matches = self.held.as_ref().is_some_and(|held| held.token() == *token);
        if matches {
            self.held = None;
            self.remember_refused(&[token.hash()], 0);
        }
        matches
    }

    fn remember_refused(&mut self, hashes: &[TokenHash], place: usize) {
        for &hash in hashes {
            if !self.refused.contains(&hash) {
                self.refused.insert(place.min(self.refused.len()), hash);
            }
        }
        self.refused.truncate(MAX_REJECTED);
    }

    /// Takes over what the shared cache knows, but for its token, which it gives back if that is a better one than the held.
    pub fn take_over(&mut self, view: View, me: u64, now: BootTime) -> Option<Record> {
        (self.cache_error, self.elsewhere_until) = (None, None);
        if self.ledger.merge(view.ledger.as_ref(), me) {
            self.last_error = view.failure;
        }
        self.remember_refused(&view.rejected_tokens, MAX_REJECTED);
        view.record.filter(|record| self.wants(record, now))
    }

    fn wants(&self, record: &Record, now: BootTime) -> bool {
        let is_over = now >= record.requested.after(record.lifetime);
        if is_over || self.refused.contains(&record.hash()) {
            return false;
        }
        let Some(held) = self.valid_token(now) else { return true };
        record.requested > held.lifetime().requested() && record.hash() != held.token().hash()
    }

    /// Newer settings for the same client and service account.
    pub fn use_settings(&mut self, settings: &Arc<Settings>, now: BootTime) {
        if !self.settings.request.has_the_secrets_of(&settings.request) {
            // What was refused may be granted, but for what the daily limit has closed.
            self.ledger.clear_back_off();
            if !self.ledger.is_closed_by_the_quota() {
                self.last_error = None;
            }
            // Others may use them already, or wait for the token to be sealed for them.
            self.look_again = self.look_again.map(|_| now);
        }
        self.settings = Arc::clone(settings);
    }
}
