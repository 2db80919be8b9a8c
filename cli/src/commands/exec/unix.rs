//! Processes of Unix.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use crate::failure::Failure;

/// What a shell adds to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// Replaces this process by the command, which then has its process ID, its signals and its exit status.
pub fn become_or_run(mut command: Command) -> Result<i32, Failure> {
    let error = command.exec();
    super::not_started(&command.get_program().to_owned(), &error)
}

pub fn exit_status(status: ExitStatus) -> i32 {
    status.signal().map_or_else(|| status.code().unwrap_or(1), |signal| SIGNALLED + signal)
}
