//! What a command writes: text, JSON, and colours where a terminal shows them.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

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

/// Returns a string without characters that a terminal would obey or that a person cannot see.
pub fn visible(text: &str) -> String {
    let escaped = |c: char| -> Box<dyn Iterator<Item = char>> {
        if "\"'\\".contains(c) { Box::new(std::iter::once(c)) } else { Box::new(c.escape_debug()) }
    };
    text.chars().flat_map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_a_terminal_obeys_are_escaped() {
        assert_eq!(visible("\u{1b}[31mred\u{202e}\r\n"), r"\u{1b}[31mred\u{202e}\r\n");
        assert_eq!(visible("ü\"'\\"), "ü\"'\\");
    }

    #[test]
    fn json_has_no_character_that_a_terminal_obeys() {
        let value = serde_json::json!({"\u{9b}2J": ["\u{202e}\u{1b}[2J", "ü\n"]});
        let json = escaped(&format!("{value:#}"));
        assert!(json.chars().all(|c| c == '\n' || !c.is_control()) && !json.contains('\u{202e}'), "{json}");
        assert!(json.contains("\\u009b2J") && json.contains("\\u202e\\u001b[2J") && json.contains('ü'), "{json}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }
}
