//! The commands: one file for each.

pub mod cache;
pub mod call;
pub mod completions;
pub mod doctor;
pub mod exec;
pub mod headers;
pub mod inspect;
pub mod key;
pub mod proof;
pub mod serve;
pub mod token;

use crate::arguments::{Command, CommandLine};
use crate::failure::Failure;

/// Returns the exit status.
pub fn run(command_line: CommandLine) -> Result<i32, Failure> {
    match command_line.command {
        Command::Token(command) => command.run().map(|()| 0),
        Command::Headers(command) => command.run().map(|()| 0),
        Command::Call(command) => command.run(),
        Command::Exec(command) => command.run(),
        Command::Serve(command) => command.run().map(|()| 0),
        Command::Cache(command) => command.run().map(|()| 0),
        Command::Doctor(command) => command.run(),
        Command::Key(command) => command.run().map(|()| 0),
        Command::Proof(command) => command.run().map(|()| 0),
        Command::Inspect(command) => command.run(),
        Command::Completions(command) => command.run().map(|()| 0),
        Command::Man(command) => command.run().map(|()| 0),
    }
}
