//! What a client knows at one moment. It is never changed, a change makes a new one.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use crate::clock::{BootTime, Clock, CoarseDeadline};
use crate::config::Settings;
use crate::policy::{self, Decision, TokenLifetime};
use crate::token::{HeldToken, Token};

/// How long the coarse clocks are believed before the exact one is read again: a machine that sleeps, and whose wall
/// clock is then set back by as much, deceives both of them.
const TRUST_IN_COARSE_CLOCKS: Duration = Duration::from_secs(60);

/// Credentials can be set back: what was learned of them holds still.
const MOST_ACCOUNTS: usize = 4;

#[derive(Clone)]
pub(super) struct Known {
    /// That of now first, then those that were replaced, the last one first.
    accounts: Vec<Account>,
    /// Since when the first is that of now.
    since: Option<BootTime>,
    /// The token for callers: of now, or while there is none yet, one that was got with former credentials.
    pub served: Option<Arc<HeldToken>>,
    /// Until then it is handed out without asking the policy again.
    pub serves_until: CoarseDeadline,
}

impl Known {
    pub fn new(settings: &Arc<Settings>) -> Self {
        let accounts = vec![Account::new(settings)];
        Self { accounts, since: None, served: None, serves_until: CoarseDeadline::PASSED }
    }

    pub fn current(&mut self) -> &mut Account {
        &mut self.accounts[0]
    }

    pub fn find(&self, settings: &Settings) -> Option<&Account> {
        self.accounts.iter().find(|account| account.is_for(settings))
    }

    /// The account that these settings are for. One that was dropped while it was fetched for comes back beside the others,
    /// until the next credentials are set.
    pub fn of(&mut self, settings: &Arc<Settings>) -> &mut Account {
        let place = self.accounts.iter().position(|account| account.is_for(settings)).unwrap_or_else(|| {
            self.accounts.push(Account::new(settings));
            self.accounts.len() - 1
        });
        &mut self.accounts[place]
    }

    /// What the policy says to a caller, or to a fetch for these settings. They may be former ones.
    pub fn decide(&self, settings: &Settings, flight_ends: Option<BootTime>, now: BootTime) -> Decision {
        let Some(account) = self.find(settings) else { return Decision::Fetch };
        let flight_ends = flight_ends.max(account.fetched_elsewhere_until(now));
        let life = self.lifetime(account, now);
        let mut ledger = Cow::Borrowed(&account.ledger);
        if account.settings.cache.allow_fetch_without_cache && life.is_none() {
            ledger.to_mut().cache_out_until = None;
        }
        policy::decide(life.as_ref(), &ledger, flight_ends, now)
    }

    /// Whether an API refused it, whosever it was.
    pub fn is_refused(&self, held: &HeldToken) -> bool {
        let hash = held.token().hash();
        self.accounts.iter().any(|account| account.refused.contains(&hash))
    }

    /// Of the token that is served to those who ask for one of this account. One that was got with other credentials is to
    /// be renewed at once.
    fn lifetime(&self, account: &Account, now: BootTime) -> Option<TokenLifetime> {
        let own = account.valid_token(now).map(|held| *held.lifetime());
        own.or_else(|| {
            let since = self.since.filter(|_| account.is_for(&self.accounts[0].settings))?;
            self.token(now).map(|held| held.lifetime().refreshable_from(since))
        })
    }

    /// The token for callers: a valid one if there is one.
    pub fn token(&self, now: BootTime) -> Option<&Arc<HeldToken>> {
        self.accounts.iter().find_map(|account| account.valid_token(now))
    }

    /// Works out once, for all callers until the next change, what is served and how long without asking again.
    pub fn settle(&mut self, flight_ends: Option<BootTime>, clock: &dyn Clock) {
        let now = clock.now();
        self.served = self.token(now).cloned();
        let account = &self.accounts[0];
        let until = self.lifetime(account, now).map(|life| {
            let flight_ends = flight_ends.max(account.fetched_elsewhere_until(now));
            let until = policy::serves_until(&life, &account.ledger, flight_ends, now);
            account.look_again.map_or(until, |moment| until.min(moment))
        });
        self.serves_until = until.map_or(CoarseDeadline::PASSED, |until| {
            CoarseDeadline::after(clock.coarse(), until.since(now).min(TRUST_IN_COARSE_CLOCKS))
        });
    }

    /// The account that loses its token, because it was this one.
    pub fn drop_refused(&mut self, token: &Token) -> Option<&mut Account> {
        self.accounts.iter_mut().find_map(|account| account.drop_refused(token).then_some(account))
    }

    /// When something that a shared cache lacks is to be written though nobody calls.
    pub fn next_retry(&self) -> Option<BootTime> {
        self.accounts.iter().filter_map(Account::retries_at).min()
    }

    /// Whose turn it is, if it is somebody's and nobody has looked since.
    pub fn start_retry(&mut self, now: BootTime) -> Option<Arc<Settings>> {
        let account = self.accounts.iter_mut().find(|account| account.retries_at().is_some_and(|at| at <= now))?;
        account.starts_look(now).then(|| Arc::clone(&account.settings))
    }

    pub fn use_settings(&mut self, settings: &Arc<Settings>, now: BootTime) {
        let has_cache = self.accounts[0].look_again.is_some();
        let is_another = !self.accounts[0].is_for(settings);
        let place = self.accounts.iter().position(|account| account.is_for(settings));
        let mut account = place.map_or_else(|| Account::new(settings), |place| self.accounts.remove(place));
        account.use_settings(settings, now);
        if is_another {
            self.since = Some(now);
            // Others may use them already.
            account.look_again = has_cache.then_some(now);
        }
        self.accounts.insert(0, account);
        self.drop_those_too_many(now);
    }

    /// Of those that are not of now, the ones that are worth least, and of several the oldest.
    fn drop_those_too_many(&mut self, now: BootTime) {
        while self.accounts.len() > MOST_ACCOUNTS {
            let others = self.accounts.iter().enumerate().skip(1).rev();
            let Some((place, _)) = others.min_by_key(|(_, account)| account.worth(now)) else { return };
            self.accounts.remove(place);
        }
    }
}
