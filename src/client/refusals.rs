//! Records that a refresh got no token, and makes the error that callers get.

use std::time::Duration;

use super::is_superseded;
use super::outcome::Outcome;
use super::refresh::RefreshTask;
use crate::clock::BootTime;
use crate::endpoint::Failure;
use crate::error::{Error, Status};
use crate::human;
use crate::policy::{Ledger, Quota};
use crate::random::jitter;
use crate::store::StoreError;

impl RefreshTask {
    /// Records a failure, and completes its error with the time at which another attempt makes sense.
    pub(super) fn record_failure(&self, failure: Failure) -> Error {
        let mut error = failure.error;
        let newest = self.inner.settings.load_full();
        if self.is_current() && is_superseded(&self.settings, &newest, &error) {
            self.record(|state, now| state.ledger.clear_in_flight(now));
            return error;
        }
        let (quota, wall) = (self.settings.request.quota, self.inner.clock.wall_seconds());
        let wait = self.record(|state, now| {
            state.ledger.record_failure(failure.kind, quota, now, jitter());
            if error.status() == Status::QuotaRefused {
                error = error.clone().with_advice(&quota_advice(&state.ledger, quota, now, wall));
            }
            let wait = state.ledger.closed_until().map(|until| until.since(now));
            error = state.last_error.insert(error.clone().with_retry_after(wait)).clone();
            wait
        });
        let wait = human::span(wait.unwrap_or_default());
        tracing::warn!(
            client = self.settings.request.client_id,
            status = error.status().name(),
            request_id = error.request_id(),
            retry_in = wait,
            "{error}; nothing is sent for the next {wait}"
        );
        error
    }

    /// Ends a refresh whose cache cannot be used. That is no empty cache: the whole fleet would request tokens.
    pub(super) async fn after_cache_failure(&mut self, cause: StoreError) -> Outcome {
        let (client, store) = (&self.settings.request.client_id, self.settings.cache.name());
        tracing::warn!(client, store, "the shared cache cannot be used: {cause}");
        let now = self.inner.clock.now();
        let served = self.inner.snapshot.load().token(now).cloned();
        // A sync is not worth the token of a day.
        let is_wanted = served.is_none() && !self.retires();
        let (error, may_request) = self.record(|state, now| {
            state.schedule.note_unwritten(now);
            let is_open = state.ledger.is_closed_by_the_cache_alone(now);
            state.ledger.record_cache_outage(now, jitter());
            let until = state.ledger.closed_until().unwrap_or(now);
            let error = Error::from(cause).with_retry_after(Some(until.since(now)));
            state.cache_error = Some(error.clone());
            // What the quota has closed is not open because the cache is out of reach as well.
            let error = if is_open { error } else { state.refusal(until, now) };
            (error, is_open && is_wanted && self.settings.cache.allow_fetch_without_cache)
        });
        match served {
            Some(held) => Outcome::Found(held),
            None if may_request && !self.is_current() => Outcome::Unfinished,
            None if may_request => self.request_without_cache().await,
            None => self.failed(error),
        }
    }
}

/// Returns what is known of the next token after a quota refusal.
fn quota_advice(ledger: &Ledger, quota: Quota, now: BootTime, wall_seconds: i64) -> String {
    let at = |span: Duration| human::time(wall_seconds.saturating_add_unsigned(span.as_secs()));
    let wait = ledger.cool_down_until.map_or(Duration::ZERO, |until| until.since(now));
    let next = format!("in {}, at {}", human::span(wait), at(wait));
    let issued = ledger.last_issue.map(|issued| {
        let ago = now.since(issued);
        let time = human::time(wall_seconds.saturating_sub_unsigned(ago.as_secs()));
        format!("the last token of this client was issued {} ago, at {time}", human::span(ago))
    });
    match (issued, ledger.quota_allows_from(quota)) {
        (Some(issued), Some(allowed)) if allowed > now => format!("{issued}; the next can be had {next}"),
        (Some(issued), _) => format!("{issued}, which does not explain the refusal; the next request is sent {next}"),
        (None, _) => format!(
            "when the last token of this client was issued is not known, so it can take up to 20 hours; the next request \
             is sent {next}"
        ),
    }
}
