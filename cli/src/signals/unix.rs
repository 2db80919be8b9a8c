//! The signals by which a process is stopped, reloaded or told something.

use std::fs::{self, File};
use std::io;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

const PASSED_ON: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];
/// Those that the keys of a terminal, or its end, send to all processes in its foreground.
const OF_A_TERMINAL: [Signal; 3] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT];

/// Listens from its creation on, so that no signal is missed between the start of the program and [`Signals::next`].
pub struct Signals(mpsc::Receiver<Signal>);

/// A signal that was caught.
pub struct Caught(Signal);

impl Signals {
    /// Installs the signal handlers.
    pub fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(PASSED_ON.len());
        let ignored = ignored();
        // A handler would undo `nohup`: the command would get the signal, and would not inherit that it is ignored.
        for number in PASSED_ON.into_iter().filter(|number| ignored >> (*number as i32 - 1) & 1 == 0) {
            let mut signals = signal(SignalKind::from_raw(number as i32))?;
            let sender = sender.clone();
            tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(number).await.is_ok() {} });
        }
        Ok(Self(receiver))
    }

    /// Returns the next signal.
    pub async fn next(&mut self) -> Caught {
        match self.0.recv().await {
            Some(signal) => Caught(signal),
            None => std::future::pending().await,
        }
    }
}

impl Caught {
    /// Passes the signal on to a child process, unless the terminal has sent it there already.
    pub fn forward(&self, child_pid: u32) {
        // A second Ctrl-C makes many programs skip their clean-up.
        if OF_A_TERMINAL.contains(&self.0) && is_in_foreground() {
            return;
        }
        if let Ok(pid) = i32::try_from(child_pid) {
            // A child that has just ended needs no signal.
            let _ = kill(Pid::from_raw(pid), self.0);
        }
    }
}

/// Returns the signals that this process was started to ignore, the first one in the lowest bit. Only Linux tells that
/// without unsafe code.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Returns whether the keys of a terminal send their signals to this process and its children.
fn is_in_foreground() -> bool {
    let foreground = File::open("/dev/tty").ok().and_then(|terminal| tcgetpgrp(terminal).ok());
    foreground == Some(getpgrp())
}
