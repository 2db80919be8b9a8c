//! `Authorization`: the headers of one request.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::Authorization;

/// The headers of one request to the API. Pass it to ``observe`` with the response.
#[pyclass(frozen, name = "Authorization", module = "tango_token")]
pub struct PyAuthorization(pub Authorization);

impl From<Authorization> for PyAuthorization {
    fn from(authorization: Authorization) -> Self {
        Self(authorization)
    }
}

impl PyAuthorization {
    pub fn to_headers<'py>(authorization: &Authorization, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = PyDict::new(py);
        headers.set_item("Authorization", authorization.authorization())?;
        if let Some(proof) = authorization.dpop() {
            headers.set_item("DPoP", proof)?;
        }
        Ok(headers)
    }
}

#[pymethods]
impl PyAuthorization {
    /// A new ``dict`` with ``Authorization`` and, for a token that is bound to a key, ``DPoP``. Both are secrets.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        Self::to_headers(&self.0, py)
    }

    fn __repr__(&self) -> String {
        let scheme = if self.0.dpop().is_some() { "DPoP" } else { "Bearer" };
        format!("<Authorization: {scheme}>")
    }
}
