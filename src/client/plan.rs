//! Plans the next step of a refresh: a total function over plain values, without I/O and without a clock. It is to a
//! refresh that stands before the shared cache what `policy::decide` is to a caller.

use std::sync::Arc;

use crate::clock::BootTime;
use crate::policy::Decision;
use crate::store::View;
use crate::token::{HeldToken, TokenHash};

/// The purpose of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// This client and the shared cache are to agree. Nothing is requested.
    Sync,
    /// A token is wanted, by a caller who waits or for the time when the held one has expired.
    Token,
}

/// A refresh between two steps, as far as the next one depends on it.
pub(super) struct Situation<'a> {
    pub demand: Demand,
    /// The decision of the policy for these credentials.
    pub decision: Decision,
    /// The token for callers, which may have been got with other credentials.
    pub served: Option<&'a Arc<HeldToken>>,
    /// The valid token of these credentials.
    pub own: Option<&'a Arc<HeldToken>>,
    /// The ledger, the suspects or the clocks of servers were changed by this process, and not written since.
    pub has_unwritten: bool,
    /// Whether the credentials are the current ones. A token is requested for no others.
    pub is_current: bool,
    /// `None` where there is no shared cache.
    pub cache: Option<&'a CacheSummary>,
}

/// The next step of a refresh.
pub(super) enum Plan {
    /// The refresh ends with this reply.
    Return(Reply),
    /// The shared cache lacks the ledger, or this token as well. The refresh ends once they are written.
    Write { token: Option<Arc<HeldToken>>, then: Reply },
    /// A token is to be requested. If there is another one, callers are served it meanwhile. The valid token that the shared
    /// cache lacks is written before: the request can fail.
    Refresh { meanwhile: Option<Arc<HeldToken>>, unpublished: Option<Arc<HeldToken>> },
}

impl Plan {
    /// Returns what happens next, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Return(Reply::Token(_)) => "serve the token",
            Self::Return(Reply::Refused { .. }) => "send nothing yet",
            Self::Return(Reply::Nothing) => "nothing",
            Self::Write { token: Some(_), .. } => "write the token to the shared cache",
            Self::Write { token: None, .. } => "write the ledger to the shared cache",
            Self::Refresh { .. } => "request a token",
        }
    }
}

#[derive(Clone)]
pub(super) enum Reply {
    Token(Arc<HeldToken>),
    /// Nothing may be requested before this time.
    Refused {
        until: BootTime,
    },
    /// Nothing more is wanted for these credentials.
    Nothing,
}

/// The content of the shared cache, as far as it tells what is to be written.
#[derive(Debug, Default)]
pub(super) struct CacheSummary {
    pub token: Option<CachedToken>,
    /// A record cannot be opened. Under the lock it was set aside, and is counted in the ledger.
    pub is_damaged: bool,
    /// The times that the clocks of some servers show now, by origin, in seconds since 1970.
    pub server_clocks: Vec<(String, i64)>,
}

#[derive(Debug)]
pub(super) struct CachedToken {
    pub hash: TokenHash,
    pub requested: BootTime,
    /// The client is to replace it before its time.
    pub wants_another: bool,
}

impl CacheSummary {
    pub fn of(view: &View) -> Self {
        let token = view.record.as_ref().map(|record| CachedToken {
            hash: record.hash(),
            requested: record.requested,
            wants_another: record.fitness.wants_another(),
        });
        Self { token, is_damaged: view.is_damaged, server_clocks: view.server_clocks.clone() }
    }

    /// Returns whether the cache has this token or one that is as good.
    fn has(&self, held: &HeldToken) -> bool {
        self.token.as_ref().is_some_and(|cached| {
            let is_as_good = !cached.wants_another || held.fitness.wants_another();
            cached.hash == held.token().hash() || (is_as_good && cached.requested > held.lifetime().requested())
        })
    }
}

impl Situation<'_> {
    pub fn plan(&self) -> Plan {
        match (self.decision, self.served) {
            (Decision::Serve, Some(served)) => self.reply(Reply::Token(Arc::clone(self.own.unwrap_or(served)))),
            (Decision::Refuse { until }, _) => self.reply(Reply::Refused { until }),
            _ if self.demand == Demand::Sync => self.reply(Reply::Nothing),
            _ if !self.is_current => Plan::Return(Reply::Nothing),
            (Decision::ServeAndRefresh, served) => self.refresh(served.cloned()),
            _ => self.refresh(None),
        }
    }

    /// Ends with `then`, once the shared cache has everything.
    fn reply(&self, then: Reply) -> Plan {
        let token = self.unpublished().cloned();
        if token.is_some() || self.must_write() { Plan::Write { token, then } } else { Plan::Return(then) }
    }

    fn refresh(&self, meanwhile: Option<Arc<HeldToken>>) -> Plan {
        Plan::Refresh { meanwhile, unpublished: self.unpublished().cloned() }
    }

    /// The valid token, where the shared cache lacks it.
    fn unpublished(&self) -> Option<&Arc<HeldToken>> {
        self.own.filter(|own| self.cache.is_some_and(|cache| !cache.has(own)))
    }

    fn must_write(&self) -> bool {
        self.cache.is_some_and(|cache| self.has_unwritten || cache.is_damaged)
    }

    /// Returns whether the shared cache has everything that this process knows.
    pub fn is_written(&self) -> bool {
        self.unpublished().is_none() && !self.must_write()
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
