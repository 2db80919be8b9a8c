//! Writes the ledger entry.

use serde_json::{Map, Value, json};

use super::{FORMAT, LedgerFile, MAX_SERVERS, MAX_SUSPECTS, Viewer};
use crate::clock::BootTime;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::store::clock_mapping::ClockMapping;

/// The sections of other identities that are kept: those with the latest back-off.
const MAX_SECTIONS: usize = 32;

/// Returns the entry.
pub(in crate::store) fn write(file: &LedgerFile, mapping: &ClockMapping, viewer: Viewer<'_>) -> Vec<u8> {
    let mut document = file.document.clone();
    let mut sections = sections(&mut document, viewer.section);
    let mut section = match sections.remove(viewer.section) {
        Some(Value::Object(section)) => section,
        _ => Map::new(),
    };
    put_failure(file, &mut document, &mut section, viewer.fingerprint);
    extend(&mut section, own_fields(&file.ledger, mapping));
    sections.insert(viewer.section.into(), Value::Object(section));
    extend(&mut document, shared_fields(file, mapping));
    document.insert("identities".into(), Value::Object(sections));
    Value::Object(document).to_string().into_bytes()
}

/// Returns what concerns the whole client.
fn shared_fields(file: &LedgerFile, mapping: &ClockMapping) -> Value {
    let (ledger, time) = (&file.ledger, |time: Option<BootTime>| time.map(|time| mapping.unix_ms(time)));
    let suspects = file.suspects.iter().take(MAX_SUSPECTS);
    json!({
        "format": FORMAT,
        "clock": mapping.stamp(),
        "changed_ms": time(ledger.changed),
        "last_issue_ms": time(ledger.last_issue),
        "issues": ledger.issues,
        "in_flight_since_ms": time(ledger.in_flight.map(|in_flight| in_flight.at)),
        "in_flight_by": ledger.in_flight.map(|in_flight| format!("{:016x}", in_flight.by)),
        "possibly_spent_ms": time(ledger.possibly_spent),
        "cool_down_until_ms": time(ledger.cool_down_until),
        "quota_refusals": ledger.quota_refusals,
        "quota_disproved": ledger.is_quota_disproved,
        "rejected_records": file.rejected_records,
        "suspect_tokens": suspects.map(|hash| hash.to_base64url()).collect::<Vec<_>>(),
        "server_clock_offsets_s": offsets(&file.server_clocks, mapping),
    })
}

/// Returns what concerns one identity.
fn own_fields(ledger: &Ledger, mapping: &ClockMapping) -> Value {
    let time = |time: Option<BootTime>| time.map(|time| mapping.unix_ms(time));
    json!({
        "last_issue_ms": time(ledger.own_issue),
        "replaced_ms": time(ledger.replaced),
        "back_off_until_ms": time(ledger.back_off_until),
        "failures": ledger.failures,
    })
}

/// Stores the failure that holds requests back: of the whole client after a quota refusal, else of one identity. The
/// failure of the other kind, which this process does not know, stays.
fn put_failure(
    file: &LedgerFile,
    document: &mut Map<String, Value>,
    section: &mut Map<String, Value>,
    fingerprint: Option<&str>,
) {
    let is_quota = file.failure.as_ref().is_some_and(|error| error.status() == Status::QuotaRefused);
    let described = file.failure.as_ref().map_or(Value::Null, |error| describe(error, fingerprint));
    if is_quota || file.ledger.cool_down_until.is_none() {
        document.insert("quota_failure".into(), if is_quota { described.clone() } else { Value::Null });
    }
    if !is_quota || file.ledger.back_off_until.is_none() {
        section.insert("failure".into(), if is_quota { Value::Null } else { described });
    }
}

/// Takes the sections out of the document, but for those of other identities that are too many.
fn sections(document: &mut Map<String, Value>, own: &str) -> Map<String, Value> {
    let Some(Value::Object(mut sections)) = document.remove("identities") else { return Map::new() };
    while sections.len() > MAX_SECTIONS {
        let end = |section: &Value| section.get("back_off_until_ms").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let others = sections.iter().filter(|(key, _)| *key != own);
        let Some(oldest) = others.min_by_key(|(_, section)| end(section)).map(|(key, _)| key.clone()) else { break };
        sections.remove(&oldest);
    }
    sections
}

fn extend(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}

fn describe(error: &Error, fingerprint: Option<&str>) -> Value {
    json!({
        "status": error.status() as i32,
        "message": error.message(),
        "http_status": error.http_status(),
        "oauth_error": error.oauth_error(),
        "oauth_error_description": error.oauth_error_description(),
        "i18n_key": error.i18n_key(),
        "server_message": error.server_message(),
        "request_id": error.request_id(),
        "credentials": fingerprint,
    })
}

fn offsets(server_clocks: &[(String, i64)], mapping: &ClockMapping) -> Map<String, Value> {
    let now = mapping.unix_ms(mapping.now()).div_euclid(1000);
    let offset = |(origin, seconds): &(String, i64)| (origin.clone(), seconds.saturating_sub(now).into());
    server_clocks.iter().take(MAX_SERVERS).map(offset).collect()
}
