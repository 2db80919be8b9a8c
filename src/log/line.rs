//! A line of the log: a sentence and its fields.

use std::fmt::{self, Write};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// One line of the log. It contains no secret.
pub struct LogLine {
    /// When it was logged.
    pub time: SystemTime,
    /// How important the line is.
    pub level: Level,
    /// The part of the library that logged it, such as `tango_token::endpoint`.
    pub target: &'static str,
    /// The file of the source that logged it.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
    /// The sentence, without the fields.
    pub message: String,
    /// The fields, in the order in which they are shown.
    pub fields: Vec<LogField>,
}

/// One field of a line.
pub struct LogField {
    /// The name, such as `http_status`.
    pub name: &'static str,
    /// The value.
    pub value: LogValue,
}

/// The value of a field.
#[derive(Debug, PartialEq, Eq)]
pub enum LogValue {
    /// A string, such as a client ID.
    String(String),
    /// A whole number below 0.
    Signed(i64),
    /// A whole number.
    Unsigned(u64),
    /// True or false.
    Bool(bool),
}

impl LogLine {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut line = Self {
            time: SystemTime::now(),
            level: *metadata.level(),
            target: metadata.target(),
            file: metadata.file().unwrap_or_default(),
            line: metadata.line().unwrap_or_default(),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut line);
        line
    }

    /// Returns the message, followed by the fields as `name=value`, with strings in quotes.
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        self.write_fields(&mut text);
        text
    }

    pub(super) fn write_fields(&self, text: &mut String) {
        for LogField { name, value } in &self.fields {
            // Writing to a string cannot fail.
            let _ = match value {
                LogValue::String(string) => write!(text, " {name}={string:?}"),
                other => write!(text, " {name}={other}"),
            };
        }
    }

    fn add(&mut self, field: &Field, value: LogValue) {
        self.fields.push(LogField { name: field.name(), value });
    }
}

impl fmt::Display for LogValue {
    /// Writes a string as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(string) => f.write_str(string),
            Self::Signed(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
        }
    }
}

impl Visit for LogLine {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.add(field, LogValue::String(value.into()));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, u64::try_from(value).map_or(LogValue::Signed(value), LogValue::Unsigned));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, LogValue::Unsigned(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, LogValue::Bool(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
