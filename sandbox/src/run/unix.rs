//! Exit statuses of Unix.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// What a shell adds to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

pub fn exit_status(status: ExitStatus) -> i32 {
    status.signal().map_or_else(|| status.code().unwrap_or(1), |signal| SIGNALLED + signal)
}
