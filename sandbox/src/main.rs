//! `tango-sandbox`: a local Tango authorization server and a small protected API over TLS.
//!
//! It is an implementation of its own, written from the documentation and the RFCs: it shares no code with the library
//! that is tested against it, so that one mistake cannot hide on both sides.
#![forbid(unsafe_code)]

mod access_token;
mod api;
mod authorization;
mod certificate;
mod clock;
mod control;
mod dpop;
mod environment;
mod exchange;
mod fault;
mod files;
mod form;
mod get;
mod listener;
mod log;
mod options;
mod quota;
mod random;
mod record;
mod sandbox;
mod script;
mod shutdown;
mod tango_error;
mod token_endpoint;

use std::error::Error;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::environment::Environment;
use crate::files::Artifacts;
use crate::options::{Command, Options};
use crate::sandbox::Sandbox;
use crate::shutdown::Shutdown;

fn main() -> ExitCode {
    match start(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`: it panics when standard error is closed.
            let _ = writeln!(io::stderr(), "tango-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread is enough, and makes the order of events the same in each run.
fn start(mut options: Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match options.command.take() {
        Some(Command::Get(get)) => runtime.block_on(get::run(&get)),
        None => runtime.block_on(run(options)),
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // Before anything is printed: whoever reads the first line may already ask for the end.
    let shutdown = Shutdown::listen(options.lifetime.until_stdin_closes)?;
    let artifacts = Artifacts::prepare(&options.output)?;

    let host = options.listen.host.as_str();
    let tls = TcpListener::bind((host, options.listen.port))
        .await
        .map_err(|error| format!("cannot listen on {host} port {}: {error}", options.listen.port))?;
    let control = TcpListener::bind((Ipv4Addr::LOCALHOST, options.listen.control_port))
        .await
        .map_err(|error| format!("cannot listen on control port {}: {error}", options.listen.control_port))?;

    let identity = certificate::generate(host)?;
    artifacts.write_ca(&identity.ca_pem)?;
    let environment = Environment {
        host,
        port: tls.local_addr()?.port(),
        control_port: control.local_addr()?.port(),
        ca_file: artifacts.ca_file(),
        credentials: &options.credentials,
    };
    let (authority, environment) = (environment.authority(), environment.to_string());

    let sandbox = Arc::new(Sandbox::new(options.credentials, options.behaviour, &options.dpop, &authority));
    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config));
    let counted = Arc::clone(&sandbox);
    tokio::spawn(listener::serve(tls, Some(acceptor), exchange::router(Arc::clone(&sandbox)), move || {
        counted.memory().statistics.connections += 1;
    }));
    tokio::spawn(listener::serve(control, None, control::router(sandbox), || ()));

    artifacts.write_env(&environment)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(environment.as_bytes())?;
    stdout.flush()?;
    drop(stdout);

    shutdown.requested().await;
    Ok(())
}
