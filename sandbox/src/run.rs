//! `tango-sandbox run -- COMMAND`: starts the server, runs a command against it, and ends with the command.

use std::error::Error;
use std::io;
use std::process::ExitStatus;

use tokio::process::{Child, Command};

use crate::log;
use crate::options::RunOptions;
use crate::server::Server;
use crate::signals::Signals;

#[cfg_attr(unix, path = "run/unix.rs")]
#[cfg_attr(windows, path = "run/windows.rs")]
mod system;

/// Exit statuses of a shell for a command that does not run.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// Returns the exit status of the command, or that of a shell where the command does not start.
pub async fn run(options: RunOptions) -> Result<i32, Box<dyn Error>> {
    // Before the command starts, so that none of its time is without the handlers.
    let signals = Signals::listen()?;
    let server = Server::start(options.server).await?;
    let (program, arguments) = options.command.split_first().ok_or("there is no command to run")?;
    let child = Command::new(program).args(arguments).envs(server.environment.variables().iter().cloned()).spawn();
    match child {
        Ok(child) => Ok(system::exit_status(wait(child, signals).await?)),
        Err(error) => {
            log::complain(&format!("cannot run {}: {error}", program.display()));
            Ok(if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE })
        }
    }
}

/// Passes signals on until the command ends. What a signal does is for the command to decide.
async fn wait(mut child: Child, mut signals: Signals) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => {
                if let Some(pid) = child.id() {
                    signal.forward(pid);
                }
            }
        }
    }
}
