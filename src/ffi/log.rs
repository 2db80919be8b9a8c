//! The library's log, for programs that do not use `tracing`.

use std::ffi::CString;
use std::time::UNIX_EPOCH;

use libc::{c_char, c_void};
use tracing::Level;

use super::error::{ErrorObject, c_string};
use super::{callback, exit, guard, invalid};
use crate::error::{Error, Status};
use crate::log::{
    LogFormat, LogLevel, LogLine, LogReceiver, LogValue, is_on_stderr, log_to_stderr, log_to_stderr_from_env,
    set_log_receiver,
};

/// The type of the value of a field of the log.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum LogType {
    /// A string.
    String = 1,
    /// A whole number in decimal digits, with a minus sign before a negative one.
    Integer = 2,
    /// `true` or `false`.
    Boolean = 3,
}

/// Receives one line of the log: its `tango_log_level`, and a message that is borrowed until the function returns.
/// Called on the library's log thread, one line after the other; it must neither throw nor longjmp. Lines that the
/// library would log from inside it are dropped. If it is so slow that 1,000 lines wait, further lines are dropped and
/// counted, and a later line reports how many.
pub type LogCallback = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

/// Receives one line of the log with its fields apart, for programs that log structured records. `level` is a
/// `tango_log_level`, `unix_ms` the time of the line in milliseconds since 1970, `target` the part of the library, such
/// as `tango_token::endpoint`, and `message` the sentence without the fields. There are `count` fields: each has a name
/// in `names`, its value as a string in `values`, and the type of the value, a `tango_log_type`, in `types`. All of it
/// is borrowed until the function returns. The rules of `tango_log_callback` hold.
pub type LogRecordCallback = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        level: i32,
        unix_ms: i64,
        target: *const c_char,
        message: *const c_char,
        count: usize,
        names: *const *const c_char,
        values: *const *const c_char,
        types: *const i32,
    ),
>;

/// Sends the log of the whole process to `callback`, up to `max_level`, a `tango_log_level` that is not OFF. A NULL
/// `callback` stops it.
///
/// No line contains a secret. `user_data` stays the caller's. The callback replaces an earlier one of either kind, and
/// the lines that it gets are not written to stderr. The function waits for at most one second until the previous
/// callback has received the lines that wait for it: stop the log before the program ends, to see the last ones. A slow
/// call of the previous callback may still be running when this function returns, so keep `user_data` valid until no
/// call can use it. INVALID_ARGUMENT for an unknown level; INVALID_CONFIGURATION if a Rust part of the program already
/// receives the log through `tracing`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_log_set_callback(
    max_level: i32,
    callback: LogCallback,
    user_data: *mut c_void,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || set_sink(max_level, callback.map(Callback::Text), user_data))
}

/// Does the same as `tango_log_set_callback` for a callback that gets the fields of each line apart from its message.
///
/// INVALID_ARGUMENT for an unknown level; INVALID_CONFIGURATION if a Rust part of the program already receives the log
/// through `tracing`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_log_set_record_callback(
    max_level: i32,
    callback: LogRecordCallback,
    user_data: *mut c_void,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || set_sink(max_level, callback.map(Callback::Record), user_data))
}

/// Writes the log of the whole process to stderr, up to `level`, a `tango_log_level`, in a `tango_log_format`. The
/// level OFF turns that off.
///
/// Without this call the variable TANGO_LOG decides, which is read with the first client or key: `error`, `warn`,
/// `info`, `debug`, `trace` or `off`, and TANGO_LOG_FORMAT, `text` or `json`. After this call the variables have no
/// effect. Lines that a callback gets are not written. No line contains a secret. The log thread alone waits for a slow
/// stderr; a closed one is ignored. What waits is written before the process ends, and before this function turns the
/// log off, for at most a second. INVALID_ARGUMENT for an unknown level or format; INVALID_CONFIGURATION if a Rust part
/// of the program already receives the log through `tracing`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_log_to_stderr(level: i32, format: i32, error: *mut *mut ErrorObject) -> Status {
    guard(error, || {
        let level = known_level(level, "level")?;
        let format = [LogFormat::Text, LogFormat::Json].into_iter().find(|&known| known as i32 == format);
        log_to_stderr(level, format.ok_or_else(|| invalid("format", "is not a tango_log_format"))?)?;
        exit::wait_at_exit();
        Ok(())
    })
}

/// Reads the variable TANGO_LOG, once. A Rust part of the program that receives the log needs no stderr.
pub(super) fn follow_variables() {
    if log_to_stderr_from_env().is_ok() && is_on_stderr() {
        exit::wait_at_exit();
    }
}

fn set_sink(max_level: i32, callback: Option<Callback>, user_data: *mut c_void) -> Result<(), Error> {
    let max_level = known_level(max_level, "max_level")?;
    if max_level == LogLevel::Off {
        return Err(invalid("max_level", "is OFF; a callback that is NULL stops the log"));
    }
    set_log_receiver(callback.map(|callback| Box::new(Sink { callback, user_data, max_level }) as Box<dyn LogReceiver>))
}

fn known_level(number: i32, name: &str) -> Result<LogLevel, Error> {
    let known = LogLevel::ALL.into_iter().find(|&level| level as i32 == number);
    known.ok_or_else(|| invalid(name, &format!("{number} is not known")))
}

/// The two kinds of callbacks.
enum Callback {
    Text(unsafe extern "C-unwind" fn(*mut c_void, i32, *const c_char)),
    Record(RecordFunction),
}

type RecordFunction = unsafe extern "C-unwind" fn(
    *mut c_void,
    i32,
    i64,
    *const c_char,
    *const c_char,
    usize,
    *const *const c_char,
    *const *const c_char,
    *const i32,
);

struct Sink {
    callback: Callback,
    user_data: *mut c_void,
    max_level: LogLevel,
}

// SAFETY: the header says that the callback runs on a thread of the library, which only passes `user_data` on.
unsafe impl Send for Sink {}
// SAFETY: as above; the log thread alone calls it.
unsafe impl Sync for Sink {}

impl LogReceiver for Sink {
    fn wants(&self, level: Level) -> bool {
        LogLevel::from(level) <= self.max_level
    }

    fn receive(&self, line: &LogLine) -> bool {
        let level = LogLevel::from(line.level) as i32;
        match self.callback {
            Callback::Text(callback) => {
                let message = c_string(&line.text());
                // SAFETY: not NULL; the caller gave this function, of the type in the header.
                callback::uninterrupted(|| unsafe { callback(self.user_data, level, message.as_ptr()) });
            }
            Callback::Record(callback) => self.receive_record(callback, level, line),
        }
        true
    }
}

impl Sink {
    fn receive_record(&self, callback: RecordFunction, level: i32, line: &LogLine) {
        let since = line.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let (target, message) = (c_string(line.target), c_string(&line.message));
        let own_names: Vec<_> = line.fields.iter().map(|field| c_string(field.name)).collect();
        let own_values: Vec<_> = line.fields.iter().map(|field| c_string(&field.value.to_string())).collect();
        let types: Vec<_> = line.fields.iter().map(|field| LogType::of(&field.value) as i32).collect();
        let pointers = |strings: &[CString]| strings.iter().map(|string| string.as_ptr()).collect::<Vec<_>>();
        let (names, values) = (pointers(&own_names), pointers(&own_values));
        // SAFETY: not NULL; the caller gave this function, of the type in the header. The three arrays have that many
        // elements, and outlive the call with the strings.
        callback::uninterrupted(|| unsafe {
            callback(
                self.user_data,
                level,
                unix_ms,
                target.as_ptr(),
                message.as_ptr(),
                types.len(),
                names.as_ptr(),
                values.as_ptr(),
                types.as_ptr(),
            );
        });
    }
}

impl LogType {
    fn of(value: &LogValue) -> Self {
        match value {
            LogValue::String(_) => Self::String,
            LogValue::Signed(_) | LogValue::Unsigned(_) => Self::Integer,
            LogValue::Bool(_) => Self::Boolean,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::time::Duration;

    use super::*;
    use crate::callbacks;
    use crate::log::LogField;

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

    /// What a callback got, as one string.
    static RECORD: Mutex<String> = Mutex::new(String::new());

    unsafe extern "C-unwind" fn keep(
        user_data: *mut c_void,
        level: i32,
        unix_ms: i64,
        target: *const c_char,
        message: *const c_char,
        count: usize,
        names: *const *const c_char,
        values: *const *const c_char,
        types: *const i32,
    ) {
        assert!(user_data.is_null());
        // SAFETY: as the library promises, the strings end with a NUL, and the arrays have `count` elements.
        let record = unsafe {
            let text = |string: *const c_char| CStr::from_ptr(string).to_str().unwrap();
            let fields = (0..count).map(|index| {
                format!(" {}:{}={}", text(*names.add(index)), *types.add(index), text(*values.add(index)))
            });
            format!("{level} {unix_ms} {} {}{}", text(target), text(message), fields.collect::<String>())
        };
        *RECORD.lock().unwrap() = record;
    }

    #[test]
    fn record_callback_gets_strings_that_end_with_a_nul_and_arrays_of_one_length() {
        let field = |name, value| LogField { name, value };
        let fields = vec![
            field("client", LogValue::String("a \0b".into())),
            field("ms", LogValue::Unsigned(u64::MAX)),
            field("offset", LogValue::Signed(-1)),
            field("dpop", LogValue::Bool(true)),
        ];
        let mut line = LogLine {
            time: UNIX_EPOCH + Duration::from_millis(1_500),
            level: Level::WARN,
            target: "tango_token::test",
            file: file!(),
            line: line!(),
            message: "a\0message".into(),
            fields,
        };
        let sink =
            Sink { callback: Callback::Record(keep), user_data: std::ptr::null_mut(), max_level: LogLevel::Warn };
        assert!(sink.receive(&line));
        let expected =
            "2 1500 tango_token::test a message client:1=a  b ms:2=18446744073709551615 offset:2=-1 dpop:3=true";
        assert_eq!(*RECORD.lock().unwrap(), expected);

        line.fields.clear();
        assert!(sink.receive(&line));
        assert_eq!(*RECORD.lock().unwrap(), "2 1500 tango_token::test a message");
        assert!(sink.wants(Level::WARN) && !sink.wants(Level::INFO));
    }
}
