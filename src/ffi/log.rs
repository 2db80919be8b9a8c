//! The library's log, for programs that do not use `tracing`.

use std::cell::Cell;
use std::ffi::CString;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use libc::{c_char, c_void};
use tracing::dispatcher::get_default;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, set_global_default};
use tracing::{Event, Level, Metadata};

use super::error::ErrorObject;
use super::{guard, invalid};
use crate::callbacks;
use crate::error::{Error, Status};
use crate::process::ProcessLocal;

/// How important a log line is.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum LogLevel {
    /// A problem that a person has to solve.
    Error = 1,
    /// A problem that the library handles, such as a failed refresh.
    Warn = 2,
    /// An event that happens a few times a day, such as a new token.
    Info = 3,
    /// Details that help to find a mistake.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// Receives one line of the log: its `tango_log_level`, and a message that is borrowed until the function returns.
/// Called on the library's callback thread, one line after the other; it must neither throw nor longjmp. Lines that the
/// library would log from inside it are dropped. If it is so slow that 1,000 lines wait, further lines are dropped and
/// counted, and a later line reports how many.
pub type LogCallback = Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

/// Sends the log of the whole process to `callback`, up to `max_level`, a `tango_log_level`. A NULL `callback` stops
/// it.
///
/// No line contains a secret. `user_data` stays the caller's. The function waits for at most one second until the
/// previous callback has received the lines that wait for it: stop the log before the program ends, to see the last
/// ones. A slow call of the previous callback may still be running when this function returns, so keep `user_data`
/// valid until no call can use it. INVALID_ARGUMENT for an unknown level; INVALID_CONFIGURATION if a Rust part of the
/// program already receives the log through `tracing`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_log_set_callback(
    max_level: i32,
    callback: LogCallback,
    user_data: *mut c_void,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        if !(LogLevel::Error as i32..=LogLevel::Trace as i32).contains(&max_level) {
            return Err(invalid("max_level", &format!("{max_level} is not known")));
        }
        if callback.is_some() {
            install()?;
        }
        if SINK.load().is_some() {
            callbacks::drain(MAX_DRAIN);
        }
        SINK.store(callback.map(|callback| Sink { callback, user_data, max_level }.into()));
        Ok(())
    })
}

static SINK: ArcSwapOption<Sink> = ArcSwapOption::const_empty();

/// The lines that were dropped since the last one that was not.
static DROPPED: ProcessLocal<AtomicU64> = ProcessLocal::new();

/// A callback that hangs must not block the program that replaces it.
const MAX_DRAIN: Duration = Duration::from_secs(1);

struct Sink {
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char),
    user_data: *mut c_void,
    max_level: i32,
}

// SAFETY: the header says that the callback runs on a thread of the library, which only passes `user_data` on.
unsafe impl Send for Sink {}
// SAFETY: as above; the callback thread alone calls it.
unsafe impl Sync for Sink {}

/// Installs the one subscriber of the process. Its sink can be replaced without a lock, which a forked child could
/// otherwise inherit locked.
fn install() -> Result<(), Error> {
    let is_ours = || get_default(tracing::Dispatch::is::<ToCallback>);
    if is_ours() || set_global_default(ToCallback).is_ok() || is_ours() {
        return Ok(());
    }
    let problem = "another part of this program already receives the log, through Rust's `tracing`";
    Err(Error::new(Status::InvalidConfiguration, problem))
}

struct ToCallback;

impl Subscriber for ToCallback {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_ours(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata) && SINK.load().as_ref().is_some_and(|sink| number(*metadata.level()) <= sink.max_level)
    }

    fn event(&self, event: &Event<'_>) {
        // A callback that makes the library log would otherwise be called again, without end.
        if INSIDE.get() {
            return;
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = number(*event.metadata().level());
        let dropped = DROPPED.get();
        let earlier = dropped.swap(0, Relaxed);
        let is_queued = callbacks::log(move || {
            if earlier > 0 {
                deliver(
                    LogLevel::Warn as i32,
                    format!("{earlier} log lines were dropped: the log callback is too slow"),
                );
            }
            deliver(level, line.0);
        });
        if !is_queued {
            dropped.fetch_add(earlier + 1, Relaxed);
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

thread_local! {
    /// Whether this thread is inside the callback.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs on the callback thread. The callback may have been replaced since the line was logged.
fn deliver(level: i32, line: String) {
    if let (Some(sink), Ok(message)) = (&*SINK.load(), CString::new(line))
        && level <= sink.max_level
    {
        INSIDE.set(true);
        // SAFETY: not NULL; the caller gave this function, of the type in the header.
        unsafe { (sink.callback)(sink.user_data, level, message.as_ptr()) };
        INSIDE.set(false);
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("tango_token")
}

fn number(level: Level) -> i32 {
    let level = match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    };
    level as i32
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    #[test]
    fn lines_logged_inside_the_callback_are_dropped() {
        unsafe extern "C" fn log_again(calls: *mut c_void, _: i32, _: *const c_char) {
            // SAFETY: the test's counter is static.
            unsafe { &*calls.cast::<AtomicU32>() }.fetch_add(1, SeqCst);
            tracing::error!(target: "tango_token::test", "from inside");
        }
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let counter = (&raw const CALLS).cast_mut().cast();
        let errors_only = LogLevel::Error as i32;
        // SAFETY: a callback of the right type and a static counter.
        let status = unsafe { tango_log_set_callback(errors_only, Some(log_again), counter, std::ptr::null_mut()) };
        assert_eq!(status, Status::Ok);
        tracing::error!(target: "tango_token::test", "one");
        tracing::error!(target: "tango_token::test", "two");
        callbacks::drain(Duration::from_secs(10));
        assert_eq!(CALLS.load(SeqCst), 2);
        // SAFETY: every pointer is NULL.
        unsafe { tango_log_set_callback(errors_only, None, std::ptr::null_mut(), std::ptr::null_mut()) };
    }
}
