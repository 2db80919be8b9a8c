//! SIGINT and SIGTERM.

use std::fs::File;
use std::io;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use tokio::signal::unix::{self, SignalKind, signal};

/// Listens from its creation on, so that no signal is missed between the start of the program and [`Signals::next`].
pub struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    Interrupt,
    Terminate,
}

impl Signals {
    /// Installs the signal handlers.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns the next signal.
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
        }
    }
}

impl StopSignal {
    /// Passes the signal on to a child process, unless the terminal has sent it there already.
    pub fn forward(self, child_pid: u32) {
        let signal = match self {
            // Ctrl-C goes to the whole foreground process group. A second one makes many programs skip their clean-up.
            Self::Interrupt if is_in_foreground() => return,
            Self::Interrupt => Signal::SIGINT,
            Self::Terminate => Signal::SIGTERM,
        };
        if let Ok(pid) = i32::try_from(child_pid) {
            // A child that has just ended needs no signal.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Returns whether the keys of a terminal send their signals to this process and its children.
fn is_in_foreground() -> bool {
    let foreground = File::open("/dev/tty").ok().and_then(|terminal| tcgetpgrp(terminal).ok());
    foreground == Some(getpgrp())
}
