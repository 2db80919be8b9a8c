//! The signals of a console: Ctrl-C, Ctrl-Break, the close of its window, and the end of the session.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

/// Listens from its creation on, so that no signal is missed between the start of the program and [`Signals::next`].
pub struct Signals {
    ctrl_c: CtrlC,
    ctrl_break: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

/// A signal that asks a process to end.
pub struct StopSignal;

impl Signals {
    /// Installs the handler.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
    }

    /// Returns the next signal.
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.ctrl_c.recv() => StopSignal,
            _ = self.ctrl_break.recv() => StopSignal,
            _ = self.close.recv() => StopSignal,
            _ = self.shutdown.recv() => StopSignal,
        }
    }
}

impl StopSignal {
    /// Does nothing: the console sends each of them to all of its processes.
    #[expect(clippy::unused_self, reason = "the signature of Unix")]
    pub fn forward(self, _child_pid: u32) {}
}
