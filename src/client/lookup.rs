//! Gives a caller what the snapshot has for it: a token, an error, or the refresh that it has to wait for.

use std::sync::Arc;

use super::Inner;
use super::plan::Demand;
use super::refresh::{RefreshTask, ended_unexpectedly};
use super::snapshot::Snapshot;
use super::waiting::Pending;
use crate::clock::BootTime;
use crate::config::Settings;
use crate::error::Error;
use crate::policy::Decision;
use crate::runtime::Runtime;
use crate::threads;
use crate::token::{HeldToken, Token};

/// The token of a caller, or the result that it has to wait for.
pub(super) enum Availability {
    Token(Token),
    Pending(Pending),
}

/// The decision for one caller, and what has to be started for it.
enum Lookup {
    Serve { held: Arc<HeldToken>, start: Option<Demand> },
    Wait,
    Refuse { error: Error, sync: bool },
}

impl Inner {
    pub(super) fn look(self: &Arc<Self>) -> Result<Availability, Error> {
        match self.serve_from_memory() {
            Some(token) => Ok(Availability::Token(token)),
            None => self.decide(),
        }
    }

    /// Serves nearly every call: no lock, no system call, no memory allocated.
    pub(super) fn serve_from_memory(&self) -> Option<Token> {
        let snapshot = self.snapshot.load();
        let held = snapshot.served.as_ref()?;
        snapshot.serve_until.is_ahead_of(self.clock.coarse()).then(|| self.serve(held))
    }

    /// Gives a held token to a caller.
    #[inline]
    pub(super) fn serve(&self, held: &HeldToken) -> Token {
        let thread = threads::number();
        self.served.add(thread);
        held.token_of(thread)
    }

    fn decide(self: &Arc<Self>) -> Result<Availability, Error> {
        let settings = self.settings.load_full();
        match self.update(|snapshot| self.lookup(snapshot)) {
            Lookup::Serve { held, start } => {
                if let Some(demand) = start {
                    // Where no thread can be started the token is as good as before; it is tried again later.
                    let _ = self.start(&settings, demand);
                }
                Ok(Availability::Token(self.serve(&held)))
            }
            Lookup::Wait => self.start(&settings, Demand::Token).map(Availability::Pending),
            // Another process may have a token by now.
            Lookup::Refuse { error, sync: true } => {
                self.start(&settings, Demand::Sync).map_or(Err(error), |waiter| Ok(Availability::Pending(waiter)))
            }
            Lookup::Refuse { error, sync: false } => Err(error),
        }
    }

    fn lookup(&self, snapshot: &mut Snapshot) -> Lookup {
        let now = self.clock.now();
        match (snapshot.decide_for_caller(now), snapshot.token(now).cloned()) {
            (Decision::Serve, Some(held)) => {
                let sync = snapshot.current_mut().schedule.take_due_sync(now);
                Lookup::Serve { held, start: sync.then_some(Demand::Sync) }
            }
            (Decision::ServeAndRefresh, Some(held)) => {
                let state = snapshot.current_mut();
                state.note_refresh(now.after(state.settings.transport.total_timeout));
                Lookup::Serve { held, start: Some(Demand::Token) }
            }
            (Decision::Refuse { until }, _) => {
                let state = snapshot.current_mut();
                let expired = state.held.as_ref().map(|held| held.lifetime().expires());
                let sync = state.schedule.take_due_sync_without_token(expired, now);
                Lookup::Refuse { sync, error: state.refusal(until, now) }
            }
            _ => Lookup::Wait,
        }
    }

    pub(super) fn look_without_waiting(self: &Arc<Self>) -> Option<Token> {
        let Some(runtime) = self.components.running() else {
            let (snapshot, now) = (self.snapshot.load(), self.clock.now());
            let serves = matches!(snapshot.decide_for_caller(now), Decision::Serve | Decision::ServeAndRefresh);
            return snapshot.token(now).filter(|_| serves).map(|held| self.serve(held));
        };
        let settings = self.settings.load_full();
        let (held, start) = match self.update(|snapshot| self.lookup(snapshot)) {
            Lookup::Serve { held, start } => (Some(held), start),
            Lookup::Wait => (None, Some(Demand::Token)),
            Lookup::Refuse { sync, .. } => (None, sync.then_some(Demand::Sync)),
        };
        if let Some(demand) = start {
            // Where the thread has just died the next call that waits starts another.
            let _ = self.start_on(&runtime, &settings, demand);
        }
        held.map(|held| self.serve(&held))
    }

    /// Starts a refresh, or joins the one that is under way, whichever credentials that is for.
    pub(super) fn start(self: &Arc<Self>, settings: &Arc<Settings>, demand: Demand) -> Result<Pending, Error> {
        let runtime = self.components.runtime()?;
        match self.start_on(&runtime, settings, demand) {
            Some(pending) => Ok(pending),
            // The thread was found dead, and another one takes its place.
            None => self.start_on(&self.components.runtime()?, settings, demand).ok_or_else(ended_unexpectedly),
        }
    }

    /// `None` if this thread is dead.
    fn start_on(self: &Arc<Self>, runtime: &Runtime, settings: &Arc<Settings>, demand: Demand) -> Option<Pending> {
        let process = self.process.get_for(runtime.generation());
        let mut is_under_way = true;
        let waiter = process.refreshes.join_or_start(demand == Demand::Token, |ticket| {
            is_under_way = runtime.spawn(RefreshTask::new(self, &process, settings, ticket).run());
        });
        is_under_way.then(|| Pending { waiter, runtime: runtime.clone() })
    }

    /// Returns whether callers wait for a replacement of this token, which an API rejected.
    pub(super) fn waits_for_replacement_of(&self, token: &Token, now: BootTime) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.is_suspect(token) && matches!(snapshot.decide_for_caller(now), Decision::Fetch | Decision::Wait)
    }

    /// Returns whether the next call brings another token than this one, which an API rejected.
    pub(super) fn can_replace(&self, token: &Token) -> bool {
        let now = self.clock.now();
        let holds_another = || self.valid_token().is_some_and(|held| held.token() != *token);
        self.waits_for_replacement_of(token, now) || holds_another()
    }

    /// Returns the reason why a token that an API rejected is not replaced, if it is known.
    pub(super) fn reason_against_replacement(&self) -> Option<Error> {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        let state = snapshot.current();
        let until = state.ledger.closed_until().filter(|&until| now < until)?;
        Some(state.refusal(until, now))
    }
}
