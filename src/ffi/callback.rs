//! The reason why a callback of the program failed.

use std::cell::RefCell;
use std::ffi::CStr;

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
    // SAFETY: not NULL, so by the contract it ends with a NUL.
    let mut reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned();
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    REASON.set(Some(reason));
}

/// Runs a callback that returns 0 or a code of its own. Returns the code, and the reason if it said one.
pub(super) fn call(callback: impl FnOnce() -> i32) -> (i32, Option<String>) {
    REASON.set(None);
    let code = callback();
    (code, REASON.take())
}

/// Describes a failure of a callback, which has a name.
pub(super) fn describe(name: &str, code: i32, reason: Option<String>) -> String {
    reason.map_or_else(|| format!("{name} returned {code}"), |reason| format!("{name} failed: {reason}"))
}

#[cfg(test)]
mod tests {
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
