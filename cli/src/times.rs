//! Times and spans as a person reads them, and times in UTC for programs.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns a time in UTC, to the second: `2026-01-31T12:00:00Z`.
pub fn rfc3339(time: SystemTime) -> String {
    timestamp(time).strftime("%FT%TZ").to_string()
}

/// Returns a time in the local time zone, which it names: `2026-11-28 19:04:05 CET`.
pub fn local(time: SystemTime) -> String {
    in_zone(time, TimeZone::system())
}

fn in_zone(time: SystemTime, zone: TimeZone) -> String {
    timestamp(time).to_zoned_datetime(zone).strftime("%F %T %Z").to_string()
}

/// Returns the time, or the last one before the year 10000.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

/// Returns a time with its distance from `now`, on the same clock: `2026-11-28 19:04:05 CET (in 3 h 20 min)`.
pub fn relative(time: SystemTime, now: SystemTime) -> String {
    format!("{} ({})", local(time), distance(time, now))
}

/// Returns how far a time is from `now`: `in 3 h 20 min`, `now`, or `5 min ago`.
pub fn distance(time: SystemTime, now: SystemTime) -> String {
    match time.duration_since(now) {
        Ok(Duration::ZERO) => "now".into(),
        Ok(ahead) => format!("in {}", span(rounded(ahead))),
        Err(past) => format!("{} ago", span(rounded(past.duration()))),
    }
}

/// Returns a span of ten minutes or more in whole minutes: nobody wants to know the seconds of `59 min 58 s`.
fn rounded(span: Duration) -> Duration {
    if span < Duration::from_secs(600) { span } else { Duration::from_secs(span.as_secs().div_ceil(60) * 60) }
}

/// Returns a span in its two largest units, rounded up to a second: `2 h 5 min`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let first = units.iter().position(|(_, unit)| seconds >= *unit).unwrap_or(3);
    let mut rest = seconds;
    let parts = units[first..].iter().take(2).filter_map(|(name, unit)| {
        let count = rest / unit;
        rest %= unit;
        (count > 0 || seconds == 0).then(|| format!("{count} {name}"))
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shown_in_the_zone_that_is_named_and_with_its_distance() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_890_645);
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(in_zone(now, zone), "2026-11-28 20:30:45 +02");
        assert_eq!(in_zone(now, TimeZone::UTC), "2026-11-28 18:30:45 UTC");
        assert_eq!(distance(now + Duration::from_secs(12_000), now), "in 3 h 20 min");
        assert_eq!(distance(now - Duration::from_secs(299), now), "4 min 59 s ago");
        assert_eq!(distance(now + Duration::from_secs(3_598), now), "in 1 h");
        assert_eq!(distance(now + Duration::from_secs(86_345), now), "in 1 d");
        assert!(relative(now, now).ends_with(" (now)"));
    }

    #[test]
    fn span_has_its_two_largest_units() {
        let text = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([0, 1, 60, 90, 3_600, 72_000].map(text), ["0 s", "1 s", "1 min", "1 min 30 s", "1 h", "20 h"]);
        assert_eq!(text(90_061), "1 d 1 h");
        assert_eq!(span(Duration::from_millis(1_001)), "2 s");
    }

    #[test]
    fn time_for_programs_is_in_utc() {
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500)), "1970-01-01T00:00:01Z");
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert!(rfc3339(far).starts_with("9999-12-30T"), "{}", rfc3339(far));
    }
}
