//! `tango-sandbox` without a subcommand: serves until a signal comes or standard input ends.

use std::error::Error;
use std::io::{self, Write};

use tokio::sync::oneshot;

use crate::environment::Environment;
use crate::files::EnvFile;
use crate::options::{Format, ServeOptions};
use crate::server::Server;
use crate::signals::Signals;

/// Starts the server, says where it is, and waits for the end.
pub async fn serve(options: ServeOptions) -> Result<(), Box<dyn Error>> {
    // Before anything is written: a reader of the variables may ask for the end at once.
    let mut signals = Signals::listen()?;
    let stdin_end = if options.until_stdin_closes { Some(watch_stdin()?) } else { None };
    let env_file = options.env_file.map(EnvFile::prepare).transpose()?;

    let server = Server::start(options.server).await?;
    let variables = written(&server.environment, options.format);
    match &env_file {
        Some(file) => file.write(&variables)?,
        None => print(&variables)?,
    }

    let stdin_end = async {
        match stdin_end {
            Some(end) => drop(end.await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signals.next() => (),
        () = stdin_end => (),
    }
    Ok(())
}

fn written(environment: &Environment, format: Format) -> String {
    match format {
        Format::Shell => environment.to_shell(),
        Format::Json => environment.to_json(),
    }
}

fn print(variables: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(variables.as_bytes())?;
    stdout.flush()
}

/// Reads standard input to its end on a thread of its own: the runtime could not abandon a blocking read, which would
/// keep the process alive after a signal.
fn watch_stdin() -> io::Result<oneshot::Receiver<()>> {
    let (ended, receiver) = oneshot::channel();
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        // An input that cannot be read has ended as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    })?;
    Ok(receiver)
}
