//! The ledger as it is written: JSON that a person can read, without any secret, and good without the record.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::clock_mapping::ClockMapping;
use crate::clock::BootTime;
use crate::error::{Error, ServerResponse, Status};
use crate::policy::{InFlight, Ledger};
use crate::secret::Redactor;
use crate::token::TokenHash;

const FORMAT: u64 = 1;
/// Nothing is ever closed for longer after it was written, so a later time is a mistake, or somebody's malice.
const LONGEST_CLOSED: Duration = Duration::from_secs(24 * 3600);
/// A ledger from further in the future would stop the fleet until then: it counts as none.
const WORST_CLOCK: Duration = Duration::from_secs(3600);

/// Of a list that is longer the rest is passed over.
const MAX_REJECTED: usize = 16;

/// What is written of earlier requests.
#[derive(Clone, Debug, Default)]
pub(super) struct LedgerFile {
    pub ledger: Ledger,
    /// The refusal that closed it.
    pub failure: Option<Error>,
    /// How many records were found that could not be opened.
    pub rejected_records: u64,
    /// Tokens that an API refused, by their hashes, the last one first, so that nobody puts them back.
    pub refused: Vec<TokenHash>,
}

/// `who` tells whose credentials were refused, if they were.
pub(super) fn write(page: &LedgerFile, clock_mapping: &ClockMapping, who: Option<&str>) -> Vec<u8> {
    let LedgerFile { ledger, failure, rejected_records, refused } = page;
    let time = |moment: Option<BootTime>| moment.map(|moment| clock_mapping.unix_ms(moment));
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
            "credentials": who,
        })
    });
    let page = json!({
        "format": FORMAT,
        "clock": clock_mapping.stamp(),
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
        "refused_tokens": refused.iter().map(|hash| hash.to_base64url()).collect::<Vec<_>>(),
    });
    page.to_string().into_bytes()
}

/// `None` for what is no ledger, or one from the future. Whatever it holds, it closes nothing for longer than a day
/// after it was written, and what it says of the future is taken as said of now.
pub(super) fn read(
    bytes: &[u8],
    clock_mapping: &ClockMapping,
    who: Option<&str>,
    redactor: &Redactor,
) -> Option<LedgerFile> {
    let Ok(Value::Object(page)) = serde_json::from_slice(bytes) else { return None };
    if page.get("format").and_then(Value::as_u64) != Some(FORMAT) {
        return None;
    }
    let clock_mapping = clock_mapping.at_least_since(page.get("clock"));
    let time = |name: &str| Some(clock_mapping.moment(page.get(name)?.as_i64()?));
    let past = |name: &str| time(name).map(|moment| moment.min(clock_mapping.now()));
    let changed = time("changed_ms");
    if changed.is_some_and(|changed| changed > clock_mapping.now().after(WORST_CLOCK)) {
        return None;
    }
    let closes_at_most = changed.unwrap_or(clock_mapping.now()).after(LONGEST_CLOSED);
    let closed = |name: &str| time(name).map(|moment| moment.min(closes_at_most));
    let failure = page.get("failure").and_then(Value::as_object);
    let in_flight_by = page.get("in_flight_by").and_then(|by| u64::from_str_radix(by.as_str()?, 16).ok());
    let mut ledger = Ledger {
        last_issue: past("last_issue_ms"),
        issues: page.get("issues").and_then(Value::as_u64).unwrap_or(0),
        in_flight: past("in_flight_since_ms").map(|at| InFlight { at, by: in_flight_by.unwrap_or_default() }),
        possibly_spent: past("possibly_spent_ms"),
        cool_down_until: closed("cool_down_until_ms"),
        back_off_until: closed("back_off_until_ms"),
        failures: page
            .get("failures")
            .and_then(Value::as_u64)
            .map_or(0, |number| number.try_into().unwrap_or(u32::MAX)),
        changed,
        ..Ledger::default()
    };
    let failure = failure.and_then(|fields| Some((fields, error(fields, redactor)?)));
    // Who was refused with other credentials says nothing of these: one wrong password must not stop a fleet.
    let is_anothers = failure.as_ref().is_some_and(|(fields, error)| {
        error.status() == Status::CredentialsRefused && fields.get("credentials").and_then(Value::as_str) != who
    });
    if is_anothers {
        ledger.clear_back_off();
    }
    Some(LedgerFile {
        ledger,
        failure: failure.filter(|_| !is_anothers).map(|(_, error)| error),
        rejected_records: page.get("rejected_records").and_then(Value::as_u64).unwrap_or(0),
        refused: hashes(page.get("refused_tokens")),
    })
}

fn hashes(texts: Option<&Value>) -> Vec<TokenHash> {
    let texts = texts.and_then(Value::as_array).into_iter().flatten().take(MAX_REJECTED);
    texts.filter_map(|text| TokenHash::from_base64url(text.as_str()?)).collect()
}

/// The texts were cleaned when they were written; whoever can write to the store could have changed them since.
fn error(fields: &Map<String, Value>, redactor: &Redactor) -> Option<Error> {
    let text = |name: &str| Some(redactor.clean(fields.get(name)?.as_str()?));
    let status = Status::from_number(fields.get("status")?.as_i64()?.try_into().ok()?)?;
    Some(Error::new(status, text("message")?).with_response(ServerResponse {
        http_status: fields.get("http_status").and_then(Value::as_u64).and_then(|number| number.try_into().ok()),
        oauth_error: text("oauth_error"),
        oauth_error_description: text("oauth_error_description"),
        i18n_key: text("i18n_key"),
        server_message: text("server_message"),
        request_id: text("request_id"),
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
        let mut page = LedgerFile::default();
        change(&mut page, clock.now());
        let bytes = write(&page, &ClockMapping::of_machine(&clock), Some("me"));
        (clock, bytes)
    }

    fn read_by(who: &str, clock: &ManualClock, bytes: &[u8]) -> Option<LedgerFile> {
        read(bytes, &ClockMapping::of_machine(clock), Some(who), &redactor())
    }

    #[test]
    fn it_comes_back_as_it_was_and_its_times_go_on() {
        let quota = || {
            Error::new(Status::QuotaRefused, "the daily limit").with_response(ServerResponse {
                http_status: Some(400),
                request_id: Some("id".into()),
                ..ServerResponse::default()
            })
        };
        let mut before = Ledger::default();
        let (clock, bytes) = written(|page, now| {
            page.ledger.record_possibly_spent(now, now);
            page.ledger.mark_in_flight(7, now);
            page.ledger.record_failure(FailureKind::Quota { retry_after: None }, now, 0.5);
            page.failure = Some(quota());
            page.rejected_records = 3;
            before = Ledger { is_unwritten: false, ..page.ledger.clone() };
        });
        clock.advance(Duration::from_secs(3600));
        let page = read_by("anybody", &clock, &bytes).unwrap();
        assert_eq!(page.ledger, before);
        assert_eq!(page.failure.unwrap().to_string(), quota().to_string());
        assert_eq!(page.rejected_records, 3);
        assert_eq!(page.ledger.closed_until().unwrap().since(clock.now()), Duration::from_secs(19 * 3600 + 60));
    }

    #[test]
    fn credentials_that_were_refused_stop_those_who_use_them_and_nobody_else() {
        let (clock, bytes) = written(|page, now| {
            page.ledger.record_failure(FailureKind::Refused, now, 0.5);
            page.failure = Some(Error::new(Status::CredentialsRefused, "no"));
        });
        assert!(read_by("me", &clock, &bytes).unwrap().ledger.closed_until().is_some());
        let theirs = read_by("another", &clock, &bytes).unwrap();
        assert!(theirs.ledger.closed_until().is_none() && theirs.failure.is_none());
    }

    #[test]
    fn nothing_is_closed_for_longer_than_a_day_and_nothing_has_happened_in_the_future() {
        let (clock, bytes) = written(|page, now| {
            page.ledger.changed = Some(now);
            page.ledger.cool_down_until = Some(now.after(LONGEST_CLOSED * 400));
            page.ledger.last_issue = Some(now.after(LONGEST_CLOSED));
        });
        let ledger = read_by("me", &clock, &bytes).unwrap().ledger;
        assert_eq!(ledger.closed_until(), Some(clock.now().after(LONGEST_CLOSED)));
        assert_eq!(ledger.last_issue, Some(clock.now()));
        clock.advance(LONGEST_CLOSED);
        assert!(read_by("me", &clock, &bytes).unwrap().ledger.closed_until() <= Some(clock.now()), "it ends");
    }

    #[test]
    fn a_ledger_from_the_future_is_none() {
        let (clock, bytes) = written(|page, now| page.ledger.changed = Some(now.after(2 * WORST_CLOCK)));
        assert!(read_by("me", &clock, &bytes).is_none());
    }

    #[test]
    fn what_somebody_wrote_into_it_is_cleaned_before_it_is_shown() {
        let (clock, bytes) = written(|page, _| {
            page.failure = Some(Error::new(Status::ServerError, "it said the-secret\n\u{1b}[2J"));
        });
        let failure = read_by("me", &clock, &bytes).unwrap().failure.unwrap();
        assert_eq!(failure.message(), "it said [redacted]  [2J");
    }

    #[test]
    fn what_is_no_ledger_is_none_and_strange_fields_are_left_out() {
        let clock = ManualClock::new();
        for bytes in [&b""[..], b"{", b"[]", b"{}", br#"{"format":2}"#, b"\xff\xfe"] {
            assert!(read_by("me", &clock, bytes).is_none());
        }
        let strange =
            br#"{"format":1,"failures":-1,"cool_down_until_ms":"x","clock":7,"failure":{"status":99},"more":1}"#;
        let page = read_by("me", &clock, strange).unwrap();
        assert_eq!((page.ledger, page.failure.is_none()), (Ledger::default(), true));
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_numbers_make_the_reader_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), numbers in any::<[i64; 6]>(),
        ) {
            let clock = ManualClock::new();
            read_by("me", &clock, &bytes);
            let [changed, issue, spent, cool, back, unix] = numbers;
            let page = json!({
                "format": 1, "changed_ms": changed, "last_issue_ms": issue, "possibly_spent_ms": spent,
                "cool_down_until_ms": cool, "back_off_until_ms": back,
                "clock": {"unix_ms": unix, "boot_id": "a-start-of-the-machine", "boot_ms": issue},
            });
            let page = read_by("me", &clock, page.to_string().as_bytes()).unwrap_or_default();
            prop_assert!(page.ledger.closed_until() <= Some(clock.now().after(LONGEST_CLOSED + WORST_CLOCK)));
        }
    }
}
