use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::read::{MAX_CLOCK_ERROR, MAX_WAIT};
use super::*;
use crate::clock::manual::ManualClock;
use crate::clock::{BootTime, Clock};
use crate::error::{ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::policy::Quota;
use crate::secret::Redactor;
use crate::store::clock_mapping::ClockMapping;

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
fn empty_string_of_a_server_in_a_ledger_counts_as_missing() {
    let (clock, bytes) = written(|file, _| {
        let empty = ServerResponse { request_id: Some(String::new()), ..ServerResponse::default() };
        file.failure = Some(Error::new(Status::ServerError, "it failed").with_response(empty));
    });
    let failure = read_by("me", &clock, &bytes).unwrap().failure.unwrap();
    assert_eq!((failure.message(), failure.request_id()), ("it failed", None));
}

#[test]
fn other_bytes_count_as_missing_and_invalid_fields_are_ignored() {
    let clock = ManualClock::new();
    for bytes in [&b""[..], b"{", b"[]", b"{}", br#"{"format":0}"#, b"\xff\xfe"] {
        assert!(read_by("me", &clock, bytes).is_none());
    }
    let invalid = br#"{"format":1,"failures":-1,"cool_down_until_ms":"x","clock":7,"failure":{"status":99},"more":1}"#;
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
