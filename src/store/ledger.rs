//! The ledger entry: JSON that a person can read. It contains no secret and is usable without the record.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::clock_mapping::ClockMapping;
use crate::clock::BootTime;
use crate::error::{Error, ServerResponse, Status};
use crate::policy::{InFlight, Ledger};
use crate::secret::Redactor;
use crate::token::TokenHash;

const FORMAT: u64 = 1;
/// The longest wait after a ledger was written. A later time is a mistake or malice.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// A ledger from further in the future counts as missing: it would stop the fleet until then.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(3600);

/// Further hashes in a ledger are ignored.
const MAX_REJECTED: usize = 16;

/// The content of a ledger entry.
#[derive(Clone, Debug, Default)]
pub(super) struct LedgerFile {
    pub ledger: Ledger,
    /// The last failure.
    pub failure: Option<Error>,
    /// The number of records that were set aside because they could not be opened.
    pub rejected_records: u64,
    /// The hashes of tokens that an API rejected, the latest first. No process writes these tokens again.
    pub rejected_tokens: Vec<TokenHash>,
}

/// Returns the entry. `fingerprint` identifies the credentials that a failure concerns.
pub(super) fn write(file: &LedgerFile, mapping: &ClockMapping, fingerprint: Option<&str>) -> Vec<u8> {
    let LedgerFile { ledger, failure, rejected_records, rejected_tokens } = file;
    let time = |time: Option<BootTime>| time.map(|time| mapping.unix_ms(time));
    let failure = failure.as_ref().map(|error| {
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
    });
    let fields = json!({
        "format": FORMAT,
        "clock": mapping.stamp(),
        "changed_ms": time(ledger.changed),
        "last_issue_ms": time(ledger.last_issue),
        "issues": ledger.issues,
        "in_flight_since_ms": time(ledger.in_flight.map(|in_flight| in_flight.at)),
        "in_flight_by": ledger.in_flight.map(|in_flight| format!("{:016x}", in_flight.by)),
        "possibly_spent_ms": time(ledger.possibly_spent),
        "cool_down_until_ms": time(ledger.cool_down_until),
        "back_off_until_ms": time(ledger.back_off_until),
        "failures": ledger.failures,
        "failure": failure,
        "rejected_records": rejected_records,
        "refused_tokens": rejected_tokens.iter().map(|hash| hash.to_base64url()).collect::<Vec<_>>(),
    });
    fields.to_string().into_bytes()
}

/// Reads an entry. Returns `None` if it is not a ledger, or is from the future.
///
/// A wait ends at most a day after the ledger was written, and a past event with a future time counts as happening now.
pub(super) fn read(
    bytes: &[u8],
    mapping: &ClockMapping,
    fingerprint: Option<&str>,
    redactor: &Redactor,
) -> Option<LedgerFile> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(bytes) else { return None };
    if fields.get("format").and_then(Value::as_u64) != Some(FORMAT) {
        return None;
    }
    let mapping = mapping.corrected_by(fields.get("clock"));
    let time = |name: &str| Some(mapping.boot_time(fields.get(name)?.as_i64()?));
    let past = |name: &str| time(name).map(|time| time.min(mapping.now()));
    let changed = time("changed_ms");
    if changed.is_some_and(|changed| changed > mapping.now().after(MAX_CLOCK_ERROR)) {
        return None;
    }
    let latest_end = changed.unwrap_or(mapping.now()).after(MAX_WAIT);
    let end = |name: &str| time(name).map(|time| time.min(latest_end));
    let failure = fields.get("failure").and_then(Value::as_object);
    let in_flight_by = fields.get("in_flight_by").and_then(|by| u64::from_str_radix(by.as_str()?, 16).ok());
    let mut ledger = Ledger {
        last_issue: past("last_issue_ms"),
        issues: fields.get("issues").and_then(Value::as_u64).unwrap_or(0),
        in_flight: past("in_flight_since_ms").map(|at| InFlight { at, by: in_flight_by.unwrap_or_default() }),
        possibly_spent: past("possibly_spent_ms"),
        cool_down_until: end("cool_down_until_ms"),
        back_off_until: end("back_off_until_ms"),
        failures: fields
            .get("failures")
            .and_then(Value::as_u64)
            .map_or(0, |number| number.try_into().unwrap_or(u32::MAX)),
        changed,
        ..Ledger::default()
    };
    let failure = failure.and_then(|failure| Some((failure, error(failure, redactor)?)));
    // A refusal of other credentials does not concern these: one wrong password must not stop a fleet.
    let is_for_other_credentials = failure.as_ref().is_some_and(|(failure, error)| {
        error.status() == Status::CredentialsRefused
            && failure.get("credentials").and_then(Value::as_str) != fingerprint
    });
    if is_for_other_credentials {
        ledger.clear_back_off();
    }
    Some(LedgerFile {
        ledger,
        failure: failure.filter(|_| !is_for_other_credentials).map(|(_, error)| error),
        rejected_records: fields.get("rejected_records").and_then(Value::as_u64).unwrap_or(0),
        rejected_tokens: hashes(fields.get("refused_tokens")),
    })
}

fn hashes(value: Option<&Value>) -> Vec<TokenHash> {
    let values = value.and_then(Value::as_array).into_iter().flatten().take(MAX_REJECTED);
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

    fn redactor() -> Redactor {
        Redactor::new(&["the-secret".into()])
    }

    fn written(change: impl FnOnce(&mut LedgerFile, BootTime)) -> (ManualClock, Vec<u8>) {
        let clock = ManualClock::new();
        let mut file = LedgerFile::default();
        change(&mut file, clock.now());
        let bytes = write(&file, &ClockMapping::of_machine(&clock), Some("me"));
        (clock, bytes)
    }

    fn read_by(fingerprint: &str, clock: &ManualClock, bytes: &[u8]) -> Option<LedgerFile> {
        read(bytes, &ClockMapping::of_machine(clock), Some(fingerprint), &redactor())
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
            file.ledger.record_failure(FailureKind::Quota { retry_after: None }, now, 0.5);
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
            file.ledger.record_failure(FailureKind::Refused, now, 0.5);
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
    fn error_of_a_ledger_is_redacted_when_it_is_read() {
        let (clock, bytes) = written(|file, _| {
            file.failure = Some(Error::new(Status::ServerError, "it said the-secret\n\u{1b}[2J"));
        });
        let failure = read_by("me", &clock, &bytes).unwrap().failure.unwrap();
        assert_eq!(failure.message(), "it said [redacted]  [2J");
    }

    #[test]
    fn other_bytes_count_as_missing_and_invalid_fields_are_ignored() {
        let clock = ManualClock::new();
        for bytes in [&b""[..], b"{", b"[]", b"{}", br#"{"format":2}"#, b"\xff\xfe"] {
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
