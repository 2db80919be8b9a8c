//! Times as a person reads them: in the time zone of the machine, and how far away they are.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::output;

/// Returns a time in the local time zone, which it names: `2026-11-28 19:04:05 CET`.
pub fn local(time: SystemTime) -> String {
    shown(time, TimeZone::system())
}

fn shown(time: SystemTime, zone: TimeZone) -> String {
    match Timestamp::try_from(time) {
        Ok(timestamp) => timestamp.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => output::rfc3339(time),
    }
}

/// Returns a time with its distance from `now`, on the same clock: `2026-11-28 19:04:05 CET (in 3 h 20 min)`.
pub fn relative(time: SystemTime, now: SystemTime) -> String {
    format!("{} ({})", local(time), distance(time, now))
}

/// Returns how far a time is from `now`: `in 3 h 20 min`, or `5 min ago`.
pub fn distance(time: SystemTime, now: SystemTime) -> String {
    match time.duration_since(now) {
        Ok(ahead) => format!("in {}", output::span(rounded(ahead))),
        Err(past) => format!("{} ago", output::span(rounded(past.duration()))),
    }
}

/// Returns a span of ten minutes or more in whole minutes: nobody wants to know the seconds of `59 min 58 s`.
fn rounded(span: Duration) -> Duration {
    if span < Duration::from_secs(600) { span } else { Duration::from_secs(span.as_secs().div_ceil(60) * 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shown_in_the_zone_that_is_named_and_with_its_distance() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_890_645);
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(shown(now, zone), "2026-11-28 20:30:45 +02");
        assert_eq!(shown(now, TimeZone::UTC), "2026-11-28 18:30:45 UTC");
        assert_eq!(distance(now + Duration::from_secs(12_000), now), "in 3 h 20 min");
        assert_eq!(distance(now - Duration::from_secs(299), now), "4 min 59 s ago");
        assert_eq!(distance(now + Duration::from_secs(3_598), now), "in 1 h");
        assert_eq!(distance(now + Duration::from_secs(86_345), now), "in 1 d");
        assert!(relative(now, now).ends_with("(in 0 s)"));
    }
}
