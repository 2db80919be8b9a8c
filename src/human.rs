//! Spans and times in messages, as a person reads them.

use std::time::{Duration, Instant, UNIX_EPOCH};

/// Returns a span in its two largest units, rounded up to the smaller one: `20 h 1 min`, `5 min 0 s`, `12 s`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => {
            let minutes = seconds.div_ceil(60);
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// Returns the milliseconds since `start`, for the log.
pub(crate) fn milliseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Returns a configured timeout, exactly where it is not a number of seconds: `1500 ms`, `30 s`, `2 min 0 s`.
pub(crate) fn timeout(timeout: Duration) -> String {
    if timeout.subsec_millis() == 0 { span(timeout) } else { format!("{} ms", timeout.as_millis()) }
}

/// Returns a number below a million with its thousands apart: `16,384`.
pub(crate) fn grouped(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

/// Returns a point in time, in seconds since 1970, as day of the week, hour and minute: `Sat 12:30 UTC`.
pub(crate) fn time(unix_seconds: i64) -> String {
    let date = http_date(unix_seconds);
    format!("{} {} UTC", &date[..3], &date[17..22])
}

/// Returns a point in time, in seconds since 1970, as date, hour and minute: `28 Nov 2026 12:30 UTC`.
pub(crate) fn date(unix_seconds: i64) -> String {
    format!("{} UTC", http_date(unix_seconds)[5..22].trim_start_matches('0'))
}

/// Returns a date in the format of HTTP: `Sat, 28 Nov 2026 12:30:00 GMT`.
fn http_date(unix_seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0));
    // The crate refuses years after 9999.
    let date = UNIX_EPOCH.checked_add(since.min(Duration::from_secs(253_402_300_799))).unwrap_or(UNIX_EPOCH);
    httpdate::fmt_http_date(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_and_are_rounded_up() {
        for (seconds, expected) in [
            (0.0, "0 s"),
            (0.2, "1 s"),
            (59.0, "59 s"),
            (59.5, "1 min 0 s"),
            (300.0, "5 min 0 s"),
            (3_600.0, "1 h 0 min"),
            (3_601.0, "1 h 1 min"),
            (72_060.0, "20 h 1 min"),
        ] {
            assert_eq!(span(Duration::from_secs_f64(seconds)), expected);
        }
    }

    #[test]
    fn timeouts_are_exact() {
        let shown = [1_500, 30_000, 120_000].map(|ms| timeout(Duration::from_millis(ms)));
        assert_eq!(shown, ["1500 ms", "30 s", "2 min 0 s"]);
    }

    #[test]
    fn times_name_the_day_of_the_week_and_dates_the_year() {
        assert_eq!(time(1_795_782_600), "Fri 12:30 UTC");
        assert_eq!(date(1_795_782_600), "27 Nov 2026 12:30 UTC");
        assert_eq!(date(0), "1 Jan 1970 00:00 UTC");
        for extreme in [i64::MIN, -1, 0, i64::MAX] {
            assert!(time(extreme).ends_with(" UTC") && date(extreme).ends_with(" UTC"));
        }
    }
}
