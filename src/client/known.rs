//! What a client knows at one moment. It is never changed, a change makes a new one.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, CoarseDeadline, Moment};
use crate::config::Settings;
use crate::error::{Error, Status};
use crate::policy::{self, Ledger, Life};
use crate::store::{Record, View};
use crate::token::{HeldToken, Token, TokenHash};

/// How long the coarse clocks are believed before the exact one is read again: a machine that sleeps, and whose wall
/// clock is then set back by as much, deceives both of them.
const TRUST_IN_COARSE_CLOCKS: Duration = Duration::from_secs(60);

/// A look into the shared cache has ended by then, or is tried again.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// What a look found of tokens in the shared cache.
pub(super) struct Shared {
    token: Option<(TokenHash, Moment)>,
    refused: Option<TokenHash>,
}

impl Shared {
    pub fn of(view: &View) -> Self {
        Self { token: view.record.as_ref().map(|record| (record.hash(), record.requested)), refused: view.refused }
    }
}

/// Credentials that were replaced, and what was known of them. The token that is held was got with them.
#[derive(Clone)]
struct Former {
    settings: Arc<Settings>,
    since: Moment,
    ledger: Ledger,
    last_error: Option<Error>,
}

#[derive(Clone, Default)]
pub(super) struct Known {
    pub held: Option<Arc<HeldToken>>,
    pub ledger: Ledger,
    pub last_error: Option<Error>,
    /// Why the shared cache could not be used, while that is so.
    pub cache_error: Option<Error>,
    /// When the shared cache is to be looked at again, though nothing has to be fetched. `None` where there is none.
    pub look_again: Option<Moment>,
    /// How often in a row the shared cache did not take what was to be written.
    pub unsaved: u32,
    /// Another process is fetching, and is given until then.
    elsewhere_until: Option<Moment>,
    former: Option<Former>,
    /// An API refused it: it is not to come back from the shared cache.
    refused: Option<TokenHash>,
    /// Until then the held token is handed out without asking the policy again.
    pub serves_until: CoarseDeadline,
}

impl Known {
    pub fn life(&self) -> Option<Life> {
        let life = *self.held.as_ref()?.life();
        Some(self.former.as_ref().map_or(life, |former| life.renewable_from(former.since)))
    }

    pub fn fetched_elsewhere_until(&self, now: Moment) -> Option<Moment> {
        self.elsewhere_until.filter(|&until| now < until)
    }

    /// Whether it is time to look into the shared cache. The others need not ask that while somebody looks.
    pub fn starts_look(&mut self, now: Moment) -> bool {
        let is_time = self.look_again.is_some_and(|moment| moment <= now);
        if is_time {
            self.look_again = Some(now.after(LONGEST_LOOK));
        }
        is_time
    }

    /// Until when callers need not ask again: the policy's answer stays the same, and nothing else is to be done.
    pub fn serves_until(&self, flight_ends: Option<Moment>, clock: &dyn Clock) -> CoarseDeadline {
        let now = clock.now();
        let Some(life) = self.life() else { return CoarseDeadline::PASSED };
        let flight_ends = flight_ends.max(self.fetched_elsewhere_until(now));
        let until = policy::serves_until(&life, &self.ledger, flight_ends, now);
        let until = self.look_again.map_or(until, |moment| until.min(moment));
        CoarseDeadline::after(clock.coarse(), until.since(now).min(TRUST_IN_COARSE_CLOCKS))
    }

    /// Why nothing is sent before `until`.
    pub fn refusal(&self, until: Moment, now: Moment) -> Error {
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

    /// A new token is held, got with the credentials of now.
    pub fn hold(&mut self, held: &Arc<HeldToken>) {
        self.held = Some(Arc::clone(held));
        self.former = None;
    }

    /// A new token is held, got with credentials that were replaced meanwhile.
    pub fn hold_of_former(&mut self, held: &Arc<HeldToken>, settings: &Arc<Settings>, now: Moment) {
        let ledger = Ledger::after_issue(held.life().requested(), now);
        self.held = Some(Arc::clone(held));
        self.former = Some(Former { settings: Arc::clone(settings), since: now, ledger, last_error: None });
    }

    /// Another process is on its way to the server: this one serves what it holds, and looks again a little later.
    pub fn leave_it_to_others(&mut self, until: Moment) {
        self.elsewhere_until = Some(until);
    }

    pub fn drop_refused(&mut self, token: &Token) -> bool {
        let matches = self.held.as_ref().is_some_and(|held| held.token() == *token);
        if matches {
            self.held = None;
            self.refused = Some(token.hash());
        }
        matches
    }

    /// Takes the ledger over from the shared cache, and gives back its token if that is a better one than the held.
    pub fn take_over(&mut self, view: View, now: Moment) -> Option<Record> {
        (self.cache_error, self.elsewhere_until) = (None, None);
        if self.ledger.agree_with(view.ledger.as_ref()) {
            self.last_error = view.failure;
        }
        let refused = view.refused;
        view.record.filter(|record| refused != Some(record.hash()) && self.wants(record, now))
    }

    fn wants(&self, record: &Record, now: Moment) -> bool {
        let is_over = now >= record.requested.after(record.lifetime);
        if is_over || self.refused == Some(record.hash()) {
            return false;
        }
        let Some(held) = &self.held else { return true };
        let is_better = held.life().is_over(now) || self.former.is_some() || record.requested > held.life().requested();
        is_better && record.hash() != held.token().hash()
    }

    /// Whether the held token is missing in the shared cache. What an API refused does not come back.
    pub fn should_publish(&self, shared: &Shared) -> bool {
        let Some(held) = &self.held else { return false };
        let hash = held.token().hash();
        let is_there =
            shared.token.is_some_and(|(theirs, requested)| theirs == hash || requested > held.life().requested());
        !is_there && shared.refused != Some(hash) && self.former.is_none()
    }

    /// What was learned of other credentials is put aside as far as it does not hold for these, and is good again when they
    /// come back.
    pub fn use_credentials(&mut self, before: &Arc<Settings>, after: &Settings, now: Moment) {
        if before.request.is_of_the_same(&after.request) {
            self.last_error = None;
        } else {
            let (ledger, last_error) = (std::mem::take(&mut self.ledger), self.last_error.take());
            match self.former.take() {
                Some(former) if former.settings.request.is_of_the_same(&after.request) => {
                    (self.ledger, self.last_error) = (former.ledger, former.last_error);
                }
                // What is held is still that of the first.
                Some(former) => self.former = Some(former),
                None => self.former = Some(Former { settings: Arc::clone(before), since: now, ledger, last_error }),
            }
        }
        self.ledger.forgive();
        self.elsewhere_until = None;
        // Others may use them already, or wait for the token to be sealed for them.
        self.look_again = self.look_again.map(|_| now);
    }
}
