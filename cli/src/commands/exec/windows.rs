//! Processes of Windows, which cannot replace themselves.

use std::process::{Command, ExitStatus};

use crate::failure::Failure;
use crate::signals::Signals;

/// Runs the command to its end. The console sends its signals to the command as well.
pub fn become_or_run(command: Command) -> Result<i32, Failure> {
    let program = command.get_program().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::listen()?;
        match tokio::process::Command::from(command).spawn() {
            Ok(child) => Ok(exit_status(super::wait(child, signals).await?)),
            Err(error) => super::not_started(&program, &error),
        }
    })
}

pub fn exit_status(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
