//! The ledger of a client in the shared cache, which any of its users may have changed. It closes a fleet for a day at
//! most, its past is past, and it stays the same when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use support::{check_error, log, reveal, strings};
use tango_token::fuzzing::read_ledger;

const SECRET: &str = "s3cret+of/the&client";
const HOUR_MS: i64 = 3600 * 1000;
const DAY_SECONDS: i64 = 24 * 3600;

fuzz_target!(|bytes: &[u8]| {
    let Some(ledger) = read_ledger(bytes, SECRET) else { return };
    assert!(ledger.past.iter().all(|&time| time <= 0), "{:?}", ledger.past);
    assert!(ledger.changed.is_none_or(|changed| changed <= HOUR_MS));
    let latest_end = ledger.changed.map_or(i64::MIN, |changed| changed.saturating_add(24 * HOUR_MS));
    assert!(ledger.ends.iter().all(|&end| end <= latest_end), "{:?}", ledger.ends);
    assert!(ledger.suspects <= 16 && ledger.offsets.len() <= 16);
    // A ledger that was written since the machine started corrects the wall clock, which offsets are added to.
    let is_corrected = str::from_utf8(bytes).is_ok_and(|text| text.contains("boot"));
    assert!(is_corrected || ledger.offsets.iter().all(|offset| offset.abs() <= DAY_SECONDS), "{:?}", ledger.offsets);
    if let Some(failure) = &ledger.failure {
        // Another process can have written an empty message.
        if !failure.message().is_empty() {
            check_error(failure);
        }
        reveal::check_hidden(&[SECRET], strings(failure));
    }
    reveal::check_hidden(&[SECRET], [log::take().as_str()]);
    let again = read_ledger(&ledger.written, SECRET).expect("what was written can be read");
    assert_eq!(again.content, ledger.content);
    assert!(is_corrected || again.offsets == ledger.offsets);
});
