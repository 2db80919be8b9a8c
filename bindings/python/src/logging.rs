//! Sends the library's log events to Python's logger `tango_token`. No record contains a secret.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use tango_token::callback_threads::{LogLine, LogReceiver, LogValue, set_log_receiver};
use tango_token::{LogFormat, LogLevel};
use tracing::Level;

use crate::attach::{attach, register_hooks};

static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Connects the log to Python's `logging`, once, and to stderr if the variable `TANGO_LOG` is set.
///
/// Called when a client or a key is created, so that `logging` is imported on the caller's thread: on the log thread a fork
/// could happen in the middle of the import.
pub fn connect(py: Python<'_>) -> PyResult<()> {
    LOGGER.get_or_try_init(py, || {
        let logging = py.import("logging")?;
        let logger = logging.call_method1("getLogger", ("tango_token",))?;
        // Libraries do this, so that a program without a configuration of `logging` has none of their lines on stderr.
        logger.call_method1("addHandler", (logging.call_method0("NullHandler")?,))?;
        // This module has its own copy of `tracing`, so no other code can have set a subscriber.
        let _ = set_log_receiver(Some(Box::new(PythonLogger)));
        let _ = tango_token::log_to_stderr_from_env();
        // Python calls `before` hooks of a fork in reverse order of registration, and ours must run before that of
        // `logging`, which takes its lock. So `logging` is imported first.
        register_hooks(py)?;
        Ok::<_, PyErr>(logger.unbind())
    })?;
    Ok(())
}

/// Writes the log of the whole process to stderr, up to a level.
///
/// Records that handlers of the logger ``tango_token`` take are not written. Without this call the environment variables
/// ``TANGO_LOG``, a level, and ``TANGO_LOG_FORMAT``, ``text`` or ``json``, decide.
///
/// Args:
///     level: ``"error"``, ``"warn"``, ``"info"``, ``"debug"``, ``"trace"``, or ``"off"``, which stops it.
///     format: ``"text"``, or ``"json"`` for one JSON object in each line.
///
/// Raises:
///     ValueError: the level or the format is another one.
#[pyfunction]
#[pyo3(signature = (level, format = "text"))]
pub fn log_to_stderr(py: Python<'_>, level: &str, format: &str) -> PyResult<()> {
    let wrong = |error: tango_token::Error| PyValueError::new_err(error.message().to_owned());
    let level: LogLevel = level.parse().map_err(wrong)?;
    let format: LogFormat = format.parse().map_err(wrong)?;
    connect(py)?;
    // A handler that needs the GIL may have the line that this waits for.
    crate::attach::detached(py, || tango_token::log_to_stderr(level, format)).map_err(wrong)
}

struct PythonLogger;

impl LogReceiver for PythonLogger {
    /// The logger decides on the log thread: to ask it needs the GIL.
    fn wants(&self, _: Level) -> bool {
        true
    }

    fn receive(&self, line: &LogLine) -> bool {
        let taken = attach(|py| {
            deliver(py, line).unwrap_or_else(|error| {
                error.write_unraisable(py, None);
                // A handler that failed had the record.
                true
            })
        });
        taken.unwrap_or(false)
    }
}

/// Hands a record to the logger's handlers. Returns whether there is one that takes it.
///
/// `makeRecord` is called directly because `Logger.log` would look for its caller on the Python stack. The record has
/// no arguments, so a percent sign in the message is not a placeholder.
fn deliver(py: Python<'_>, line: &LogLine) -> PyResult<bool> {
    let Some(logger) = LOGGER.get(py).map(|logger| logger.bind(py)) else { return Ok(false) };
    let level = number(line.level);
    if !logger.call_method1("isEnabledFor", (level,))?.is_truthy()? || !has_handler(logger, level)? {
        return Ok(false);
    }
    let name = "tango_token";
    let arguments = (name, level, line.file, line.line, line.text(), (), py.None(), py.None(), fields(py, line)?);
    let record = logger.call_method1("makeRecord", arguments)?;
    logger.call_method1("handle", (record,))?;
    Ok(true)
}

/// Returns the fields, which become attributes of the record.
fn fields<'py>(py: Python<'py>, line: &LogLine) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    for field in &line.fields {
        match &field.value {
            LogValue::String(string) => fields.set_item(field.name, string)?,
            LogValue::Signed(number) => fields.set_item(field.name, number)?,
            LogValue::Unsigned(number) => fields.set_item(field.name, number)?,
            LogValue::Bool(value) => fields.set_item(field.name, value)?,
        }
    }
    Ok(fields)
}

/// Returns whether a handler of the logger, or of a logger above it, takes records of this level. `hasHandlers` would
/// count the one that discards all of them.
fn has_handler(logger: &Bound<'_, PyAny>, level: u8) -> PyResult<bool> {
    let discards = logger.py().import("logging")?.getattr("NullHandler")?;
    let mut current = logger.clone();
    while !current.is_none() {
        for handler in current.getattr("handlers")?.try_iter()? {
            let handler = handler?;
            if !handler.is_instance(&discards)? && handler.getattr("level")?.le(level)? {
                return Ok(true);
            }
        }
        if !current.getattr("propagate")?.is_truthy()? {
            return Ok(false);
        }
        current = current.getattr("parent")?;
    }
    Ok(false)
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
