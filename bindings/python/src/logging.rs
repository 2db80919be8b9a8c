//! Sends the library's log events to Python's logger `tango_token`. No record contains a secret.

use std::cell::Cell;
use std::fmt::{self, Write};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};

use crate::attach::attach;

static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

thread_local! {
    /// Whether this thread is running log handlers.
    static IS_IN_HANDLER: Cell<bool> = const { Cell::new(false) };
}

/// Connects the log to Python's `logging`, once.
///
/// Called when a client is created, so that `logging` is imported on the caller's thread: on the library's thread a
/// fork could happen in the middle of the import.
pub fn connect(py: Python<'_>) -> PyResult<()> {
    LOGGER.get_or_try_init(py, || {
        let logging = py.import("logging")?;
        let logger = logging.call_method1("getLogger", ("tango_token",))?;
        // Libraries do this, so that a program without a configuration of `logging` has none of their lines on stderr.
        logger.call_method1("addHandler", (logging.call_method0("NullHandler")?,))?;
        // This module has its own copy of `tracing`, so no other code can have set the subscriber.
        let _ = set_global_default(PythonLogger);
        Ok::<_, PyErr>(logger.unbind())
    })?;
    Ok(())
}

/// Whether this thread is inside a log handler; it may be the library's own thread.
pub fn is_in_handler() -> bool {
    IS_IN_HANDLER.get()
}

struct PythonLogger;

impl Subscriber for PythonLogger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target().starts_with("tango_token") { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tango_token")
    }

    fn event(&self, event: &Event<'_>) {
        // A handler that uses the library would receive the records that it causes, without end.
        if IS_IN_HANDLER.get() {
            return;
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        IS_IN_HANDLER.set(true);
        attach(|py| {
            if let Err(error) = deliver(py, event.metadata(), &line.0) {
                error.write_unraisable(py, None);
            }
        });
        IS_IN_HANDLER.set(false);
    }

    // The library opens no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Hands a record to the logger's handlers.
///
/// `makeRecord` is called directly because `Logger.log` would look for its caller on the Python stack. The record has
/// no arguments, so a percent sign in the message is not a placeholder.
fn deliver(py: Python<'_>, event: &Metadata<'_>, line: &str) -> PyResult<()> {
    let Some(logger) = LOGGER.get(py).map(|logger| logger.bind(py)) else { return Ok(()) };
    let level = number(*event.level());
    if logger.call_method1("isEnabledFor", (level,))?.is_truthy()? {
        let (file, number) = (event.file().unwrap_or(event.target()), event.line());
        let record = logger.call_method1("makeRecord", ("tango_token", level, file, number, line, (), py.None()))?;
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

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
