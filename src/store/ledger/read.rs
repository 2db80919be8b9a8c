//! Reads the ledger entry, which any user of the store may have changed.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{LedgerFile, MAX_SERVERS, MAX_SUSPECTS, OLDEST_FORMAT, Viewer};
use crate::error::{Error, ServerResponse, Status};
use crate::policy::{InFlight, Ledger};
use crate::secret::Redactor;
use crate::store::clock_mapping::ClockMapping;
use crate::token::TokenHash;

/// The longest wait after a ledger was written. A later time is a mistake or malice.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// A ledger from further in the future counts as missing: it would stop the fleet until then.
pub(super) const MAX_CLOCK_ERROR: Duration = Duration::from_secs(3600);
/// No server's clock that is believed differs by more (seconds).
const MAX_OFFSET: i64 = 24 * 3600;

/// Reads an entry. Returns `None` if it is not a ledger, or is from the future.
///
/// A wait ends at most a day after the ledger was written, and a past event with a future time counts as happening now.
pub(in crate::store) fn read(
    bytes: &[u8],
    mapping: &ClockMapping,
    viewer: Viewer<'_>,
    redactor: &Redactor,
) -> Option<LedgerFile> {
    let Ok(Value::Object(document)) = serde_json::from_slice(bytes) else { return None };
    let format = document.get("format").and_then(Value::as_u64).filter(|&format| format >= OLDEST_FORMAT)?;
    let mapping = mapping.corrected_by(document.get("clock"));
    let no_section = Map::new();
    let section = document.get("identities").and_then(|sections| sections.get(viewer.section)?.as_object());
    let section = if format == OLDEST_FORMAT { &document } else { section.unwrap_or(&no_section) };
    let ledger = read_times(&document, section, &mapping)?;
    let mut file = LedgerFile {
        ledger,
        failure: None,
        rejected_records: document.get("rejected_records").and_then(Value::as_u64).unwrap_or(0),
        suspects: hashes(document.get("suspect_tokens")),
        server_clocks: server_clocks(document.get("server_clock_offsets_s"), &mapping),
        document: Map::new(),
    };
    // A refusal of other credentials does not concern these: one wrong password must not stop a fleet.
    let own = section.get("failure").and_then(|failure| read_failure(failure, redactor));
    if own.as_ref().is_some_and(|failure| failure.concerns_others(viewer.fingerprint)) {
        file.ledger.clear_back_off();
    }
    let quota = document.get("quota_failure").and_then(|failure| read_failure(failure, redactor));
    let quota = quota.or_else(|| own.clone().filter(|_| format == OLDEST_FORMAT));
    let failure = if file.ledger.is_closed_by_the_quota() { quota } else { own };
    file.failure = failure.filter(|failure| !failure.concerns_others(viewer.fingerprint)).map(|failure| failure.error);
    if format == OLDEST_FORMAT {
        return Some(file);
    }
    Some(LedgerFile { document, ..file })
}

/// Returns `None` for a ledger from the future.
fn read_times(shared: &Map<String, Value>, section: &Map<String, Value>, mapping: &ClockMapping) -> Option<Ledger> {
    let time = |fields: &Map<String, Value>, name: &str| Some(mapping.boot_time(fields.get(name)?.as_i64()?));
    let past = |fields, name: &str| time(fields, name).map(|time| time.min(mapping.now()));
    let number = |fields: &Map<String, Value>, name: &str| {
        fields.get(name).and_then(Value::as_u64).map_or(0, |number| number.try_into().unwrap_or(u32::MAX))
    };
    let changed = time(shared, "changed_ms");
    if changed.is_some_and(|changed| changed > mapping.now().after(MAX_CLOCK_ERROR)) {
        return None;
    }
    let latest_end = changed.map(|changed| changed.after(MAX_WAIT));
    // A ledger that does not say when it was written closes nothing.
    let end = |fields, name: &str| time(fields, name).zip(latest_end).map(|(time, latest)| time.min(latest));
    let in_flight_by = shared.get("in_flight_by").and_then(|by| u64::from_str_radix(by.as_str()?, 16).ok());
    Some(Ledger {
        last_issue: past(shared, "last_issue_ms"),
        own_issue: past(section, "last_issue_ms"),
        replaced: past(section, "replaced_ms"),
        is_quota_disproved: shared.get("quota_disproved").and_then(Value::as_bool) == Some(true),
        quota_refusals: number(shared, "quota_refusals"),
        issues: shared.get("issues").and_then(Value::as_u64).unwrap_or(0),
        in_flight: past(shared, "in_flight_since_ms").map(|at| InFlight { at, by: in_flight_by.unwrap_or_default() }),
        possibly_spent: past(shared, "possibly_spent_ms"),
        cool_down_until: end(shared, "cool_down_until_ms"),
        back_off_until: end(section, "back_off_until_ms"),
        failures: number(section, "failures"),
        changed,
        ..Ledger::default()
    })
}

#[derive(Clone)]
struct StoredFailure {
    error: Error,
    credentials: Option<String>,
}

impl StoredFailure {
    fn concerns_others(&self, fingerprint: Option<&str>) -> bool {
        self.error.status() == Status::CredentialsRefused && self.credentials.as_deref() != fingerprint
    }
}

fn read_failure(value: &Value, redactor: &Redactor) -> Option<StoredFailure> {
    let fields = value.as_object()?;
    let credentials = fields.get("credentials").and_then(Value::as_str).map(Into::into);
    Some(StoredFailure { error: error(fields, redactor)?, credentials })
}

fn hashes(value: Option<&Value>) -> Vec<TokenHash> {
    let values = value.and_then(Value::as_array).into_iter().flatten().take(MAX_SUSPECTS);
    values.filter_map(|value| TokenHash::from_base64url(value.as_str()?)).collect()
}

/// Reads an error. Its strings were redacted when they were written, but another user of the store may have changed
/// them.
fn error(fields: &Map<String, Value>, redactor: &Redactor) -> Option<Error> {
    let string = |name: &str| Some(redactor.clean(fields.get(name)?.as_str()?));
    let from_server = |name: &str| string(name).filter(|string| !string.is_empty());
    let status = Status::from_number(fields.get("status")?.as_i64()?.try_into().ok()?)?;
    Some(Error::new(status, string("message")?).with_response(ServerResponse {
        http_status: fields.get("http_status").and_then(Value::as_u64).and_then(|number| number.try_into().ok()),
        oauth_error: from_server("oauth_error"),
        oauth_error_description: from_server("oauth_error_description"),
        i18n_key: from_server("i18n_key"),
        server_message: from_server("server_message"),
        request_id: from_server("request_id"),
    }))
}

fn server_clocks(value: Option<&Value>, mapping: &ClockMapping) -> Vec<(String, i64)> {
    let now = mapping.unix_ms(mapping.now()).div_euclid(1000);
    let offsets = value.and_then(Value::as_object).into_iter().flatten().take(MAX_SERVERS);
    let believed = offsets.filter_map(|(origin, offset)| Some((origin, offset.as_i64()?)));
    let believed = believed.filter(|(_, offset)| offset.unsigned_abs() <= MAX_OFFSET.unsigned_abs());
    believed.map(|(origin, offset)| (origin.clone(), now.saturating_add(offset))).collect()
}
