//! `Date` and `Retry-After`: each of the three formats of HTTP-date is read as the crate `jiff` writes it, and no date
//! moves the clock of a server by more than a day.
//!
//! A line of the input is a date, or a date after the seconds since its request.
#![no_main]

use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use tango_token::fuzzing::{http_date, now, retry_after, server_time};

/// The end of the year 9999.
const LAST: i64 = 253_402_300_799;
const DAY: u64 = 24 * 3600;

fuzz_target!(|text: &str| {
    let lines = text.lines().map(|line| {
        let (age, date) = line.split_once(' ').unwrap_or(("", line));
        age.parse().map_or((line, 0), |age: u32| (date, age))
    });
    assert!(server_time(lines.clone()).abs_diff(now()) <= DAY);
    for (date, age) in lines {
        check_date(date);
        check_written(i64::from(age).wrapping_mul(50) + i64::from(date.len() as u32));
        check_retry_after(date);
    }
});

fn check_date(date: &str) {
    let seconds = http_date(date);
    assert!(seconds.is_none_or(|seconds| (0..=LAST).contains(&seconds)));
    // What another parser can read as well is the same time.
    let independent = rfc2822::DateTimeParser::new().parse_timestamp(date).ok().map(|time| time.as_second());
    if let (Some(seconds), Some(independent)) = (seconds, independent) {
        assert_eq!(seconds, independent);
    }
}

fn check_written(seconds: i64) {
    let time = Timestamp::from_second(seconds).expect("a time of this millennium").to_zoned_datetime(TimeZone::UTC);
    for format in ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
        let date = strtime::format(format, &time).expect("a format");
        let read = http_date(&date);
        // Two digits of a year are those of the nearest year.
        let is_near = format.contains("%Y") || (1970..2070).contains(&time.year());
        assert!(!is_near || read == Some(seconds), "{date}: {read:?}");
    }
}

fn check_retry_after(value: &str) {
    let Ok(header) = HeaderValue::from_str(value) else { return };
    let wait = retry_after(&HeaderMap::from_iter([(RETRY_AFTER, header)]));
    // The white space of HTTP (RFC 9110 section 5.6.3), which is less than that of Unicode.
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(wait, Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX))));
    } else {
        let until = http_date(value).map(|until| u64::try_from(until - now()).unwrap_or(0));
        assert_eq!(wait, until.map(Duration::from_secs));
    }
}
