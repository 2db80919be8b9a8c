//! The ledger entry: JSON that a person can read. It contains no secret and is usable without the record.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::clock_mapping::ClockMapping;
use crate::clock::BootTime;
use crate::error::{Error, ServerResponse, Status};
use crate::policy::{InFlight, Ledger};
use crate::secret::Redactor;
use crate::token::TokenHash;

/// Format 1 had one ledger for each identity. Its fields are read where format 2 has a section for each.
const FORMAT: u64 = 2;
const OLDEST_FORMAT: u64 = 1;
/// The longest wait after a ledger was written. A later time is a mistake or malice.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// A ledger from further in the future counts as missing: it would stop the fleet until then.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(3600);

/// Further entries of a list in a ledger are ignored.
const MAX_SUSPECTS: usize = 16;
const MAX_SERVERS: usize = 16;
/// The sections of other identities that are kept: those with the latest back-off.
const MAX_SECTIONS: usize = 32;
/// No server's clock that is believed differs by more (seconds).
const MAX_OFFSET: i64 = 24 * 3600;

/// The content of a ledger entry, as one identity of the client sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct LedgerFile {
    pub ledger: Ledger,
    /// The failure that holds requests back.
    pub failure: Option<Error>,
    /// The number of records that were set aside because they could not be opened.
    pub rejected_records: u64,
    /// The hashes of tokens that an API rejected and has not accepted since, the latest first.
    pub suspects: Vec<TokenHash>,
    /// The servers, by their origins, whose clocks differ from the one that times are counted on: what each shows now, in
    /// seconds since 1970.
    pub server_clocks: Vec<(String, i64)>,
    /// The whole entry. The sections of other identities, and fields of later versions, are written back as they are.
    pub document: Map<String, Value>,
}

/// Whose view of a ledger is read or written.
#[derive(Clone, Copy)]
pub(super) struct Viewer<'a> {
    /// The key of the identity's section.
    pub section: &'a str,
    /// Identifies the credentials that a failure concerns.
    pub fingerprint: Option<&'a str>,
}

/// Returns the entry.
pub(super) fn write(file: &LedgerFile, mapping: &ClockMapping, viewer: Viewer<'_>) -> Vec<u8> {
    let LedgerFile { ledger, failure, rejected_records, suspects, server_clocks, document } = file;
    let time = |time: Option<BootTime>| time.map(|time| mapping.unix_ms(time));
    let mut document = document.clone();
    let shared = json!({
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
        "rejected_records": rejected_records,
        "suspect_tokens": suspects.iter().take(MAX_SUSPECTS).map(|hash| hash.to_base64url()).collect::<Vec<_>>(),
        "server_clock_offsets_s": offsets(server_clocks, mapping),
    });
    let own = json!({
        "last_issue_ms": time(ledger.own_issue),
        "replaced_ms": time(ledger.replaced),
        "back_off_until_ms": time(ledger.back_off_until),
        "failures": ledger.failures,
    });
    let is_quota = failure.as_ref().is_some_and(|error| error.status() == Status::QuotaRefused);
    let described = failure.as_ref().map_or(Value::Null, |error| describe(error, viewer.fingerprint));
    let mut sections = sections(&mut document, viewer.section);
    let mut section = match sections.remove(viewer.section) {
        Some(Value::Object(section)) => section,
        _ => Map::new(),
    };
    // What this process does not know stays: the failure of the other kind.
    let open = |until: Option<BootTime>| until.is_none();
    if is_quota || open(ledger.cool_down_until) {
        document.insert("quota_failure".into(), if is_quota { described.clone() } else { Value::Null });
    }
    if !is_quota || open(ledger.back_off_until) {
        section.insert("failure".into(), if is_quota { Value::Null } else { described });
    }
    extend(&mut section, own);
    sections.insert(viewer.section.into(), Value::Object(section));
    extend(&mut document, shared);
    document.insert("identities".into(), Value::Object(sections));
    Value::Object(document).to_string().into_bytes()
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

fn server_clocks(value: Option<&Value>, mapping: &ClockMapping) -> Vec<(String, i64)> {
    let now = mapping.unix_ms(mapping.now()).div_euclid(1000);
    let offsets = value.and_then(Value::as_object).into_iter().flatten().take(MAX_SERVERS);
    let believed = offsets.filter_map(|(origin, offset)| Some((origin, offset.as_i64()?)));
    let believed = believed.filter(|(_, offset)| offset.unsigned_abs() <= MAX_OFFSET.unsigned_abs());
    believed.map(|(origin, offset)| (origin.clone(), now.saturating_add(offset))).collect()
}

/// Reads an entry. Returns `None` if it is not a ledger, or is from the future.
///
/// A wait ends at most a day after the ledger was written, and a past event with a future time counts as happening now.
pub(super) fn read(
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
struct Failure {
    error: Error,
    credentials: Option<String>,
}

impl Failure {
    fn concerns_others(&self, fingerprint: Option<&str>) -> bool {
        self.error.status() == Status::CredentialsRefused && self.credentials.as_deref() != fingerprint
    }
}

fn read_failure(value: &Value, redactor: &Redactor) -> Option<Failure> {
    let fields = value.as_object()?;
    let credentials = fields.get("credentials").and_then(Value::as_str).map(Into::into);
    Some(Failure { error: error(fields, redactor)?, credentials })
}

fn hashes(value: Option<&Value>) -> Vec<TokenHash> {
    let values = value.and_then(Value::as_array).into_iter().flatten().take(MAX_SUSPECTS);
    values.filter_map(|value| TokenHash::from_base64url(value.as_str()?)).collect()
}

/// Reads an error. Its strings were redacted when they were written, but another user of the store may have changed
/// them.
fn error(fields: &Map<String, Value>, redactor: &Redactor) -> Option<Error> {
    let string = |name: &str| Some(redactor.clean(fields.get(name)?.as_str()?));
    let status = Status::from_number(fields.get("status")?.as_i64()?.try_into().ok()?)?;
    Some(Error::new(status, string("message")?).with_response(ServerResponse {
        http_status: fields.get("http_status").and_then(Value::as_u64).and_then(|number| number.try_into().ok()),
        oauth_error: string("oauth_error"),
        oauth_error_description: string("oauth_error_description"),
        i18n_key: string("i18n_key"),
        server_message: string("server_message"),
        request_id: string("request_id"),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;
    use crate::clock::manual::ManualClock;
    use crate::failure_kind::FailureKind;
    use crate::policy::Quota;

    fn redactor() -> Redactor {
        Redactor::new(&["the-secret".into()])
    }

    fn viewer(fingerprint: &str) -> Viewer<'_> {
        Viewer { section: "mine", fingerprint: Some(fingerprint) }
    }

    fn written(change: impl FnOnce(&mut LedgerFile, BootTime)) -> (ManualClock, Vec<u8>) {
        let clock = ManualClock::new();
        let mut file = LedgerFile::default();
        change(&mut file, clock.now());
        let bytes = write(&file, &ClockMapping::of_machine(&clock), viewer("me"));
        (clock, bytes)
    }

    fn read_by(fingerprint: &str, clock: &ManualClock, bytes: &[u8]) -> Option<LedgerFile> {
        read(bytes, &ClockMapping::of_machine(clock), viewer(fingerprint), &redactor())
    }

    #[test]
    fn written_ledger_is_read_back_and_its_waits_go_on() {
        let quota = || {
            Error::new(Status::QuotaRefused, "the daily limit").with_response(ServerResponse {
                http_status: Some(400),
                request_id: Some("id".into()),
                ..ServerResponse::default()
            })
        };
        let mut before = Ledger::default();
        let (clock, bytes) = written(|file, now| {
            file.ledger.record_possibly_spent(now, now);
            file.ledger.mark_in_flight(7, now);
            file.ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, now, 0.5);
            file.failure = Some(quota());
            file.rejected_records = 3;
            before = Ledger { is_unwritten: false, ..file.ledger.clone() };
        });
        clock.advance(Duration::from_secs(3600));
        let file = read_by("anybody", &clock, &bytes).unwrap();
        assert_eq!(file.ledger, before);
        assert_eq!(file.failure.unwrap().to_string(), quota().to_string());
        assert_eq!(file.rejected_records, 3);
        assert_eq!(file.ledger.closed_until().unwrap().since(clock.now()), Duration::from_secs(19 * 3600 + 60));
    }

    #[test]
    fn refused_credentials_hold_back_only_processes_that_use_them() {
        let (clock, bytes) = written(|file, now| {
            file.ledger.record_failure(FailureKind::Refused, Quota::Daily, now, 0.5);
            file.failure = Some(Error::new(Status::CredentialsRefused, "no"));
        });
        assert!(read_by("me", &clock, &bytes).unwrap().ledger.closed_until().is_some());
        let other = read_by("another", &clock, &bytes).unwrap();
        assert!(other.ledger.closed_until().is_none() && other.failure.is_none());
    }

    #[test]
    fn waits_end_within_a_day_and_future_events_count_as_now() {
        let (clock, bytes) = written(|file, now| {
            file.ledger.changed = Some(now);
            file.ledger.cool_down_until = Some(now.after(MAX_WAIT * 400));
            file.ledger.last_issue = Some(now.after(MAX_WAIT));
        });
        let ledger = read_by("me", &clock, &bytes).unwrap().ledger;
        assert_eq!(ledger.closed_until(), Some(clock.now().after(MAX_WAIT)));
        assert_eq!(ledger.last_issue, Some(clock.now()));
        clock.advance(MAX_WAIT);
        assert!(read_by("me", &clock, &bytes).unwrap().ledger.closed_until() <= Some(clock.now()), "the wait ends");
    }

    #[test]
    fn ledger_from_the_future_counts_as_missing() {
        let (clock, bytes) = written(|file, now| file.ledger.changed = Some(now.after(2 * MAX_CLOCK_ERROR)));
        assert!(read_by("me", &clock, &bytes).is_none());
    }

    #[test]
    fn text_of_a_ledger_that_contains_a_secret_is_not_shown() {
        let (clock, bytes) = written(|file, _| {
            file.failure = Some(Error::new(Status::ServerError, "it said the-secret\n\u{1b}[2J"));
        });
        let failure = read_by("me", &clock, &bytes).unwrap().failure.unwrap();
        assert_eq!(failure.message(), crate::secret::HIDDEN);
    }

    #[test]
    fn other_bytes_count_as_missing_and_invalid_fields_are_ignored() {
        let clock = ManualClock::new();
        for bytes in [&b""[..], b"{", b"[]", b"{}", br#"{"format":0}"#, b"\xff\xfe"] {
            assert!(read_by("me", &clock, bytes).is_none());
        }
        let invalid =
            br#"{"format":1,"failures":-1,"cool_down_until_ms":"x","clock":7,"failure":{"status":99},"more":1}"#;
        let file = read_by("me", &clock, invalid).unwrap();
        assert_eq!((file.ledger, file.failure.is_none()), (Ledger::default(), true));
    }

    proptest! {
        #[test]
        fn no_input_makes_the_reader_panic_or_wait_too_long(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), numbers in any::<[i64; 6]>(),
        ) {
            let clock = ManualClock::new();
            read_by("me", &clock, &bytes);
            let [changed, issue, spent, cool, back, unix] = numbers;
            let fields = json!({
                "format": 1, "changed_ms": changed, "last_issue_ms": issue, "possibly_spent_ms": spent,
                "cool_down_until_ms": cool, "back_off_until_ms": back,
                "clock": {"unix_ms": unix, "boot_id": "a-start-of-the-machine", "boot_ms": issue},
            });
            let file = read_by("me", &clock, fields.to_string().as_bytes()).unwrap_or_default();
            prop_assert!(file.ledger.closed_until() <= Some(clock.now().after(MAX_WAIT + MAX_CLOCK_ERROR)));
        }
    }
}
