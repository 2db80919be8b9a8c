//! `tango-sandbox`: a local Tango authorization server and a small protected API over TLS.
//!
//! It is written from the documentation and the RFCs alone. It shares no code with the library that is tested against
//! it, so that one mistake cannot hide on both sides.
#![forbid(unsafe_code)]

mod access_token;
mod api;
mod authorization;
mod certificate;
mod clock;
mod connection_fault;
mod control;
mod dpop;
mod environment;
mod exchange;
mod fault;
mod feed;
mod files;
mod form;
mod gate;
mod get;
mod inspector;
mod listener;
mod log;
mod options;
mod paths;
mod quota;
mod random;
mod record;
mod run;
mod sandbox;
mod script;
mod serve;
mod server;
mod signals;
mod switches;
mod tango_error;
mod token_endpoint;

use std::error::Error;

use clap::Parser;

use crate::options::{Command, CommandLine};

const FAILURE: i32 = 1;
/// Exit status of `run` when the server fails, as `env` and `timeout` have it: the command may itself end with 1.
const RUN_FAILURE: i32 = 125;

fn main() {
    let command_line = CommandLine::parse();
    let failure = if matches!(command_line.command, Some(Command::Run(_))) { RUN_FAILURE } else { FAILURE };
    let status = execute(command_line).unwrap_or_else(|error| {
        log::complain(&error.to_string());
        failure
    });
    // Not an `ExitCode`: that one is too small for the exit codes of Windows.
    std::process::exit(status);
}

/// Returns the exit status. One thread is enough, and makes the order of events the same in each run.
fn execute(command_line: CommandLine) -> Result<i32, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command_line.command {
        Some(Command::Run(options)) => runtime.block_on(run::run(*options)),
        Some(Command::Get(options)) => runtime.block_on(get::get(&options)).map(|()| 0),
        None => runtime.block_on(serve::serve(command_line.serve)).map(|()| 0),
    }
}
