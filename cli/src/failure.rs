//! Why a command failed, and the exit status that says it to scripts.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use tango_token::{Error, Status};

use crate::output::{self, ERROR};
use crate::times;

/// Exit statuses. Those above 2 are the ones of sysexits.h.
pub const FAILURE: i32 = 1;
pub const USAGE: i32 = 2;
pub const TRY_LATER: i32 = 75;
pub const NOT_PERMITTED: i32 = 77;
pub const CONFIGURATION: i32 = 78;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub struct Failure {
    exit_status: i32,
    /// Empty if nobody is there to read it.
    message: String,
    retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without a status of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_status(FAILURE, message)
    }

    /// The command line asks for something that does not exist or must not be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::with_status(USAGE, message)
    }

    pub fn with_status(exit_status: i32, message: impl Into<String>) -> Self {
        Self { exit_status, message: message.into(), retry_after: None }
    }

    /// Returns this failure with another exit status.
    pub fn but_with_status(self, exit_status: i32) -> Self {
        Self { exit_status, ..self }
    }

    pub fn exit_status(&self) -> i32 {
        self.exit_status
    }

    /// Writes the message to standard error.
    pub fn report(&self) {
        if !self.message.is_empty() {
            output::complain(&format!("{ERROR}error:{ERROR:#} {}", visible(&self.to_string())));
        }
    }
}

/// Returns a message without characters that a terminal obeys: the name of a file can contain them.
fn visible(message: &str) -> String {
    message.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit_status = match error.status() {
            _ if error.retry_after().is_some() => TRY_LATER,
            Status::InvalidArgument => USAGE,
            Status::CredentialsRefused => NOT_PERMITTED,
            Status::InvalidConfiguration | Status::KeyRejected => CONFIGURATION,
            _ => FAILURE,
        };
        Self { exit_status, message: error.message().into(), retry_after: error.retry_after() }
    }
}

/// Such as standard output that could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // The reader has what it wanted, such as `head`.
        let is_expected = error.kind() == ErrorKind::BrokenPipe;
        Self::new(if is_expected { String::new() } else { format!("input or output failed: {error}") })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.retry_after {
            Some(wait) => write!(f, "\n  try again in {}", times::span(wait))?,
            None => return Ok(()),
        }
        let at = self.retry_after.and_then(|wait| SystemTime::now().checked_add(wait));
        at.map_or(Ok(()), |at| write!(f, ", at {}", times::rfc3339(at)))
    }
}

#[cfg(test)]
mod tests {
    use tango_token::{Config, DpopKey};

    use super::*;

    #[test]
    fn error_of_the_library_keeps_its_text_and_has_a_status() {
        let error = tango_token::Client::new(&Config::new()).unwrap_err();
        let text = error.message().to_owned();
        let failure = Failure::from(error);
        assert_eq!((failure.to_string(), failure.exit_status()), (text, CONFIGURATION));
        let failure = Failure::from(DpopKey::from_pem("nothing", None).unwrap_err());
        assert_eq!(failure.exit_status(), CONFIGURATION);
    }

    #[test]
    fn message_moves_no_cursor() {
        assert_eq!(visible("a\u{1b}[2J\u{9b}b\n  c"), "a\u{fffd}[2J\u{fffd}b\n  c");
    }

    #[test]
    fn failure_that_passes_says_when() {
        let failure =
            Failure { exit_status: TRY_LATER, message: "no".into(), retry_after: Some(Duration::from_secs(90)) };
        let text = failure.to_string();
        assert!(text.starts_with("no\n  try again in 1 min 30 s, at 2"), "{text}");
    }
}
