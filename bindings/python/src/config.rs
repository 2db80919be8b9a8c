//! The keywords of `Client` as a configuration of the core.

use std::str::FromStr;
use std::time::Duration;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::Config;

use crate::errors::{OrRaise, invalid_argument};
use crate::options;

/// A configuration with these keywords. An option that is `None` is not set.
pub fn from_options(py: Python<'_>, load_env: bool, options: Option<&Bound<'_, PyDict>>) -> PyResult<Config> {
    let mut config = Config::new();
    for (name, value) in options.into_iter().flatten() {
        if !value.is_none() {
            options::set(&mut config, &name.extract::<String>()?, &value)?;
        }
    }
    if load_env {
        config.load_env().or_raise(py)?;
    }
    Ok(config)
}

/// The error for a keyword that is not an option, as Python itself words it.
pub fn unknown(name: &str) -> PyErr {
    PyTypeError::new_err(format!("Client() got an unexpected keyword argument '{name}'"))
}

/// Takes the value of a keyword. A wrong type is an error that names the keyword.
pub fn extract<'py, T: FromPyObjectOwned<'py>>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<T> {
    let py = value.py();
    value.extract::<T>().map_err(|error| {
        let error: PyErr = error.into();
        if !error.is_instance_of::<PyTypeError>(py) {
            return error;
        }
        let named = PyTypeError::new_err(format!("argument '{name}': {}", error.value(py)));
        named.set_cause(py, error.cause(py));
        named
    })
}

/// Takes a value of one of the core's enumerations by its name.
pub fn extract_name<T: FromStr<Err = &'static str>>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    by_name(value.py(), name, &extract::<String>(name, value)?)
}

/// Parses the name of a value of one of the core's enumerations.
pub fn by_name<T: FromStr<Err = &'static str>>(py: Python<'_>, argument: &str, name: &str) -> PyResult<T> {
    name.parse().map_err(|expected| invalid_argument(py, &format!("{argument} must be {expected}")))
}

/// Takes a timeout: seconds, whole or not, or a `datetime.timedelta`.
pub fn extract_timeout(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    match extract(name, value)? {
        Timeout::Delta(delta) => Ok(delta),
        Timeout::Seconds(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|error| invalid_argument(value.py(), &format!("{name} cannot be used: {error}"))),
    }
}

#[derive(FromPyObject)]
enum Timeout {
    #[pyo3(transparent)]
    Seconds(f64),
    #[pyo3(transparent)]
    Delta(Duration),
}
