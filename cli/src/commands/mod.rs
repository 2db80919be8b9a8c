//! The commands: one file for each.

pub mod key;
pub mod token;

use crate::arguments::{Command, CommandLine};
use crate::failure::Failure;

/// Returns the exit status.
pub fn run(command_line: CommandLine) -> Result<i32, Failure> {
    match command_line.command {
        Command::Token(command) => command.run().map(|()| 0),
        Command::Key(command) => command.run().map(|()| 0),
    }
}
