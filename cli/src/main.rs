//! `tango-token`: tokens of the Tango API for scripts, cron jobs and terminals.
//!
//! A thin layer on the library: each command is one file in `commands`. Secrets come from files, variables or standard
//! input, never from the command line, which other users of the machine can read.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod commands;
mod failure;
mod files;
mod flags;
mod input;
mod options;
mod output;
mod progress;
mod shell;
mod verbose;

use clap::Parser;

use crate::arguments::CommandLine;

fn main() {
    let command_line = CommandLine::parse();
    if command_line.global.verbose {
        verbose::log_to_stderr();
    }
    let status = commands::run(command_line).unwrap_or_else(|failure| {
        failure.report();
        failure.exit_status()
    });
    // Not an `ExitCode`: that one is too small for the exit codes of Windows.
    std::process::exit(status);
}
