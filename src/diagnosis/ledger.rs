//! The ledger: what the fleet knows of the daily limit.

use std::time::{Duration, SystemTime};

use super::{Check, CheckOutcome, capitalized, date};
use crate::client::{CachedRecord, Client, LedgerState};
use crate::config::{CacheKind, Config};
use crate::human;

const NAME: &str = "ledger";

pub(super) fn check(config: &Config) -> Check {
    let Ok(client) = Client::new(config) else { return Check::skipped(NAME, "the configuration cannot be used") };
    let status = match client.cache_status() {
        Ok(status) if status.kind == CacheKind::Memory => return Check::skipped(NAME, "there is no shared cache"),
        Ok(status) => status,
        Err(_) => return Check::skipped(NAME, "the cache cannot be read"),
    };
    let ledger = &status.ledger;
    let has_token = status.usable_token().is_some();
    let mut check = match (&status.refusal, status.next_request.filter(|next| *next > status.now)) {
        (Some(error), Some(next)) if !has_token => {
            let wait = span(status.now, next);
            let message = error.message();
            let (what, advice) = message.split_once("; ").unwrap_or((message, "wait until then"));
            let summary = format!("no request is sent before {}, in {wait}: {what}", date(next));
            Check { advice: vec![capitalized(advice)], ..Check::new(NAME, CheckOutcome::Failure, summary) }
        }
        _ if has_token => Check::ok(NAME, "the cache holds a valid token"),
        _ => Check::ok(NAME, "the cache holds no valid token, and a request may be sent"),
    };
    if let Some(token) = status.usable_token() {
        check = check.detail("token valid until", date(token.expires));
    }
    if let CachedRecord::Damaged(reason) | CachedRecord::Unusable(reason) = &status.record {
        check = check.detail("record", reason.clone());
    }
    if status.record == CachedRecord::OtherSecret {
        check = check.warn("Check client_secret: the token in the cache is sealed with another one");
    }
    if let LedgerState::Damaged = ledger.state {
        check = check.warn("Look at the ledger in the cache: it cannot be read, and the next process replaces it");
    }
    let times = [
        ("last issue", ledger.last_issue),
        ("possibly spent", ledger.possibly_spent),
        ("cool-down until", ledger.cool_down_until),
        ("back-off until", ledger.back_off_until),
        ("daily limit resets", status.quota_resets),
        ("in flight since", ledger.in_flight_since),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            check = check.detail(name, date(time));
        }
    }
    if let Some(failure) = &ledger.failure {
        check = check.detail("last failure", failure.message());
    }
    check
}

fn span(from: SystemTime, to: SystemTime) -> String {
    human::span(to.duration_since(from).unwrap_or(Duration::ZERO))
}
