//! The C interface, and the only `unsafe` of the project but for system calls (`windows`, `apple`, `real_time`).
//!
//! Each function only translates: it checks its arguments, calls the safe API and hands out the result. The contract
//! that makes the `unsafe` sound is the header's first page: a pointer is NULL or came from this library and was not
//! freed, a string is NULL or NUL-terminated, an out-parameter is NULL or may be written.
#![allow(unsafe_code)]
// The header states the contract of all functions once, and names statuses as C does.
#![allow(clippy::missing_safety_doc, clippy::doc_markdown)]

mod abi;
mod allocator;
mod authorization;
mod cache;
mod callback;
#[cfg_attr(windows, path = "no_cancellation.rs")]
mod cancellation;
mod client;
mod config;
mod dpop_key;
mod dpop_proof;
mod error;
#[cfg_attr(windows, path = "exit_windows.rs")]
mod exit;
#[cfg_attr(windows, path = "no_fork.rs")]
mod fork;
mod log;
mod request;
mod stats;
mod token;
mod version;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use libc::{c_char, c_void};

use crate::config::LONGEST_STRING;
use crate::error::{Error, Status};
pub use allocator::ZeroizingAllocator;
use cancellation::Uncancellable;
use error::ErrorObject;
pub use exit::wait_at_exit;
pub use fork::watch as watch_forks;

/// Runs the body of one function. An error reaches the caller as an object and a status; so does a panic, because
/// unwinding into C is undefined behaviour. A thread that is cancelled meanwhile ends after it.
fn guard(error: *mut *mut ErrorObject, work: impl FnOnce() -> Result<(), Error>) -> Status {
    let _uncancellable = Uncancellable::enter();
    guard_without_blocking(error, work)
}

/// The same for a body that calls nothing that blocks.
#[inline]
fn guard_without_blocking(error: *mut *mut ErrorObject, work: impl FnOnce() -> Result<(), Error>) -> Status {
    // Unwind safe: state is changed as a whole or under a lock, and a poisoned lock is taken over.
    match catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked())) {
        Ok(()) => Status::Ok,
        Err(failure) => {
            let status = failure.status();
            if !error.is_null() {
                // SAFETY: not NULL, so by the contract it may be written; it may be uninitialised and is not read.
                unsafe { error.write(ErrorObject::into_raw(&failure)) };
            }
            status
        }
    }
}

/// Drops an object. A panic is swallowed, because a `_free` function has no way to report it.
fn free<T>(object: T) {
    let _uncancellable = Uncancellable::enter();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(object)));
}

fn panicked() -> Error {
    Error::new(Status::Internal, "the library panicked, which is a defect; please report what was called")
}

fn invalid(name: &str, problem: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("{name} {problem}"))
}

/// Turns a NULL argument into INVALID_ARGUMENT.
fn required<T>(object: Option<T>, name: &str) -> Result<T, Error> {
    object.ok_or_else(|| invalid(name, "is NULL"))
}

/// Borrows a string for the duration of one call.
///
/// # Safety
/// `value` is NULL or NUL-terminated, and does not change before the call returns.
unsafe fn string<'a>(value: *const c_char, name: &str) -> Result<&'a str, Error> {
    if value.is_null() {
        return Err(invalid(name, "is NULL"));
    }
    // SAFETY: this function's own contract.
    let value = unsafe { bytes(value, LONGEST_STRING + 1) };
    if value.len() > LONGEST_STRING {
        return Err(invalid(name, "is longer than 64 KiB"));
    }
    str::from_utf8(value).map_err(|_| invalid(name, "is not UTF-8"))
}

/// Borrows the bytes before the NUL, `max` of them at most: nothing beyond is read, however long the string is.
///
/// # Safety
/// `value` is NUL-terminated, and does not change before the call returns.
unsafe fn bytes<'a>(value: *const c_char, max: usize) -> &'a [u8] {
    // SAFETY: NUL-terminated, so that many bytes can be read.
    unsafe { slice::from_raw_parts(value.cast(), libc::strnlen(value, max)) }
}

/// Borrows a string that may be NULL.
///
/// # Safety
/// As for `string`.
unsafe fn optional_string<'a>(value: *const c_char, name: &str) -> Result<Option<&'a str>, Error> {
    // SAFETY: this function's own contract.
    if value.is_null() { Ok(None) } else { unsafe { string(value, name) }.map(Some) }
}

/// Borrows a string that the caller received from a server: bytes that are not UTF-8 are replaced, because the caller
/// cannot correct them. One byte more than the limit shows to the reader of a header that it was longer.
///
/// # Safety
/// As for `string`.
unsafe fn server_string<'a>(value: *const c_char) -> Option<Cow<'a, str>> {
    // SAFETY: this function's own contract.
    (!value.is_null()).then(|| String::from_utf8_lossy(unsafe { bytes(value, LONGEST_STRING + 1) }))
}

/// Calls a `release` callback, which is not called on the network thread (see `Foreign`).
fn release(release: Option<unsafe extern "C-unwind" fn(*mut c_void)>, user_data: *mut c_void) {
    if let Some(release) = release {
        // SAFETY: the caller gave this function, of the type in the header, to be called once with this data.
        callback::uninterrupted(|| unsafe { release(user_data) });
    }
}

/// An out-parameter. It is checked before the work begins, so that no result is made and then lost.
struct Out<T>(*mut *mut T);

impl<T> Out<T> {
    /// # Safety
    /// `place` is NULL or may be written; it may be uninitialised.
    unsafe fn new(place: *mut *mut T, name: &str) -> Result<Self, Error> {
        if place.is_null() { Err(invalid(name, "is NULL")) } else { Ok(Self(place)) }
    }

    fn give(self, object: *mut T) {
        // SAFETY: `new` checked that it is not NULL, and its contract says that it may be written.
        unsafe { self.0.write(object) };
    }
}

#[cfg(test)]
mod tests;
