//! `tango_error`: the reason why a call failed.

use std::ffi::{CStr, CString};
use std::ptr;

use libc::c_char;

use crate::error::{Error, Status, ceil_seconds};

/// The reason why a call failed, and what to do about it. Never contains a secret.
pub struct ErrorObject {
    status: Status,
    http_status: i32,
    retry_after_seconds: i64,
    message: CString,
    oauth_error: Option<CString>,
    oauth_error_description: Option<CString>,
    i18n_key: Option<CString>,
    server_message: Option<CString>,
    request_id: Option<CString>,
}

impl ErrorObject {
    pub(super) fn into_raw(error: &Error) -> *mut Self {
        let optional = |field: Option<&str>| field.map(c_string);
        Box::into_raw(Box::new(Self {
            status: error.status(),
            http_status: error.http_status().map_or(0, i32::from),
            retry_after_seconds: error
                .retry_after()
                .map_or(-1, |wait| ceil_seconds(wait).try_into().unwrap_or(i64::MAX)),
            message: c_string(error.message()),
            oauth_error: optional(error.oauth_error()),
            oauth_error_description: optional(error.oauth_error_description()),
            i18n_key: optional(error.i18n_key()),
            server_message: optional(error.server_message()),
            request_id: optional(error.request_id()),
        }))
    }
}

/// Makes a string for C, which cannot contain a NUL.
pub(super) fn c_string(field: &str) -> CString {
    CString::new(field.replace('\0', " ")).unwrap_or_default()
}

fn borrowed(field: Option<&CStr>) -> *const c_char {
    field.map_or(ptr::null(), CStr::as_ptr)
}

/// Returns the status of the error; `TANGO_STATUS_OK` for NULL, so that a callback need not check first.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_status(error: Option<&ErrorObject>) -> Status {
    error.map_or(Status::Ok, |error| error.status)
}

/// Returns one or two sentences that say what happened and what to do. Borrowed from the error; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_message(error: Option<&ErrorObject>) -> *const c_char {
    borrowed(error.map(|error| error.message.as_c_str()))
}

/// Returns the HTTP status of the server's response; 0 if none arrived, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_http_status(error: Option<&ErrorObject>) -> i32 {
    error.map_or(0, |error| error.http_status)
}

/// Returns the OAuth error code (RFC 6749 section 5.2), such as `invalid_grant`, or the code that a gateway sent in its
/// place. Borrowed from the error; NULL if the server sent none, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_oauth_error(error: Option<&ErrorObject>) -> *const c_char {
    borrowed(error.and_then(|error| error.oauth_error.as_deref()))
}

/// Returns the OAuth `error_description` (RFC 6749 section 5.2). Borrowed from the error; NULL if the server sent none,
/// and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_oauth_error_description(error: Option<&ErrorObject>) -> *const c_char {
    borrowed(error.and_then(|error| error.oauth_error_description.as_deref()))
}

/// Returns Tango's `i18nKey`, a stable name for the failure. Borrowed from the error; NULL if the server sent none, and
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_i18n_key(error: Option<&ErrorObject>) -> *const c_char {
    borrowed(error.and_then(|error| error.i18n_key.as_deref()))
}

/// Returns what else the server said: Tango's `message`, the sentence of another error in JSON or XML, or plain text.
/// Borrowed from the error; NULL if the server said nothing else, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_server_message(error: Option<&ErrorObject>) -> *const c_char {
    borrowed(error.and_then(|error| error.server_message.as_deref()))
}

/// Returns the ID by which Tango's support finds the request (`X-REQUEST-ID`). Borrowed from the error; NULL if the
/// server sent none, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_request_id(error: Option<&ErrorObject>) -> *const c_char {
    borrowed(error.and_then(|error| error.request_id.as_deref()))
}

/// Returns the seconds until another call makes sense; -1 if waiting does not help, as with wrong credentials, and for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_retry_after_seconds(error: Option<&ErrorObject>) -> i64 {
    error.map_or(-1, |error| error.retry_after_seconds)
}

/// Frees the error and the strings borrowed from it. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_error_free(error: Option<Box<ErrorObject>>) {
    super::free(error);
}
