//! `Token`: what a call of `acquire` gives.

use std::time::{Duration, SystemTime};

use pyo3::prelude::*;
use tango_token::Token;

use crate::dpop::PyDpopKey;

/// An access token of a service account (RFC 6749 section 1.4).
///
/// It stays readable as long as it is held, also when its life is over or its client is closed.
#[pyclass(frozen, name = "Token", module = "tango_token")]
pub struct PyToken(pub Token);

impl From<Token> for PyToken {
    fn from(token: Token) -> Self {
        Self(token)
    }
}

#[pymethods]
impl PyToken {
    /// The text that goes behind the token type in an ``Authorization`` header: a secret. Keep it out of logs.
    #[getter]
    fn value(&self) -> &str {
        self.0.value()
    }

    /// How it is presented to the API: ``"Bearer"``, or ``"DPoP"`` with a proof made with its key.
    #[getter]
    fn token_type(&self) -> &str {
        self.0.token_type()
    }

    /// The scope that the server granted, which may differ from the one asked for.
    #[getter]
    fn scope(&self) -> &str {
        self.0.scope()
    }

    /// The rest of its life as a ``datetime.timedelta``, zero once it is over. Setting clocks does not change it.
    #[getter]
    fn expires_in(&self) -> Duration {
        self.0.expires_in()
    }

    /// When its life ends, as a ``datetime.datetime`` in UTC by this machine's clock.
    #[getter]
    fn expires_at(&self) -> SystemTime {
        SystemTime::now() + self.0.expires_in()
    }

    /// The key that it is bound to (RFC 9449); ``None`` for a Bearer token.
    #[getter]
    fn dpop_key(&self) -> Option<PyDpopKey> {
        self.0.dpop_key().cloned().map(PyDpopKey)
    }

    /// Whether both are the same token. Takes as long for a near miss as for any other difference.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0 == self.0)
    }

    fn __repr__(&self) -> String {
        let Self(token) = self;
        format!("<Token: {}, {}, {} s left>", token.token_type(), token.scope(), token.expires_in().as_secs())
    }
}
