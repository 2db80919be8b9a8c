//! The signals of a console. It sends each of them to all of its processes, so there is nothing to pass on.

use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

/// Listens from its creation on, so that the command decides what a signal does.
pub struct Signals {
    ctrl_c: CtrlC,
    ctrl_break: CtrlBreak,
    close: CtrlClose,
}

/// A signal that was caught.
pub struct Caught;

impl Signals {
    /// Installs the handler.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, close: ctrl_close()? })
    }

    /// Returns the next signal.
    pub async fn next(&mut self) -> Caught {
        tokio::select! {
            _ = self.ctrl_c.recv() => Caught,
            _ = self.ctrl_break.recv() => Caught,
            _ = self.close.recv() => Caught,
        }
    }
}

impl Caught {
    /// Does nothing: the console did it.
    #[expect(clippy::unused_self, reason = "the signature of Unix")]
    pub fn forward(&self, _child_pid: u32) {}
}
