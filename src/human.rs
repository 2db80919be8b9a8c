//! Spans and times in messages, as a person reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// Returns a time as RFC 3339 has it, in UTC with milliseconds: `2026-11-28T12:30:00.000Z`.
pub(crate) fn rfc_3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Returns year, month and day in the Gregorian calendar, which repeats itself after 400 years.
fn civil_date(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970 + days_since_1970 / DAYS_OF_400_YEARS * 400;
    let mut days = days_since_1970 % DAYS_OF_400_YEARS;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
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

    #[test]
    fn rfc_3339_names_the_same_date_as_http() {
        for seconds in (0..253_402_300_800).step_by(86_400 * 19 + 4_321) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let shown = rfc_3339(time);
            let date = http_date(i64::try_from(seconds).unwrap());
            let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                [shown[5..7].parse::<usize>().unwrap() - 1];
            let rebuilt = format!("{} {month} {} {} GMT", &shown[8..10], &shown[..4], &shown[11..19]);
            assert_eq!(rebuilt, date[5..]);
        }
        assert_eq!(rfc_3339(UNIX_EPOCH + Duration::from_millis(1_795_782_600_042)), "2026-11-27T12:30:00.042Z");
        for (seconds, day) in
            [(951_782_400, "2000-02-29"), (4_107_542_399, "2100-02-28"), (4_107_542_400, "2100-03-01")]
        {
            assert!(rfc_3339(UNIX_EPOCH + Duration::from_secs(seconds)).starts_with(day));
        }
    }
}
