//! Exit statuses of Windows.

use std::process::ExitStatus;

pub fn exit_status(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
