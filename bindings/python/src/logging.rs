//! The library's log as records of Python's logger `tango_token`. No record holds a secret.

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
    /// Whether this thread is handing over a record.
    static DELIVERING: Cell<bool> = const { Cell::new(false) };
}

/// Connects the log with Python's. Called on a thread of the program: `logging` is imported here, and not on the
/// library's thread, which a fork could meet in the middle of an import.
pub fn connect(py: Python<'_>) -> PyResult<()> {
    LOGGER.get_or_try_init(py, || {
        let logger = py.import("logging")?.call_method1("getLogger", ("tango_token",))?;
        // This module has its own copy of `tracing`, so nobody else can have set it.
        let _ = set_global_default(ToPython);
        Ok::<_, PyErr>(logger.unbind())
    })?;
    Ok(())
}

/// Whether this thread is inside a log handler, and perhaps the very thread that brings tokens.
pub fn is_delivering() -> bool {
    DELIVERING.get()
}

struct ToPython;

impl Subscriber for ToPython {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target().starts_with("tango_token") { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tango_token")
    }

    fn event(&self, event: &Event<'_>) {
        // What a handler makes the library log would come back to it, again and again.
        if DELIVERING.get() {
            return;
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        DELIVERING.set(true);
        attach(|py| {
            if let Err(error) = deliver(py, event.metadata(), &line.0) {
                error.write_unraisable(py, None);
            }
        });
        DELIVERING.set(false);
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

/// The record is made here, because Python would look for the caller on its own stack. It has no arguments, so that a
/// percent sign of the text is left alone.
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

/// The levels of Python's `logging`, which has none below `DEBUG`.
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
