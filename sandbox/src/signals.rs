//! SIGINT and SIGTERM (on Windows Ctrl-C): they end the server, or are passed on to the command of `run`.

use std::io;

/// Listens from its creation on, so that no signal is missed between the start of the program and [`Signals::next`].
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    Interrupt,
    #[cfg(unix)]
    Terminate,
}

impl Signals {
    /// Installs the signal handlers.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Returns the next signal.
    #[cfg(unix)]
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
        }
    }

    /// Returns the next signal.
    #[cfg(not(unix))]
    pub async fn next(&mut self) -> StopSignal {
        let _ = tokio::signal::ctrl_c().await;
        StopSignal::Interrupt
    }
}

impl StopSignal {
    /// Passes the signal on to a child process, unless the terminal has sent it there already.
    #[cfg(unix)]
    pub fn forward(self, child_pid: u32) {
        use nix::sys::signal::{Signal, kill};
        let signal = match self {
            // Ctrl-C goes to the whole foreground process group. A second one makes many programs skip their clean-up.
            Self::Interrupt if is_in_foreground() => return,
            Self::Interrupt => Signal::SIGINT,
            Self::Terminate => Signal::SIGTERM,
        };
        if let Ok(pid) = i32::try_from(child_pid) {
            // A child that has just ended needs no signal.
            let _ = kill(nix::unistd::Pid::from_raw(pid), signal);
        }
    }

    /// Does nothing: the console sends Ctrl-C to each of its processes.
    #[cfg(not(unix))]
    pub fn forward(self, _child_pid: u32) {}
}

/// Returns whether the keys of a terminal send their signals to this process and its children.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    let foreground = std::fs::File::open("/dev/tty").ok().and_then(|terminal| nix::unistd::tcgetpgrp(terminal).ok());
    foreground == Some(nix::unistd::getpgrp())
}
