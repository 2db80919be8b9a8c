//! What a command writes: text, JSON, and colours where a terminal shows them.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::Failure;

// A style is written before its text, and `{STYLE:#}` after it.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();

/// Writes a line to standard output. Its styles are shown on a terminal, unless `NO_COLOR` is set.
pub fn line(text: impl Display) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    writeln!(output, "{text}")?;
    Ok(output.flush()?)
}

/// Writes a line with a secret to standard output, byte for byte.
pub fn secret(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    Ok(output.flush()?)
}

/// Writes a value as JSON to standard output.
pub fn json(value: &Value) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", escaped(&format!("{value:#}")))?;
    Ok(output.flush()?)
}

/// Escapes in JSON what `serde_json` leaves as it is although a terminal obeys it: the control characters after ASCII,
/// and those that change the direction of text. Outside of strings there are only line breaks and blanks.
fn escaped(json: &str) -> String {
    let is_obeyed = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_obeyed(c) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Writes a line to standard error.
pub fn complain(message: &str) {
    // Not `eprintln!`: it panics when standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{message}");
}

/// Returns a time as people write it: `2 h 5 min`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
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

/// Returns a time in UTC, to the second: `2026-01-31T12:00:00Z`. A year that RFC 3339 cannot write, which a ledger or a
/// claim of another program can contain, is given as seconds since 1970.
pub fn rfc3339(time: SystemTime) -> String {
    // Not `OffsetDateTime::from`: it panics outside of the years -9999 to 9999.
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::from(since.as_secs()),
        Err(before) => -i128::from(before.duration().as_secs()) - i128::from(before.duration().subsec_nanos() > 0),
    };
    let date = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s since 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_has_its_two_largest_units() {
        let text = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([0, 1, 60, 90, 3_600, 72_000].map(text), ["0 s", "1 s", "1 min", "1 min 30 s", "1 h", "20 h"]);
        assert_eq!(text(90_061), "1 d 1 h");
        assert_eq!(span(Duration::from_millis(1_001)), "2 s");
    }

    #[test]
    fn json_has_no_character_that_a_terminal_obeys() {
        let value = serde_json::json!({"\u{9b}2J": ["\u{202e}\u{1b}[2J", "ü\n"]});
        let json = escaped(&format!("{value:#}"));
        assert!(json.chars().all(|c| c == '\n' || !c.is_control()) && !json.contains('\u{202e}'), "{json}");
        assert!(json.contains("\\u009b2J") && json.contains("\\u202e\\u001b[2J") && json.contains('ü'), "{json}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }

    #[test]
    fn time_is_written_in_utc() {
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(1_500)), "1970-01-01T00:00:01Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_millis(1_500)), "1969-12-31T23:59:58Z");
    }

    #[test]
    fn time_of_no_year_is_written_in_seconds() {
        let far = Duration::from_secs(1 << 40);
        assert_eq!(rfc3339(UNIX_EPOCH + far), "1099511627776 s since 1970");
        assert_eq!(rfc3339(UNIX_EPOCH - far), "-1099511627776 s since 1970");
    }
}
