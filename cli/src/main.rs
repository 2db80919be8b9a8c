//! `tango-token`: tokens of the Tango API for scripts, cron jobs and terminals.
//!
//! A thin layer on the library: each command is one file in `commands`. Secrets come from files, variables or standard
//! input, never from the command line, which other users of the machine can read.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod commands;
mod confirmation;
mod failure;
mod files;
mod flags;
mod input;
mod options;
mod output;
mod profile;
mod progress;
mod serve;
mod shell;
mod signals;
mod times;

use clap::Parser;
use tango_token::{LogFormat, LogLevel};

use crate::arguments::CommandLine;
use crate::failure::Failure;

fn main() {
    // Before a secret is read. A command that `exec` starts has the usual setting again.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
    let status = flags::refuse_secrets(std::env::args_os()).and_then(|()| run()).unwrap_or_else(|failure| {
        failure.report();
        failure.exit_status()
    });
    // Not an `ExitCode`: that one is too small for the exit codes of Windows.
    std::process::exit(status);
}

/// A token is zeroised when its memory is freed, also where the HTTP client or the output had a copy of it.
#[global_allocator]
static ALLOCATOR: tango_token::ZeroizingAllocator = tango_token::ZeroizingAllocator;

/// Returns the exit status.
fn run() -> Result<i32, Failure> {
    let command_line = CommandLine::parse();
    // A token that is requested behind the one that is printed would be lost, and the quota of a day with it.
    tango_token::wait_at_exit();
    if command_line.global.verbose {
        tango_token::log_to_stderr(LogLevel::Debug, LogFormat::Text)?;
    } else {
        tango_token::log_to_stderr_from_env()?;
    }
    command_line.global.choice.clone().choose();
    commands::run(command_line)
}
