//! `tango-token exec -- COMMAND`: runs a command with a token, in a variable or in a file that stays fresh.

#[cfg_attr(unix, path = "exec/unix.rs")]
#[cfg_attr(windows, path = "exec/windows.rs")]
mod system;
mod token_file;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use tango_token::{Client, LogFormat, LogLevel};
use tokio::process::Child;

use crate::commands::token::VARIABLE;
use crate::failure::{self, Failure};
use crate::options::Options;
use crate::progress;
use crate::signals::Signals;
use token_file::TokenFile;

/// Exit statuses of a shell for a command that does not run.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;
/// What `env` and `timeout` end with if they fail themselves: the command may end with 1.
const OWN_FAILURE: i32 = 125;

/// The variable with the path of the file of `--token-file`.
const FILE_VARIABLE: &str = "TANGO_ACCESS_TOKEN_FILE";
/// The command gets a token in their place.
const SECRETS: [&str; 2] = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"];

#[derive(Args)]
#[command(after_help = "\
The command gets the token in TANGO_ACCESS_TOKEN, where it expires with time, or with --token-file the path of a file \
in TANGO_ACCESS_TOKEN_FILE. It does not get TANGO_CLIENT_SECRET and TANGO_PASSWORD. Signals are passed on to it.

The exit status is that of the command, or 128 and the number of the signal that ended it. It is 127 if the command is \
not found, 126 if it cannot be executed, and 125 where other commands of tango-token end with 1.")]
pub struct Exec {
    /// Command to run, with its arguments
    // First, because the heading of the options below would hold it as well.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Write the token to this file, which only you can read, keep it fresh, and remove it when the command ends
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

impl Exec {
    /// Returns the exit status of the command, or that of a shell where the command does not start.
    pub fn run(&self) -> Result<i32, Failure> {
        self.run_command().map_err(|failure| match failure.exit_status() {
            failure::FAILURE => failure.but_with_status(OWN_FAILURE),
            _ => failure,
        })
    }

    fn run_command(&self) -> Result<i32, Failure> {
        let client = self.options.client()?;
        match &self.token_file {
            Some(path) => self.run_with_file(&client, path),
            None => self.run_with_variable(&client),
        }
    }

    fn run_with_variable(&self, client: &Client) -> Result<i32, Failure> {
        let token = progress::during("a token", client.total_timeout(), || client.acquire())?;
        let mut command = self.command();
        command.env(VARIABLE, token.value()).env_remove(FILE_VARIABLE);
        // A request behind the token, which was due, would be lost with this process, and the token of a day with it.
        tango_token::wait_for_requests();
        // The lines of the log that wait.
        tango_token::log_to_stderr(LogLevel::Off, LogFormat::Text)?;
        system::become_or_run(command)
    }

    fn run_with_file(&self, client: &Client, path: &std::path::Path) -> Result<i32, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = progress::during("a token", client.total_timeout(), || client.acquire())?;
        let mut command = self.command();
        command.env(FILE_VARIABLE, std::path::absolute(path)?).env_remove(VARIABLE);
        runtime.block_on(async {
            // Before the command starts, so that none of its time is without the handlers.
            let signals = Signals::listen()?;
            let file = TokenFile::create(path, token)?;
            let child = match tokio::process::Command::from(command).spawn() {
                Ok(child) => child,
                Err(error) => return not_started(&self.command[0], &error),
            };
            tokio::select! {
                status = wait(child, signals) => Ok(system::exit_status(status?)),
                never = file.keep_fresh(client) => match never {},
            }
        })
    }

    /// Returns the command without its token.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        for name in SECRETS {
            command.env_remove(name);
        }
        command
    }
}

/// Passes signals on until the command ends. What a signal does is for the command to decide.
async fn wait(mut child: Child, mut signals: Signals) -> io::Result<std::process::ExitStatus> {
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

/// Returns the failure of a command that does not start, with the status that a shell has for it.
fn not_started(program: &OsString, error: &io::Error) -> Result<i32, Failure> {
    let status = if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    Err(Failure::with_status(status, format!("cannot run {}: {error}", program.display())))
}
