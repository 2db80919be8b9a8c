//! The keywords of a call from Python, and the conversion of their values.

use std::str::FromStr;
use std::time::Duration;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::invalid_argument;

/// The keywords of one call, which are taken out one after the other.
pub struct Keywords<'py>(pub Bound<'py, PyDict>);

impl<'py> Keywords<'py> {
    /// Takes a keyword out. One that is `None` counts as one that is not given.
    pub fn take(&self, name: &'static str) -> PyResult<Option<Keyword<'py>>> {
        let Some(value) = self.0.get_item(name)? else { return Ok(None) };
        self.0.del_item(name)?;
        Ok((!value.is_none()).then_some(Keyword { name, value }))
    }

    /// Fails if a keyword is left that nothing has taken, with the words of Python itself.
    pub fn end(self) -> PyResult<()> {
        self.0.keys().into_iter().next().map_or(Ok(()), |name| {
            Err(PyTypeError::new_err(format!("Client() got an unexpected keyword argument '{name}'")))
        })
    }
}

pub struct Keyword<'py> {
    name: &'static str,
    value: Bound<'py, PyAny>,
}

impl<'py> Keyword<'py> {
    /// Returns the value. A wrong type is an error that names the keyword.
    pub fn extract<T: FromPyObjectOwned<'py>>(&self) -> PyResult<T> {
        let py = self.value.py();
        self.value.extract::<T>().map_err(|error| {
            let error: PyErr = error.into();
            if !error.is_instance_of::<PyTypeError>(py) {
                return error;
            }
            let named = PyTypeError::new_err(format!("argument '{}': {}", self.name, error.value(py)));
            named.set_cause(py, error.cause(py));
            named
        })
    }

    /// Returns the value of one of the core's enumerations by its name.
    pub fn parse<T: FromStr<Err = &'static str>>(&self) -> PyResult<T> {
        by_name(self.value.py(), self.name, &self.extract::<String>()?)
    }

    /// Returns a timeout: seconds, whole or not, or a `datetime.timedelta`.
    pub fn timeout(&self) -> PyResult<Duration> {
        match self.extract()? {
            Timeout::Delta(delta) => Ok(delta),
            Timeout::Seconds(seconds) => Duration::try_from_secs_f64(seconds)
                .map_err(|error| invalid_argument(self.value.py(), &format!("{} cannot be used: {error}", self.name))),
        }
    }
}

#[derive(FromPyObject)]
enum Timeout {
    #[pyo3(transparent)]
    Seconds(f64),
    #[pyo3(transparent)]
    Delta(Duration),
}

/// Parses the name of a value of one of the core's enumerations.
pub fn by_name<T: FromStr<Err = &'static str>>(py: Python<'_>, argument: &str, name: &str) -> PyResult<T> {
    name.parse().map_err(|expected| invalid_argument(py, &format!("{argument} must be {expected}")))
}
