//! Decides what to do when a caller wants a token: a total function over plain values, without I/O and without a clock.
//!
//! The server grants about one token in 20 hours, so each rule here prefers a valid token to a new one, and an early
//! error to a request that cannot succeed.

mod ledger;
mod lifetime;

use crate::clock::BootTime;

pub(crate) use ledger::{InFlight, Ledger, Quota};
pub(crate) use lifetime::{MAX_LIFETIME, MAX_LIFETIME_DAYS, TokenLifetime};

/// A token that callers could be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub lifetime: TokenLifetime,
    /// An API rejected the token, and has not accepted it since.
    pub is_suspect: bool,
}

impl Candidate {
    /// Returns whether callers are to wait for a replacement, if there can be one.
    fn needs_replacement(&self, ledger: &Ledger, now: BootTime) -> bool {
        let was_just_replaced = ledger.kept_until(&self.lifetime).is_some_and(|until| now < until);
        (self.is_suspect && !was_just_replaced) || now >= self.lifetime.last_seconds
    }
}

/// The decision for a caller that wants a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Return the held token.
    Serve,
    /// Return the held token and start a refresh.
    ServeAndRefresh,
    /// Start a refresh, which the caller waits for.
    Fetch,
    /// Let the caller wait for the refresh that is in flight.
    Wait,
    /// Send nothing and return the last error.
    Refuse { until: BootTime },
}

/// Decides for one caller. `in_flight_until` is the deadline of the refresh that is in flight here or in another
/// process.
pub(crate) fn decide(
    token: Option<&Candidate>,
    ledger: &Ledger,
    in_flight_until: Option<BootTime>,
    now: BootTime,
) -> Decision {
    let held = token.filter(|token| !token.lifetime.is_over(now));
    let closed = ledger.closed_until().filter(|&until| now < until);
    let is_wanted = held.is_none_or(|held| held.needs_replacement(ledger, now));
    match (held, closed) {
        // What is in flight now is only a sync, or a refresh that has just failed.
        (None, Some(until)) => Decision::Refuse { until },
        (_, None) if is_wanted && in_flight_until.is_some() => Decision::Wait,
        (_, None) if is_wanted => Decision::Fetch,
        (Some(held), None) if now >= held.lifetime.refresh_at && in_flight_until.is_none() => Decision::ServeAndRefresh,
        _ => Decision::Serve,
    }
}

/// Returns how long `decide` will return `Serve`, so that callers can skip it until then.
///
/// A refresh that is in flight counts until its deadline only: in a forked child, the refresh was its parent's and
/// never ends.
pub(crate) fn serves_until(
    token: &Candidate,
    ledger: &Ledger,
    in_flight_until: Option<BootTime>,
    now: BootTime,
) -> BootTime {
    let TokenLifetime { refresh_at, last_seconds, expires, .. } = token.lifetime;
    let unsuspected = if token.is_suspect { ledger.kept_until(&token.lifetime).unwrap_or(now) } else { expires };
    let without_request = in_flight_until.unwrap_or(now).max(refresh_at);
    let while_open = without_request.min(last_seconds).min(unsuspected);
    // While nothing can be requested, the token is served whatever speaks against it.
    while_open.max(ledger.closed_until().unwrap_or(now)).min(expires)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
