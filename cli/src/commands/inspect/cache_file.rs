//! The files of a shared cache in a directory: docs/cache-format.md.

use serde_json::{Map, Value, json};

use super::jwt;
use super::report::{LIST, Report};

const FORMAT: &str = "docs/cache-format.md";
const RECORD: &[u8] = b"TTR";
const RECORD_VERSION: u8 = 1;
/// The head, the nonce and the tag.
const EMPTY_RECORD: usize = 4 + 12 + 16;
const LEDGER_FORMATS: [u64; 2] = [1, 2];
const HOUR: i64 = 3_600;

/// Returns the report of a sealed token, if it is one.
pub fn record(bytes: &[u8]) -> Option<Report> {
    let version = *bytes.strip_prefix(RECORD)?.first()?;
    let mut report = Report::new("record", "A record of the cache: a sealed token");
    let sealed = bytes.len().saturating_sub(EMPTY_RECORD);
    report.part("members", [("version".into(), json!(version)), ("sealed_bytes".into(), json!(sealed))]);
    report.check("version", version == RECORD_VERSION, format!("its version is {version}"), FORMAT);
    report.check("length", bytes.len() > EMPTY_RECORD, "it is long enough for a token", FORMAT);
    report.note(
        "seal",
        "it is sealed (AES-256-GCM) with a key from the client secret; `tango-token cache status` opens it",
        FORMAT,
    );
    Some(report)
}

/// Returns the report of a ledger. It contains no secret.
pub fn ledger(ledger: &Map<String, Value>, now: i64) -> Report {
    let mut report = Report::new("ledger", "A ledger of the cache: the outcomes of earlier token requests");
    let sections = ledger.get("identities").and_then(Value::as_object);
    let own = ledger.iter().filter(|(name, _)| *name != "identities" && *name != "clock");
    report.part("members", own.map(|(name, value)| (name.clone(), shown(name, value, now))));
    for section in sections.into_iter().flat_map(|sections| sections.values()).filter_map(Value::as_object) {
        report.part(LIST, section.iter().map(|(name, value)| (name.clone(), shown(name, value, now))));
    }
    let format = ledger.get("format").and_then(Value::as_u64);
    let is_known = format.is_some_and(|format| LEDGER_FORMATS.contains(&format));
    report.check("format", is_known, format!("its format is {}", format.unwrap_or_default()), FORMAT);
    let time = |name: &str| ledger.get(name).and_then(Value::as_i64).map(|ms| ms / 1_000);
    if let Some(changed) = time("changed_ms") {
        let is_past = changed <= now + HOUR;
        let text = format!("it was changed {}", jwt::distance(changed, now));
        let advice = if is_past { "" } else { ": it counts as missing; set the clocks right" };
        report.check("changed_ms", is_past, text + advice, FORMAT);
    }
    explain(&mut report, ledger, sections, &time, now);
    report
}

/// Says what the ledger means for the next request.
fn explain(
    report: &mut Report,
    ledger: &Map<String, Value>,
    sections: Option<&Map<String, Value>>,
    time: &impl Fn(&str) -> Option<i64>,
    now: i64,
) {
    if let Some(issued) = time("last_issue_ms") {
        let text = format!("the last token was requested {}", jwt::distance(issued, now));
        report.note("last_issue_ms", text, FORMAT);
    }
    if let Some(sent) = time("in_flight_since_ms") {
        let text = format!(
            "a request was sent {} whose outcome is not written: it is under way, or its sender has ended",
            jwt::distance(sent, now)
        );
        report.note("in_flight_since_ms", text, FORMAT);
    }
    if let Some(sent) = time("possibly_spent_ms") {
        let text =
            format!("the response to a request of {} was lost: it may have used up a token", jwt::date(sent, now));
        report.note("possibly_spent_ms", text, FORMAT);
    }
    if let Some(until) = time("cool_down_until_ms").filter(|until| *until > now) {
        let text = format!("the daily limit was reached; no request is sent before {}", jwt::date(until, now));
        report.note("cool_down_until_ms", text, FORMAT);
    }
    let rejected = ledger.get("rejected_records").and_then(Value::as_u64).unwrap_or_default();
    if rejected > 0 {
        report.note("rejected_records", format!("{rejected} records could not be opened, and were set aside"), FORMAT);
    }
    let back_offs = sections.into_iter().flat_map(|sections| sections.values());
    let back_offs = back_offs.filter_map(|section| section.get("back_off_until_ms")?.as_i64().map(|ms| ms / 1_000));
    for until in back_offs.filter(|until| *until > now) {
        let text = format!("after a failure, an identity sends no request before {}", jwt::date(until, now));
        report.note("back_off_until_ms", text, FORMAT);
    }
}

/// Returns a value for a person, with a date for a time, and the message of an error.
fn shown(name: &str, value: &Value, now: i64) -> Value {
    if let Some(message) = value.get("message") {
        return message.clone();
    }
    match value.as_i64().filter(|_| name.ends_with("_ms")) {
        Some(ms) => jwt::date(ms.div_euclid(1_000), now).into(),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 2_000_000_000;

    #[test]
    fn ledger_with_a_cool_down_says_until_when() {
        let document = json!({"format": 2, "changed_ms": NOW * 1_000, "cool_down_until_ms": (NOW + 7_200) * 1_000,
                              "identities": {"a": {"back_off_until_ms": null}}});
        let report = ledger(document.as_object().unwrap(), NOW);
        let text = report.to_string();
        assert!(
            !report.has_failed() && text.contains("no request is sent before 2033-05-18T05:33:20Z, in 2 h"),
            "{text}"
        );
    }

    #[test]
    fn ledger_from_the_future_or_of_another_format_fails() {
        for document in
            [json!({"format": 3, "changed_ms": NOW * 1_000}), json!({"format": 2, "changed_ms": (NOW + 7_200) * 1_000})]
        {
            assert!(ledger(document.as_object().unwrap(), NOW).has_failed());
        }
    }

    #[test]
    fn record_is_known_by_its_first_bytes() {
        let sealed = [&b"TTR\x01"[..], &[0; 60]].concat();
        assert!(!record(&sealed).unwrap().has_failed());
        assert!(record(&sealed[..20]).unwrap().has_failed());
        assert!(record(&[&b"TTR\x02"[..], &[0; 60]].concat()).unwrap().has_failed());
        assert!(record(b"{}").is_none());
    }
}
