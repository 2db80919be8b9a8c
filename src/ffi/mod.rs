//! The C interface, and the only `unsafe` of the project.
//!
//! Every function here is a boundary and nothing else: it takes what C gave, checks it, calls the safe API and hands
//! out the result. The contract that makes the `unsafe` sound is the header's first page: a pointer is NULL or it came
//! from this library and was not freed, a text is NULL or NUL-terminated, an out-parameter is NULL or may be written.
#![allow(unsafe_code)]
// The header states the contract of all functions once, and names statuses as C does.
#![allow(clippy::missing_safety_doc, clippy::doc_markdown)]

mod abi;
mod authorization;
mod cache;
mod client;
mod config;
mod dpop_key;
mod dpop_proof;
mod error;
mod fork;
mod log;
mod request;
mod token;
mod version;

use std::borrow::Cow;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::c_char;

use crate::error::{Error, Status};
use error::ErrorObject;
pub use fork::watch as watch_forks;

/// Runs the work of one function. An error goes to the caller as an object and a status; so does a panic, because
/// unwinding into C is undefined.
fn guard(error: *mut *mut ErrorObject, work: impl FnOnce() -> Result<(), Error>) -> Status {
    // What a panic leaves behind is as consistent as after an error: nothing is changed halfway outside of locks, and
    // these are taken over when poisoned.
    match catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked())) {
        Ok(()) => Status::Ok,
        Err(failure) => {
            let status = failure.status();
            if !error.is_null() {
                // SAFETY: not NULL, so by the contract a place for a pointer, perhaps not initialised: nothing is read.
                unsafe { error.write(ErrorObject::into_raw(&failure)) };
            }
            status
        }
    }
}

/// Ends an object. A panic on the way has nobody to go to.
fn end<T>(object: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(object)));
}

fn panicked() -> Error {
    Error::new(Status::Internal, "a defect of the library was met (a panic); please report what was called")
}

fn invalid(name: &str, problem: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("{name} {problem}"))
}

/// The object that a call cannot do without.
fn required<T>(object: Option<T>, name: &str) -> Result<T, Error> {
    object.ok_or_else(|| invalid(name, "is NULL"))
}

/// Borrows a text for the duration of one call.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and nobody changes it before the call returns.
unsafe fn text<'a>(text: *const c_char, name: &str) -> Result<&'a str, Error> {
    if text.is_null() {
        return Err(invalid(name, "is NULL"));
    }
    // SAFETY: not NULL, so NUL-terminated by this function's own contract.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| invalid(name, "is not UTF-8"))
}

/// The same, where NULL says that there is none.
///
/// # Safety
/// As for `text`.
unsafe fn optional_text<'a>(value: *const c_char, name: &str) -> Result<Option<&'a str>, Error> {
    // SAFETY: this function's own contract.
    if value.is_null() { Ok(None) } else { unsafe { text(value, name) }.map(Some) }
}

/// A text that came from a server, which the caller has only passed on: what is not UTF-8 in it is replaced.
///
/// # Safety
/// As for `text`.
unsafe fn servers_text<'a>(value: *const c_char) -> Option<Cow<'a, str>> {
    // SAFETY: this function's own contract.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_string_lossy())
}

/// Where a call puts what it makes. Checked before the work begins, so that nothing is made for nobody.
struct Out<T>(*mut *mut T);

impl<T> Out<T> {
    /// # Safety
    /// `place` is NULL or a place for a pointer, perhaps not initialised.
    unsafe fn new(place: *mut *mut T, name: &str) -> Result<Self, Error> {
        if place.is_null() { Err(invalid(name, "is NULL")) } else { Ok(Self(place)) }
    }

    fn give(self, object: *mut T) {
        // SAFETY: `new` has seen that it is not NULL and was promised that it may be written.
        unsafe { self.0.write(object) };
    }
}
