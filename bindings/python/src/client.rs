//! `Client`: the native half. Its coroutines are in `tango_token/_client.py`, because only Python makes real ones.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::{Authorization, Client, Credentials, Observation, Verdict};

use crate::asyncio::awaitable;
use crate::attach::{away, enter, watch};
use crate::authorization::PyAuthorization;
use crate::config;
use crate::errors::{OrRaise, invalid_argument};
use crate::logging;
use crate::token::PyToken;
use crate::wait::wait;

/// What tango_token.Client is made of.
#[pyclass(frozen, subclass, name = "Client", module = "tango_token._native")]
pub struct PyClient {
    /// `None` once it is closed. Locked only with the GIL and for a moment, so that no fork meets it locked.
    client: Mutex<Option<Client>>,
}

impl PyClient {
    fn open(&self, py: Python<'_>) -> PyResult<Client> {
        drop(enter(py));
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        client.ok_or_else(|| invalid_argument(py, "this client was closed"))
    }
}

#[pymethods]
impl PyClient {
    #[new]
    #[pyo3(signature = (*, load_env = false, **options))]
    fn new(py: Python<'_>, load_env: bool, options: Option<Bound<'_, PyDict>>) -> PyResult<Self> {
        let config = config::from_keywords(py, load_env, options)?;
        // In this order: what is registered last is called first before a fork, when `logging` does not hold its lock yet.
        logging::connect(py)?;
        watch(py)?;
        let client = away(py, || Client::new(&config)).or_raise(py)?;
        Ok(Self { client: Mutex::new(Some(client)) })
    }

    /// A valid token: at once where one is held, else after the one fetch that all callers share.
    ///
    /// Waits without the GIL, at most for the total timeout; Ctrl-C ends it.
    ///
    /// Raises:
    ///     TangoError: the subclass says why there is none, and what to do.
    fn acquire(&self, py: Python<'_>) -> PyResult<PyToken> {
        let client = self.open(py)?;
        let token = if logging::is_delivering() {
            // On the library's own thread it would wait for itself, which only the library notices.
            away(py, || client.acquire())
        } else {
            wait(py, client.acquire_async())?
        };
        token.or_raise(py).map(PyToken)
    }

    /// The headers of one call of the API: acquires a token if none is held, and makes a proof if it is bound to a key.
    ///
    /// Args:
    ///     method: as it is sent.
    ///     url: where it goes; the API's origin, or one of ``allowed_origins``.
    ///
    /// Raises:
    ///     InvalidArgument: the method or the URL cannot be used; nothing was sent.
    ///     TangoError: there is no token; the subclass says why.
    fn authorize(&self, py: Python<'_>, method: &str, url: &str) -> PyResult<PyAuthorization> {
        let client = self.open(py)?;
        let authorization = if logging::is_delivering() {
            away(py, || client.authorize(method, url))
        } else {
            wait(py, client.authorize_async(method, url))?
        };
        authorization.or_raise(py).map(PyAuthorization)
    }

    /// The headers for sending the same request once more, after ``observe`` returned true.
    ///
    /// Args:
    ///     refused: the authorization that the first one was sent with.
    ///
    /// Raises:
    ///     TangoError: there is no token; the subclass says why.
    fn authorize_again(&self, py: Python<'_>, refused: &Bound<'_, PyAuthorization>) -> PyResult<PyAuthorization> {
        let client = self.open(py)?;
        let refused: &Authorization = &refused.get().0;
        let authorization = if logging::is_delivering() {
            away(py, || client.authorize_again(refused))
        } else {
            wait(py, client.authorize_again_async(refused))?
        };
        authorization.or_raise(py).map(PyAuthorization)
    }

    /// The headers of one call of the API as a ``dict``, for programs that do not look at the answer.
    ///
    /// The arguments and errors are those of ``authorize``.
    fn headers<'py>(&self, py: Python<'py>, method: &str, url: &str) -> PyResult<Bound<'py, PyDict>> {
        PyAuthorization::to_headers(&self.authorize(py, method, url)?.0, py)
    }

    /// Learns from an answer of the API, and says whether to send the request once more.
    ///
    /// Args:
    ///     authorization: the one that the request was sent with.
    ///     http_status: the answer's.
    ///     dpop_nonce: its ``DPoP-Nonce`` header, if it has one. Pass it for a successful answer too.
    ///     www_authenticate: its ``WWW-Authenticate`` header, if it has one; several joined by ``", "``.
    ///     date: its ``Date`` header, if it has one.
    ///
    /// Returns:
    ///     True if something was learned that makes the same request succeed: send it once more, with
    ///     ``authorize_again``. Never twice for one request.
    ///
    /// Raises:
    ///     ProofRefused, TokenRefused: sending it again would not help; the message says why.
    ///     InvalidArgument: the status is not one of HTTP's, which are 100 to 599.
    #[pyo3(signature = (authorization, http_status, *, dpop_nonce = None, www_authenticate = None, date = None))]
    fn observe(
        &self,
        py: Python<'_>,
        authorization: &Bound<'_, PyAuthorization>,
        http_status: i64,
        dpop_nonce: Option<&str>,
        www_authenticate: Option<&str>,
        date: Option<&str>,
    ) -> PyResult<bool> {
        let known = u16::try_from(http_status).ok().filter(|status| (100..=599).contains(status));
        let http_status = known.ok_or_else(|| invalid_argument(py, &format!("http_status {http_status} is none")))?;
        let answer = Observation { http_status, dpop_nonce, www_authenticate, date };
        let verdict = self.open(py)?.observe(&authorization.get().0, &answer).or_raise(py)?;
        Ok(verdict == Verdict::Retry)
    }

    /// Drops a token that the API refused as ``invalid_token``, if it is the one that is held. True if it was.
    ///
    /// The next ``acquire`` fetches another, which the server's quota may refuse: call this for that refusal only.
    fn invalidate(&self, py: Python<'_>, token: &Bound<'_, PyToken>) -> PyResult<bool> {
        Ok(self.open(py)?.invalidate(&token.get().0))
    }

    /// Uses other credentials from now on: a new client ID and secret, another service account, or both.
    ///
    /// The token that is held goes on being served until there is one for the new credentials; the next call starts to
    /// fetch it behind that one. A changed password alone is used for the next fetch and needs no new token.
    ///
    /// Args:
    ///     client_id, client_secret: another pair; given both or neither.
    ///     username, password: another pair; given both or neither.
    ///
    /// Raises:
    ///     InvalidArgument: one of a pair is missing or empty.
    #[pyo3(signature = (*, client_id = None, client_secret = None, username = None, password = None))]
    fn set_credentials(
        &self,
        py: Python<'_>,
        client_id: Option<String>,
        client_secret: Option<String>,
        username: Option<String>,
        password: Option<String>,
    ) -> PyResult<()> {
        let mut credentials = Credentials::new();
        if let Some((id, secret)) = pair(py, client_id, client_secret, "client_id and client_secret")? {
            credentials = credentials.client(id, secret);
        }
        if let Some((name, password)) = pair(py, username, password, "username and password")? {
            credentials = credentials.service_account(name, password);
        }
        self.open(py)?.set_credentials(&credentials).or_raise(py)
    }

    /// Forgets the token, the connection and the credentials. Whoever uses the client afterwards gets InvalidArgument.
    fn close(&self) {
        drop(self.client.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn _acquire<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        awaitable::<_, PyToken>(py, self.open(py)?.acquire_async())
    }

    fn _authorize<'py>(&self, py: Python<'py>, method: &str, url: &str) -> PyResult<Bound<'py, PyAny>> {
        awaitable::<_, PyAuthorization>(py, self.open(py)?.authorize_async(method, url))
    }

    fn _authorize_again<'py>(
        &self,
        py: Python<'py>,
        refused: &Bound<'py, PyAuthorization>,
    ) -> PyResult<Bound<'py, PyAny>> {
        awaitable::<_, PyAuthorization>(py, self.open(py)?.authorize_again_async(&refused.get().0))
    }

    fn __repr__(&self) -> String {
        match &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(client) => format!("<tango_token.{client:?}>"),
            None => "<tango_token.Client, closed>".into(),
        }
    }
}

fn pair(
    py: Python<'_>,
    name: Option<String>,
    secret: Option<String>,
    called: &str,
) -> PyResult<Option<(String, String)>> {
    match (name, secret) {
        (Some(name), Some(secret)) => Ok(Some((name, secret))),
        (None, None) => Ok(None),
        _ => Err(invalid_argument(py, &format!("{called} belong together: give both or neither"))),
    }
}
