//! The library's log, for programs that do not use `tracing`.

use std::ffi::CString;

use libc::{c_char, c_void};
use tracing::Level;

use super::error::ErrorObject;
use super::{callback, guard, invalid};
use crate::error::Status;
use crate::log::{LogLine, LogReceiver, set_log_receiver};

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
/// Called on the library's log thread, one line after the other; it must neither throw nor longjmp. Lines that the
/// library would log from inside it are dropped. If it is so slow that 1,000 lines wait, further lines are dropped and
/// counted, and a later line reports how many.
pub type LogCallback = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

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
        set_log_receiver(
            callback.map(|callback| Box::new(Sink { callback, user_data, max_level }) as Box<dyn LogReceiver>),
        )
    })
}

struct Sink {
    callback: unsafe extern "C-unwind" fn(*mut c_void, i32, *const c_char),
    user_data: *mut c_void,
    max_level: i32,
}

// SAFETY: the header says that the callback runs on a thread of the library, which only passes `user_data` on.
unsafe impl Send for Sink {}
// SAFETY: as above; the log thread alone calls it.
unsafe impl Sync for Sink {}

impl LogReceiver for Sink {
    fn wants(&self, level: Level) -> bool {
        number(level) <= self.max_level
    }

    fn receive(&self, line: LogLine) {
        if let Ok(message) = CString::new(line.text) {
            // SAFETY: not NULL; the caller gave this function, of the type in the header.
            callback::uninterrupted(|| unsafe {
                (self.callback)(self.user_data, number(line.level), message.as_ptr());
            });
        }
    }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::time::Duration;

    use super::*;
    use crate::callbacks;

    #[test]
    fn lines_logged_inside_the_callback_are_dropped() {
        unsafe extern "C-unwind" fn log_again(calls: *mut c_void, _: i32, _: *const c_char) {
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
        callbacks::drain_log(Duration::from_secs(10));
        assert_eq!(CALLS.load(SeqCst), 2);
        // SAFETY: every pointer is NULL.
        unsafe { tango_log_set_callback(errors_only, None, std::ptr::null_mut(), std::ptr::null_mut()) };
    }
}
