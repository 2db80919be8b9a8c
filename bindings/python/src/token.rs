//! `Token`: the result of `acquire`.

use std::time::{Duration, SystemTime};

use pyo3::prelude::*;
use tango_token::Token;

use crate::dpop::PyDpopKey;

/// An access token of a service account (RFC 6749 section 1.4).
///
/// It stays readable after it has expired and after its client was closed.
#[pyclass(frozen, name = "Token", module = "tango_token")]
pub struct PyToken(pub Token);

impl From<Token> for PyToken {
    fn from(token: Token) -> Self {
        Self(token)
    }
}

#[pymethods]
impl PyToken {
    /// The token itself, which follows the token type in an ``Authorization`` header. A secret: keep it out of logs.
    #[getter]
    fn value(&self) -> &str {
        self.0.value()
    }

    /// The scheme of the ``Authorization`` header: ``"Bearer"``, or ``"DPoP"`` together with a proof.
    #[getter]
    fn token_type(&self) -> &str {
        self.0.token_type()
    }

    /// The scope that the server granted, which may differ from the requested one.
    #[getter]
    fn scope(&self) -> &str {
        self.0.scope()
    }

    /// The remaining lifetime as a ``datetime.timedelta``; zero once it has expired. Independent of the system clock.
    #[getter]
    fn expires_in(&self) -> Duration {
        self.0.expires_in()
    }

    /// The time of expiry as a ``datetime.datetime`` in UTC, by the system clock.
    #[getter]
    fn expires_at(&self) -> SystemTime {
        SystemTime::now() + self.0.expires_in()
    }

    /// The key that the token is bound to (RFC 9449); ``None`` for a Bearer token.
    #[getter]
    fn dpop_key(&self) -> Option<PyDpopKey> {
        self.0.dpop_key().cloned().map(PyDpopKey)
    }

    /// Compares the tokens in constant time.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __repr__(&self) -> String {
        let Self(token) = self;
        format!("<Token: {}, {}, {} s left>", token.token_type(), token.scope(), token.expires_in().as_secs())
    }
}
