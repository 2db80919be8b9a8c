//! What ends the process: SIGINT, SIGTERM, or the end of standard input.

use std::io;

use tokio::sync::oneshot;

/// Listens from its creation on, so that nothing is missed between the start and [`Shutdown::requested`].
pub struct Shutdown {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    stdin_closed: Option<oneshot::Receiver<()>>,
}

impl Shutdown {
    /// Installs the signal handlers and, if wanted, watches standard input.
    pub fn listen(until_stdin_closes: bool) -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            stdin_closed: if until_stdin_closes { Some(watch_stdin()?) } else { None },
        })
    }

    /// Resolves when the process should end.
    pub async fn requested(mut self) {
        let stdin_closed = async {
            match self.stdin_closed.take() {
                Some(closed) => drop(closed.await),
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            () = stdin_closed => (),
        }
        #[cfg(not(unix))]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => (),
            () = stdin_closed => (),
        }
    }
}

/// Reads standard input to its end on a thread of its own: a blocking read inside the runtime could not be given up,
/// and would hold the process after a signal.
fn watch_stdin() -> io::Result<oneshot::Receiver<()>> {
    let (closed, receiver) = oneshot::channel();
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        // An input that cannot be read is closed as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = closed.send(());
    })?;
    Ok(receiver)
}
