//! The log for programs that do not use `tracing`: events become lines, which one receiver gets on the log thread.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tracing::dispatcher::get_default;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};

use crate::callbacks;
use crate::error::{Error, Status};
use crate::process::ProcessLocal;

/// One line of the log. It contains no secret.
pub struct LogLine {
    /// How important the line is.
    pub level: Level,
    /// The file of the source that logged it.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
    /// The message and the fields.
    pub text: String,
}

/// The part of a program that receives the log.
pub trait LogReceiver: Send + Sync + 'static {
    /// Returns whether lines of this level are wanted. Called on any thread, so it must not block.
    fn wants(&self, level: Level) -> bool;

    /// Called on the log thread, one line after the other. Lines that the library would log from inside it are dropped.
    fn receive(&self, line: LogLine);
}

/// An atomic pointer, because a forked child could inherit a lock while it is locked.
static RECEIVER: ArcSwapOption<Box<dyn LogReceiver>> = ArcSwapOption::const_empty();

/// A receiver that hangs must not block the program that replaces it.
const MAX_DRAIN: Duration = Duration::from_secs(1);

/// Sends the log of the process to this receiver. An earlier one first gets the lines that wait for it, unless that
/// takes longer than a second.
pub fn set_log_receiver(receiver: Option<Box<dyn LogReceiver>>) -> Result<(), Error> {
    if receiver.is_some() {
        install()?;
    }
    if RECEIVER.load().is_some() {
        callbacks::drain_log(MAX_DRAIN);
    }
    RECEIVER.store(receiver.map(Arc::new));
    Ok(())
}

/// Installs the one subscriber of the process.
fn install() -> Result<(), Error> {
    let is_ours = || get_default(tracing::Dispatch::is::<ToReceiver>);
    if is_ours() || set_global_default(ToReceiver).is_ok() || is_ours() {
        return Ok(());
    }
    let problem = "another part of this program already receives the log, through Rust's `tracing`";
    Err(Error::new(Status::InvalidConfiguration, problem))
}

struct ToReceiver;

impl Subscriber for ToReceiver {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata) && RECEIVER.load().as_ref().is_some_and(|receiver| receiver.wants(*metadata.level()))
    }

    fn event(&self, event: &Event<'_>) {
        // A receiver that makes the library log would otherwise be called again, without end.
        if is_in_log_receiver() {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        let metadata = event.metadata();
        let level = *metadata.level();
        let line = LogLine {
            level,
            file: metadata.file().unwrap_or_default(),
            line: metadata.line().unwrap_or_default(),
            text: text.0,
        };
        let dropped = DROPPED.get();
        let earlier = dropped.lock().take();
        let is_queued = callbacks::log(move || {
            if let Some(lines) = earlier {
                deliver(lines.report());
            }
            deliver(line);
        });
        if !is_queued {
            dropped.add(earlier, level);
        }
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

static DROPPED: ProcessLocal<Dropped> = ProcessLocal::new();

/// The lines that were dropped since the last one that was not.
#[derive(Default)]
struct Dropped(Mutex<Option<DroppedLines>>);

#[derive(Clone, Copy)]
struct DroppedLines {
    count: u64,
    /// The level of the most important one.
    level: Level,
}

impl Dropped {
    fn lock(&self) -> MutexGuard<'_, Option<DroppedLines>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one line, and `earlier` ones that could not be reported.
    fn add(&self, earlier: Option<DroppedLines>, level: Level) {
        let mut dropped = self.lock();
        let lines = [*dropped, earlier].into_iter().flatten();
        *dropped = Some(lines.fold(DroppedLines { count: 1, level }, |sum, lines| DroppedLines {
            count: sum.count + lines.count,
            level: sum.level.min(lines.level),
        }));
    }
}

impl DroppedLines {
    fn report(self) -> LogLine {
        let text = format!("{} log lines were dropped: the log handler is too slow", self.count);
        LogLine { level: self.level.max(Level::WARN), file: file!(), line: line!(), text }
    }
}

thread_local! {
    /// Whether this thread is inside the receiver.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether this thread is inside the receiver of the log.
pub fn is_in_log_receiver() -> bool {
    IS_INSIDE.get()
}

/// Runs on the log thread. The receiver may have been replaced since the line was logged.
fn deliver(line: LogLine) {
    if let Some(receiver) = &*RECEIVER.load()
        && receiver.wants(line.level)
    {
        IS_INSIDE.set(true);
        receiver.receive(line);
        IS_INSIDE.set(false);
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tango_token")
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lines_are_added_up_and_reported_with_their_importance() {
        let dropped = Dropped::default();
        dropped.add(None, Level::DEBUG);
        dropped.add(None, Level::INFO);
        let earlier = dropped.lock().take();
        dropped.add(None, Level::DEBUG);
        dropped.add(earlier, Level::DEBUG);
        let report = dropped.lock().take().unwrap().report();
        assert_eq!(
            (report.level, &*report.text),
            (Level::INFO, "4 log lines were dropped: the log handler is too slow")
        );
        dropped.add(None, Level::ERROR);
        assert_eq!(dropped.lock().take().unwrap().report().level, Level::WARN);
    }
}
