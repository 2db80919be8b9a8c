//! The core's errors as exceptions: the class is the one of `tango_token.errors` that has the status's name.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::{Error, Status};

use crate::attach::enter;

thread_local! {
    /// What a signer of the program's own raised on this thread, for the chain of the error that comes of it.
    static RAISED_BY_SIGNER: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

pub fn raised_by_signer(error: PyErr) {
    RAISED_BY_SIGNER.set(Some(error));
}

/// The exception for an error of the core.
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
        exception.set_cause(py, RAISED_BY_SIGNER.take());
    }
    exception
}

/// The exception for an argument that cannot be used.
pub fn invalid_argument(py: Python<'_>, message: &str) -> PyErr {
    make(py, Status::InvalidArgument, message, |_| Ok(()))
}

fn make(py: Python<'_>, status: Status, message: &str, fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>) -> PyErr {
    let _visit = enter(py);
    let made = || -> PyResult<_> {
        let fields = PyDict::new(py);
        fields.set_item("status", status as i32)?;
        fill(&fields)?;
        // A status has a class of its name; a test holds the two together.
        py.import("tango_token.errors")?.getattr(format!("{status:?}"))?.call((message,), Some(&fields))
    };
    made().map_or_else(|error| error, PyErr::from_value)
}

/// `?` for results of the core.
pub trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, Error> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}
