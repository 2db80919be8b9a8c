//! The log for programs that do not use `tracing`: events become lines, which the log thread hands to the receiver that
//! the program has set, and otherwise writes to stderr.

mod format;
mod level;
mod line;
mod stderr;

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tracing::dispatcher::get_default;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};

use crate::callbacks;
use crate::error::{Error, Status};
use crate::process::ProcessLocal;
pub use level::{LogFormat, LogLevel};
pub use line::{LogField, LogLine, LogValue};
use stderr::Setting;

/// The part of a program that receives the log.
pub trait LogReceiver: Send + Sync + 'static {
    /// Returns whether lines of this level are wanted. Called on any thread, so it must not block.
    fn wants(&self, level: Level) -> bool;

    /// Called on the log thread, one line after the other. Lines that the library would log from inside it are dropped.
    /// Returns whether the program took the line. One that it did not take is written to stderr, if lines of its level
    /// are.
    fn receive(&self, line: &LogLine) -> bool;
}

/// An atomic pointer, because a forked child could inherit a lock while it is locked.
static RECEIVER: ArcSwapOption<Box<dyn LogReceiver>> = ArcSwapOption::const_empty();

/// A receiver or a reader of stderr that hangs must not block the program that replaces it or ends.
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

/// Writes the log of the process to stderr, up to a level. Each line is written on the log thread, which alone waits
/// for a slow reader: while 1,000 lines wait, further ones are dropped and counted. No line contains a secret.
///
/// For programs that do not use [`tracing`]; a subscriber of `tracing` receives the same lines without this function.
/// Fails with [`Status::InvalidConfiguration`] if one is set already. [`LogLevel::Off`] turns the log off, after at
/// most a second in which lines that wait are written: a program that ends with [`std::process::exit`] or returns from
/// `main` calls that before, or [`wait_at_exit`](crate::wait_at_exit) at its start, to see its last lines.
pub fn log_to_stderr(level: LogLevel, format: LogFormat) -> Result<(), Error> {
    if level != LogLevel::Off {
        install()?;
    }
    if stderr::is_on() {
        callbacks::drain_log(MAX_DRAIN);
    }
    stderr::set(Setting { level, format });
    Ok(())
}

/// Writes the log of the process to stderr as the variables `TANGO_LOG` (a level) and `TANGO_LOG_FORMAT` (`text` or
/// `json`) say. Does nothing if `TANGO_LOG` is not set, or has been read before. A value that is none of these is
/// reported on stderr.
///
/// The C interface and the bindings do this with the first client or key. A Rust program calls it if it has no
/// subscriber of [`tracing`]; with one, it fails as [`log_to_stderr`] does.
pub fn log_to_stderr_from_env() -> Result<(), Error> {
    let Some(setting) = stderr::read_variables() else { return Ok(()) };
    if setting.level != LogLevel::Off {
        install()?;
    }
    stderr::set_from_variables(setting);
    Ok(())
}

/// Returns whether lines of any level are written to stderr.
pub(crate) fn is_on_stderr() -> bool {
    stderr::is_on()
}

/// Waits until the lines that wait are written to stderr, for at most a second.
pub(crate) fn flush_stderr() {
    if stderr::is_on() {
        callbacks::drain_log(MAX_DRAIN);
    }
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
        is_ours(metadata) && is_wanted(*metadata.level())
    }

    fn event(&self, event: &Event<'_>) {
        // A receiver that makes the library log would otherwise be called again, without end.
        if is_in_log_receiver() {
            return;
        }
        let line = LogLine::of(event);
        let level = line.level;
        let dropped = DROPPED.get();
        let earlier = dropped.lock().take();
        let is_queued = callbacks::log(move || {
            if let Some(lines) = earlier {
                deliver(&lines.report());
            }
            deliver(&line);
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
        LogLine {
            time: SystemTime::now(),
            level: self.level.max(Level::WARN),
            target: module_path!(),
            file: file!(),
            line: line!(),
            message: format!("{} log lines were dropped: their receiver is too slow", self.count),
            fields: Vec::new(),
        }
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

/// Hands a line to its one place. Runs on the log thread. The receiver may have been replaced since the line was
/// logged.
fn deliver(line: &LogLine) {
    IS_INSIDE.set(true);
    let receiver = RECEIVER.load();
    let is_taken = receiver.as_ref().is_some_and(|receiver| receiver.wants(line.level) && receiver.receive(line));
    if !is_taken && stderr::wants(line.level) {
        stderr::write(line);
    }
    IS_INSIDE.set(false);
}

fn is_wanted(level: Level) -> bool {
    RECEIVER.load().as_ref().is_some_and(|receiver| receiver.wants(level)) || stderr::wants(level)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tango_token")
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
            (report.level, &*report.message),
            (Level::INFO, "4 log lines were dropped: their receiver is too slow")
        );
        dropped.add(None, Level::ERROR);
        assert_eq!(dropped.lock().take().unwrap().report().level, Level::WARN);
    }
}
