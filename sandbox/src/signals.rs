//! The signals that end the server, or are passed on to the command of `run`: SIGINT and SIGTERM, and on Windows those
//! of the console.

#[cfg_attr(unix, path = "signals/unix.rs")]
#[cfg_attr(windows, path = "signals/windows.rs")]
mod system;

pub use system::Signals;
