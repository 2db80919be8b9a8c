//! Sends the library's log events to Python's logger `tango_token`. No record contains a secret.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tango_token::callback_threads::{LogLine, LogReceiver, set_log_receiver};
use tracing::Level;

use crate::attach::attach;

static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Connects the log to Python's `logging`, once.
///
/// Called when a client is created, so that `logging` is imported on the caller's thread: on the log thread a fork
/// could happen in the middle of the import.
pub fn connect(py: Python<'_>) -> PyResult<()> {
    LOGGER.get_or_try_init(py, || {
        let logging = py.import("logging")?;
        let logger = logging.call_method1("getLogger", ("tango_token",))?;
        // Libraries do this, so that a program without a configuration of `logging` has none of their lines on stderr.
        logger.call_method1("addHandler", (logging.call_method0("NullHandler")?,))?;
        // This module has its own copy of `tracing`, so no other code can have set a subscriber.
        let _ = set_log_receiver(Some(Box::new(PythonLogger)));
        Ok::<_, PyErr>(logger.unbind())
    })?;
    Ok(())
}

struct PythonLogger;

impl LogReceiver for PythonLogger {
    /// The logger decides on the log thread: to ask it needs the GIL.
    fn wants(&self, _: Level) -> bool {
        true
    }

    fn receive(&self, line: LogLine) {
        attach(|py| {
            if let Err(error) = deliver(py, &line) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Hands a record to the logger's handlers.
///
/// `makeRecord` is called directly because `Logger.log` would look for its caller on the Python stack. The record has
/// no arguments, so a percent sign in the message is not a placeholder.
fn deliver(py: Python<'_>, line: &LogLine) -> PyResult<()> {
    let Some(logger) = LOGGER.get(py).map(|logger| logger.bind(py)) else { return Ok(()) };
    let level = number(line.level);
    if logger.call_method1("isEnabledFor", (level,))?.is_truthy()? {
        let arguments = ("tango_token", level, line.file, line.line, &line.text, (), py.None());
        let record = logger.call_method1("makeRecord", arguments)?;
        logger.call_method1("handle", (record,))?;
    }
    Ok(())
}

/// Returns the level of Python's `logging`, which has none below `DEBUG`.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG | Level::TRACE => 10,
    }
}
