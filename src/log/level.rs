//! How much is logged, and in which form.

use std::str::FromStr;

use tracing::Level;

use crate::error::{Error, Status};

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum LogLevel {
    /// No line at all.
    Off = 0,
    /// A problem that a person has to solve.
    Error = 1,
    /// A problem that the library handles, such as a failed refresh.
    Warn = 2,
    /// An event that happens a few times a day, such as a new token.
    Info = 3,
    /// Details that help to find a mistake.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// How lines of the log are written to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum LogFormat {
    /// One line of text: the time in UTC, the level, the process, the message, and the fields as `name=value`.
    Text = 1,
    /// One JSON object in a line, with the members `time`, `level`, `target`, `pid`, `message`, and one for each field.
    Json = 2,
}

/// What the name of a level must be, in the words of an error.
pub(super) const LEVELS: &str = "error, warn, info, debug, trace or off";
/// What the name of a format must be.
pub(super) const FORMATS: &str = "text or json";

impl LogLevel {
    pub(crate) const ALL: [Self; 6] = [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Returns the level with this name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// Returns the name, in capitals as lines have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

impl LogFormat {
    /// Returns the format with this name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        [(Self::Text, "text"), (Self::Json, "json")]
            .into_iter()
            .find_map(|(format, its)| its.eq_ignore_ascii_case(name).then_some(format))
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }
}

impl FromStr for LogLevel {
    type Err = Error;

    /// Reads `error`, `warn`, `info`, `debug`, `trace` or `off`, in any case.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::named(name)
            .ok_or_else(|| Error::new(Status::InvalidArgument, format!("the level of the log must be {LEVELS}")))
    }
}

impl FromStr for LogFormat {
    type Err = Error;

    /// Reads `text` or `json`, in any case.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::named(name)
            .ok_or_else(|| Error::new(Status::InvalidArgument, format!("the format of the log must be {FORMATS}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_formats_are_read_by_their_names_in_any_case() {
        for level in LogLevel::ALL {
            assert_eq!(level.name().parse::<LogLevel>().unwrap(), level);
            assert_eq!(level.name().to_lowercase().parse::<LogLevel>().unwrap(), level);
        }
        assert_eq!("JSON".parse::<LogFormat>().unwrap(), LogFormat::Json);
        let error = "warning".parse::<LogLevel>().unwrap_err();
        assert_eq!(error.message(), "the level of the log must be error, warn, info, debug, trace or off");
        assert_eq!("xml".parse::<LogFormat>().unwrap_err().message(), "the format of the log must be text or json");
    }
}
