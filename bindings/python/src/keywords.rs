//! The keywords of a call from Python, and the conversion of their values.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUnicodeError};
use pyo3::prelude::*;
use pyo3::type_object::PyTypeCheck;
use pyo3::types::{PyBool, PyDelta, PyDict, PySequence, PyString};
use tango_token::DpopKey;

use crate::dpop::PyDpopKey;
use crate::errors::invalid_argument;

/// The keywords of one call, which are taken out one after the other.
pub struct Keywords<'py>(pub Bound<'py, PyDict>);

impl<'py> Keywords<'py> {
    /// Takes a keyword out. One that is `None` counts as one that is not given.
    pub fn take(&self, name: &'static str) -> PyResult<Option<Keyword<'py>>> {
        let Some(value) = self.0.get_item(name)? else { return Ok(None) };
        self.0.del_item(name)?;
        Ok((!value.is_none()).then(|| Keyword::new(name, value)))
    }

    /// Fails if a keyword is left that nothing has taken, with the words of Python itself.
    pub fn end(self) -> PyResult<()> {
        self.0.keys().into_iter().next().map_or(Ok(()), |name| {
            Err(PyTypeError::new_err(format!("Client() got an unexpected keyword argument '{name}'")))
        })
    }
}

/// An argument whose type the function checks itself: PyO3's errors do not name the argument.
pub type Any<'py> = Bound<'py, PyAny>;

/// An argument and its name, which the errors say. No error contains the value of a string: it may be a secret.
pub struct Keyword<'py> {
    name: String,
    value: Any<'py>,
}

impl<'py> Keyword<'py> {
    pub fn new(name: impl Into<String>, value: Any<'py>) -> Self {
        Self { name: name.into(), value }
    }

    pub fn string(&self) -> PyResult<String> {
        self.string_or("a str")
    }

    /// Returns the string of an argument that may have other types, which `expected` names, too.
    pub fn string_or(&self, expected: &str) -> PyResult<String> {
        self.extract(expected)
    }

    pub fn path(&self) -> PyResult<PathBuf> {
        self.extract("a str or an os.PathLike")
    }

    pub fn flag(&self) -> PyResult<bool> {
        self.extract("a bool")
    }

    pub fn integer(&self) -> PyResult<i64> {
        self.extract("an int")
    }

    pub fn callable(self) -> PyResult<Any<'py>> {
        if self.value.is_callable() { Ok(self.value) } else { Err(self.wrong_type("a function")) }
    }

    pub fn object<T: PyTypeCheck>(self, expected: &str) -> PyResult<Bound<'py, T>> {
        match self.value.cast::<T>() {
            Ok(object) => Ok(object.clone()),
            Err(_) => Err(self.wrong_type(expected)),
        }
    }

    pub fn key(&self) -> PyResult<DpopKey> {
        self.extract::<PyDpopKey>("a tango_token.DpopKey").map(|key| key.0)
    }

    /// Returns the strings of a sequence. A string is a sequence too, but of its letters.
    pub fn strings(&self) -> PyResult<Vec<String>> {
        let sequence = self.value.cast::<PySequence>().ok().filter(|_| !self.value.is_instance_of::<PyString>());
        let sequence = sequence.ok_or_else(|| self.wrong_type("a sequence of str"))?;
        let item = |index| Self::new(format!("{}[{index}]", self.name), sequence.get_item(index)?).string();
        (0..sequence.len()?).map(item).collect()
    }

    /// Returns the value of one of the core's enumerations by its name.
    pub fn parse<T: FromStr<Err = &'static str>>(&self) -> PyResult<T> {
        let value = self.string()?;
        let invalid = |expected| invalid_argument(self.value.py(), &format!("{} must be {expected}", self.name));
        value.parse().map_err(invalid)
    }

    /// Returns a timeout: seconds, whole or not, or a `datetime.timedelta`.
    pub fn timeout(&self) -> PyResult<Duration> {
        Duration::try_from_secs_f64(self.seconds()?).map_err(|_| self.out_of_range())
    }

    fn seconds(&self) -> PyResult<f64> {
        let value = &self.value;
        let wrong_type = || self.wrong_type("a number of seconds or a datetime.timedelta");
        if value.is_instance_of::<PyBool>() {
            return Err(wrong_type());
        }
        value.extract().or_else(|error: PyErr| match value.cast::<PyDelta>() {
            Ok(delta) => delta.call_method0("total_seconds")?.extract(),
            Err(_) if error.is_instance_of::<PyOverflowError>(value.py()) => Err(self.out_of_range()),
            Err(_) => Err(wrong_type()),
        })
    }

    fn extract<T: FromPyObjectOwned<'py>>(&self, expected: &str) -> PyResult<T> {
        self.value.extract::<T>().map_err(|error| {
            let (error, py) = (error.into(), self.value.py());
            if error.is_instance_of::<PyTypeError>(py) {
                self.wrong_type(expected)
            } else if error.is_instance_of::<PyUnicodeError>(py) {
                // Python's own error would have the string as an attribute.
                invalid_argument(py, &format!("{} contains a surrogate, which UTF-8 cannot represent", self.name))
            } else {
                error
            }
        })
    }

    fn wrong_type(&self, expected: &str) -> PyErr {
        PyTypeError::new_err(format!("{} must be {expected}, not {}", self.name, type_name(&self.value)))
    }

    fn out_of_range(&self) -> PyErr {
        let given = self.value.repr().map(|repr| repr.to_string()).ok().filter(|repr| repr.len() <= 50);
        let given = given.map_or_else(String::new, |repr| format!(", not {repr}"));
        invalid_argument(self.value.py(), &format!("{} must be between 1 ms and 10 min{given}", self.name))
    }
}

/// Returns the name of an object's type, as Python's own errors have it.
pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().fully_qualified_name().map_or_else(|_| "an unknown type".into(), |name| name.to_string())
}

/// Returns the string of an argument that may be `None`.
pub fn optional_string(name: &str, value: Option<Any<'_>>) -> PyResult<Option<String>> {
    value.map(|value| Keyword::new(name, value).string()).transpose()
}
