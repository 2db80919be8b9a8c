//! What a command writes: text, JSON, and colours where a terminal shows them.

use std::fmt::Display;
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
    writeln!(output, "{value:#}")?;
    Ok(output.flush()?)
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
}
