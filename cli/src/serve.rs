//! A local HTTP server that gives tokens and headers to the programs of one user.
//!
//! One client serves all callers, so that they share its single flight. Nothing that a caller does stops the server:
//! requests are short and limited in time, and a connection that is not waiting for a token makes room for a new one.

mod bearer;
mod connections;
mod guard;
mod listener;
mod resources;
mod response;
mod signals;
#[cfg(unix)]
mod unix_socket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tango_token::Client;

use crate::failure::Failure;
use crate::output;
use connections::Connections;
use listener::Listener;
use resources::Resources;
use signals::Signals;

/// A request that is under way may take a little longer than its timeout says.
const SLACK: Duration = Duration::from_secs(1);

/// Where to serve, as the command line says.
pub struct Place {
    #[cfg_attr(windows, expect(dead_code, reason = "on Windows it serves on ports alone"))]
    pub socket: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub bearer_file: Option<PathBuf>,
}

/// Serves until a signal ends it. Then no connection is accepted any more, and callers that wait get their responses.
pub async fn run(client: Client, place: Place) -> Result<(), Failure> {
    // Before anything is written: a reader of the first line may ask for the end at once.
    let mut signals = Signals::listen()?;
    let patience = client.total_timeout();
    let listeners = Listener::open_all(&place)?;
    let (connections, resources) = (Connections::new(), Arc::new(Resources::new(client)));
    let mut accepting = tokio::task::JoinSet::new();
    for listener in &listeners {
        output::line(listener.name())?;
    }
    // Their files are removed when this ends.
    let _files: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let (sockets, guard, files) = listener.into_parts();
            accepting.spawn(connections.clone().accept(sockets, Arc::new(guard), Arc::clone(&resources)));
            files
        })
        .collect();
    signals.next().await;
    accepting.shutdown().await;
    // A second signal ends it at once.
    tokio::select! {
        () = connections.finish(patience + SLACK) => (),
        () = signals.next() => (),
    }
    Ok(())
}
