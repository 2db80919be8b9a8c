//! Calls of the program's callbacks, and the reason why one failed.

use std::cell::RefCell;
use std::{mem, process};

use libc::c_char;

/// A longer reason is cut off.
const LONGEST_REASON: usize = 1000;

thread_local! {
    /// The reason that the callback on this thread has given.
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Says why the callback that runs on this thread is about to fail: a function of a custom cache, or the signer of a
/// key. The error of the calls that it makes fail contains the reason, which must not contain a secret. The library
/// copies `reason`. Does nothing if `reason` is NULL, or if the callback succeeds. Invalid UTF-8 is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_callback_fail(reason: *const c_char) {
    if reason.is_null() {
        return;
    }
    // SAFETY: not NULL, so by the contract it ends with a NUL. A character at the limit has up to three bytes after it.
    let mut reason = String::from_utf8_lossy(unsafe { super::bytes(reason, LONGEST_REASON + 3) }).into_owned();
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    set_reason(Some(reason));
}

/// Does nothing once the variables of this thread are destroyed: destructors of C++ objects run later than that.
fn set_reason(reason: Option<String>) -> Option<String> {
    REASON.try_with(|place| place.replace(reason)).ok().flatten()
}

/// Runs a callback that returns 0 or a code of its own. Returns the code, and the reason if it said one.
pub(super) fn call(callback: impl FnOnce() -> i32) -> (i32, Option<String>) {
    set_reason(None);
    let code = uninterrupted(callback);
    (code, set_reason(None))
}

/// Calls code of the program, which has to return. An exception that leaves it and the end of its thread would unwind
/// this library, whose callers wait for a result: both end the process, and say why.
pub(super) fn uninterrupted<T>(callback: impl FnOnce() -> T) -> T {
    struct Unwound;
    impl Drop for Unwound {
        fn drop(&mut self) {
            eprintln!("tango-token: a callback threw an exception or ended its thread, which no callback may do");
            process::abort();
        }
    }
    let unwound = Unwound;
    let result = callback();
    mem::forget(unwound);
    result
}

/// Describes a failure of a callback, which has a name.
pub(super) fn describe(name: &str, code: i32, reason: Option<String>) -> String {
    reason.map_or_else(|| format!("{name} returned {code}"), |reason| format!("{name} failed: {reason}"))
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn reason_of_a_callback_is_its_own_and_bounded() {
        // SAFETY: the strings end with a NUL.
        let fails = |reason: &CStr| {
            call(|| unsafe {
                tango_callback_fail(reason.as_ptr());
                7
            })
        };
        let (code, reason) = fails(c"the table does not exist");
        assert_eq!(describe("load", code, reason), "load failed: the table does not exist");
        let (code, reason) = call(|| 7);
        assert_eq!(describe("load", code, reason), "load returned 7", "the earlier reason is forgotten");
        let long = std::ffi::CString::new("é".repeat(LONGEST_REASON)).unwrap();
        assert_eq!(fails(&long).1.unwrap().len(), LONGEST_REASON);
    }
}
