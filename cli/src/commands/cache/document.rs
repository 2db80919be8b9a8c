//! The status of the cache as JSON. Times are in UTC.

use std::time::SystemTime;

use serde_json::{Value, json};
use tango_token::{CacheKind, CacheStatus, CachedLedger, CachedRecord, CachedToken, Error, LedgerState, LockState};

use crate::times::rfc3339;

pub fn of(status: &CacheStatus) -> Value {
    let identity = &status.identity;
    json!({
        "usable": status.usable_token().is_some(),
        "cache": {"kind": kind(status.kind), "place": status.place, "now": rfc3339(status.now)},
        "identity": {
            "token_url": identity.token_url,
            "client_id": identity.client_id,
            "username": identity.username,
            "scope": identity.scope,
            "audience": identity.audience,
            "dpop": identity.dpop.name(),
        },
        "record": record(&status.record),
        "lock": lock(&status.lock),
        "next_request_at": status.next_request.map(rfc3339),
        "refusal": status.refusal.as_ref().map(error),
        "quota_resets_at": status.quota_resets.map(rfc3339),
        "ledger": ledger(&status.ledger),
    })
}

fn record(record: &CachedRecord) -> Value {
    match record {
        CachedRecord::Token(token) => with_state("token", token_members(token)),
        CachedRecord::OtherSecret => json!({"state": "other_secret"}),
        CachedRecord::Damaged(reason) => json!({"state": "damaged", "reason": reason}),
        CachedRecord::Unusable(reason) => json!({"state": "unusable", "reason": reason}),
        _ => json!({"state": "missing"}),
    }
}

fn with_state(state: &str, mut members: Value) -> Value {
    members["state"] = state.into();
    members
}

fn token_members(token: &CachedToken) -> Value {
    json!({
        "token_type": token.token_type,
        "scope": token.scope,
        "jkt": token.key_thumbprint,
        "requested_at": rfc3339(token.requested),
        "expires_at": rfc3339(token.expires),
        "refresh_from": rfc3339(token.refresh_from),
        "refresh_until": rfc3339(token.refresh_until),
        "is_suspect": token.is_suspect,
        "replaced_early": token.replaced_early,
    })
}

fn lock(lock: &LockState) -> Value {
    match lock {
        LockState::Free => json!({"state": "free"}),
        LockState::Held(holder) => json!({
            "state": "held",
            "owner": holder.owner,
            "process_id": holder.process_id,
            "lease_left_ms": holder.lease_left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }),
        _ => json!({"state": "unknown"}),
    }
}

fn ledger(ledger: &CachedLedger) -> Value {
    let time = |time: Option<SystemTime>| time.map(rfc3339);
    let offsets = ledger.server_clock_offsets.iter().map(|(server, seconds)| (server.clone(), (*seconds).into()));
    json!({
        "state": match ledger.state {
            LedgerState::Read => "read",
            LedgerState::Damaged => "damaged",
            _ => "missing",
        },
        "changed_at": time(ledger.changed),
        "last_issue_at": time(ledger.last_issue),
        "own_issue_at": time(ledger.own_issue),
        "issues": ledger.issues,
        "in_flight_since": time(ledger.in_flight_since),
        "possibly_spent_at": time(ledger.possibly_spent),
        "cool_down_until": time(ledger.cool_down_until),
        "quota_refusals": ledger.quota_refusals,
        "quota_disproved": ledger.is_quota_disproved,
        "back_off_until": time(ledger.back_off_until),
        "failures": ledger.failures,
        "failure": ledger.failure.as_ref().map(error),
        "replaced_at": time(ledger.replaced),
        "suspect_tokens": ledger.suspect_tokens,
        "rejected_records": ledger.rejected_records,
        "server_clock_offsets_s": offsets.collect::<serde_json::Map<String, Value>>(),
    })
}

fn error(error: &Error) -> Value {
    json!({
        "status": error.status().name(),
        "message": error.message(),
        "http_status": error.http_status(),
        "oauth_error": error.oauth_error(),
        "request_id": error.request_id(),
    })
}

fn kind(kind: CacheKind) -> &'static str {
    match kind {
        CacheKind::Memory => "memory",
        CacheKind::Directory => "directory",
        CacheKind::Redis => "redis",
        _ => "custom",
    }
}
