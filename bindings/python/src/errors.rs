//! Converts the core's errors to exceptions: each to the class of `tango_token.errors` that has its status's name.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::{Error, Status};

use crate::attach::attached;

thread_local! {
    /// The exception that a custom signer raised on this thread: the cause of the `SigningFailed` that follows.
    static SIGNER_EXCEPTION: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

pub fn set_signer_exception(exception: PyErr) {
    SIGNER_EXCEPTION.set(Some(exception));
}

/// Returns the exception for an error of the core.
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let exception = make(py, error.status(), error.message(), |fields| {
        fields.set_item("retry_after", error.retry_after())?;
        fields.set_item("http_status", error.http_status())?;
        fields.set_item("oauth_error", error.oauth_error())?;
        fields.set_item("oauth_error_description", error.oauth_error_description())?;
        fields.set_item("i18n_key", error.i18n_key())?;
        fields.set_item("server_message", error.server_message())?;
        fields.set_item("request_id", error.request_id())
    });
    if error.status() == Status::SigningFailed {
        exception.set_cause(py, SIGNER_EXCEPTION.take());
    }
    exception
}

/// Returns the exception for an argument that is not valid.
pub fn invalid_argument(py: Python<'_>, message: &str) -> PyErr {
    make(py, Status::InvalidArgument, message, |_| Ok(()))
}

fn make(py: Python<'_>, status: Status, message: &str, fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>) -> PyErr {
    let _guard = attached(py);
    let instance = || -> PyResult<_> {
        let fields = PyDict::new(py);
        fields.set_item("status", status as i32)?;
        fill(&fields)?;
        // A test checks that each status has a class of its name.
        py.import("tango_token.errors")?.getattr(format!("{status:?}"))?.call((message,), Some(&fields))
    };
    instance().map_or_else(|error| error, PyErr::from_value)
}

/// Lets `?` raise the errors of the core.
pub trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, Error> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}
