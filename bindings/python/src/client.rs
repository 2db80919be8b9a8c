//! `Client`: the native half. Its coroutines are in `tango_token/_client.py`, since only Python code makes coroutines.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::callback_threads::is_in_log_receiver;
use tango_token::{Authorization, Client, Credentials, Observation, Verdict};

use crate::asyncio::awaitable;
use crate::attach::{attached, detached};
use crate::authorization::PyAuthorization;
use crate::config;
use crate::errors::{OrRaise, invalid_argument};
use crate::keywords::{Any, Keyword, optional_string};
use crate::logging;
use crate::stats::PyStats;
use crate::token::PyToken;
use crate::wait::wait;

/// The base class of tango_token.Client.
#[pyclass(frozen, subclass, name = "Client", module = "tango_token._native")]
pub struct PyClient {
    /// `None` once it is closed. Locked only with the GIL held and never for long, so that no fork finds it locked.
    client: Mutex<Option<Client>>,
}

impl PyClient {
    fn open(&self, py: Python<'_>) -> PyResult<Client> {
        drop(attached(py));
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        client.ok_or_else(|| invalid_argument(py, "the client is closed; create another one"))
    }
}

#[pymethods]
impl PyClient {
    #[new]
    #[pyo3(signature = (*, load_env = None, **options), text_signature = "(*, load_env=False, **options)")]
    fn new(py: Python<'_>, load_env: Option<Any<'_>>, options: Option<Bound<'_, PyDict>>) -> PyResult<Self> {
        let load_env = load_env.map(|flag| Keyword::new("load_env", flag).flag()).transpose()?;
        let config = config::from_keywords(py, load_env.unwrap_or_default(), options)?;
        logging::connect(py)?;
        let client = detached(py, || Client::new(&config)).or_raise(py)?;
        Ok(Self { client: Mutex::new(Some(client)) })
    }

    /// Returns a valid token: at once if the client holds one, otherwise after one fetch that all callers share.
    ///
    /// Waits without the GIL, for the total timeout at most. Ctrl-C ends the wait.
    ///
    /// Raises:
    ///     TangoError: there is no token; the subclass says why, and the message what to do.
    fn acquire(&self, py: Python<'_>) -> PyResult<PyToken> {
        let client = self.open(py)?;
        let token = if is_in_log_receiver() {
            // A handler must not wait on the log thread; the blocking call detects that, `wait` does not.
            detached(py, || client.acquire())
        } else {
            wait(py, client.acquire_async())?
        };
        token.or_raise(py).map(PyToken)
    }

    /// Returns the headers of one API call: acquires a token, and makes a DPoP proof if the token is bound to a key.
    ///
    /// Args:
    ///     method: the HTTP method, exactly as it is sent.
    ///     url: the URL of the request; its origin is the API's or one of ``allowed_origins``.
    ///
    /// Raises:
    ///     InvalidArgument: the method or the URL is not valid; nothing was sent.
    ///     TangoError: there is no token; the subclass says why.
    fn authorize(&self, py: Python<'_>, method: Any<'_>, url: Any<'_>) -> PyResult<PyAuthorization> {
        let client = self.open(py)?;
        let (method, url) = request(method, url)?;
        let authorization = if is_in_log_receiver() {
            detached(py, || client.authorize(&method, &url))
        } else {
            wait(py, client.authorize_async(&method, &url))?
        };
        authorization.or_raise(py).map(PyAuthorization)
    }

    /// Returns the headers for sending the same request again, after ``observe`` returned true.
    ///
    /// Args:
    ///     refused: the authorization that the request was sent with.
    ///
    /// Raises:
    ///     TangoError: there is no token; the subclass says why.
    fn authorize_again(&self, py: Python<'_>, refused: Any<'_>) -> PyResult<PyAuthorization> {
        let client = self.open(py)?;
        let refused = authorization("refused", refused)?;
        let refused: &Authorization = &refused.get().0;
        let authorization = if is_in_log_receiver() {
            detached(py, || client.authorize_again(refused))
        } else {
            wait(py, client.authorize_again_async(refused))?
        };
        authorization.or_raise(py).map(PyAuthorization)
    }

    /// Returns the headers of one API call as a ``dict``, for programs that do not pass the response to ``observe``.
    ///
    /// Takes the arguments of ``authorize`` and raises the same errors.
    fn headers<'py>(&self, py: Python<'py>, method: Any<'py>, url: Any<'py>) -> PyResult<Bound<'py, PyDict>> {
        PyAuthorization::to_headers(&self.authorize(py, method, url)?.0, py)
    }

    /// Learns from a response of the API (nonces, the API's clock, a rejected token).
    ///
    /// Args:
    ///     authorization: the authorization that the request was sent with.
    ///     http_status: the status of the response. One that HTTP does not have is the program's concern: there is
    ///         nothing to send again.
    ///     dpop_nonce: its ``DPoP-Nonce`` header, if it has one. Pass it for a successful response too.
    ///     www_authenticate: its ``WWW-Authenticate`` header, if it has one; several joined by ``", "``.
    ///     date: its ``Date`` header, if it has one.
    ///
    /// Returns:
    ///     True if the request should be sent again, with the headers of ``authorize_again``. Go on while it is true:
    ///     that ends, usually after one retry.
    ///
    /// Raises:
    ///     ProofRefused, TokenRefused: sending the request again would not help; the message says why.
    #[pyo3(signature = (authorization, http_status, *, dpop_nonce = None, www_authenticate = None, date = None))]
    fn observe(
        &self,
        py: Python<'_>,
        authorization: Any<'_>,
        http_status: Any<'_>,
        dpop_nonce: Option<Any<'_>>,
        www_authenticate: Option<Any<'_>>,
        date: Option<Any<'_>>,
    ) -> PyResult<bool> {
        let authorization = self::authorization("authorization", authorization)?;
        let http_status = Keyword::new("http_status", http_status).integer()?;
        let dpop_nonce = optional_string("dpop_nonce", dpop_nonce)?;
        let www_authenticate = optional_string("www_authenticate", www_authenticate)?;
        let date = optional_string("date", date)?;
        let observation = Observation {
            http_status: u16::try_from(http_status).unwrap_or_default(),
            dpop_nonce: dpop_nonce.as_deref(),
            www_authenticate: www_authenticate.as_deref(),
            date: date.as_deref(),
        };
        let (client, authorization) = (self.open(py)?, &authorization.get().0);
        let observe = || client.observe(authorization, &observation);
        // The text of a refusal is searched for secrets, which can take milliseconds.
        let verdict = if observation.http_status == 401 { detached(py, observe) } else { observe() };
        Ok(verdict.or_raise(py)? == Verdict::Retry)
    }

    /// Marks a token as suspect, because the API rejected it as ``invalid_token``. Returns whether it was the current
    /// one, and not suspect before.
    ///
    /// The next ``acquire`` requests one replacement. While there can be none, because the server's daily quota refuses
    /// it or the token is itself a replacement, the suspect token is served again.
    fn invalidate(&self, py: Python<'_>, token: Any<'_>) -> PyResult<bool> {
        let token = Keyword::new("token", token).object::<PyToken>("a tango_token.Token")?;
        Ok(self.open(py)?.invalidate(&token.get().0))
    }

    /// Changes the credentials: the client ID and secret, the service account, or both.
    ///
    /// The next call starts to fetch a token for the new credentials in the background; until it arrives, the client
    /// serves the current token. A changed password alone is used for the next fetch and needs no new token.
    ///
    /// Args:
    ///     client_id, client_secret: the new pair; give both or neither.
    ///     username, password: the new pair; give both or neither.
    ///
    /// Raises:
    ///     InvalidArgument: one of a pair is missing or empty.
    #[pyo3(signature = (*, client_id = None, client_secret = None, username = None, password = None))]
    fn set_credentials(
        &self,
        py: Python<'_>,
        client_id: Option<Any<'_>>,
        client_secret: Option<Any<'_>>,
        username: Option<Any<'_>>,
        password: Option<Any<'_>>,
    ) -> PyResult<()> {
        let mut credentials = Credentials::new();
        if let Some((id, secret)) = pair(py, ("client_id", client_id), ("client_secret", client_secret))? {
            credentials = credentials.client(id, secret);
        }
        if let Some((name, password)) = pair(py, ("username", username), ("password", password))? {
            credentials = credentials.service_account(name, password);
        }
        self.open(py)?.set_credentials(&credentials).or_raise(py)
    }

    /// Returns what the client has done in this process, and what it holds. Sends nothing and waits for nothing.
    fn stats(&self, py: Python<'_>) -> PyResult<PyStats> {
        Ok(PyStats(self.open(py)?.stats()))
    }

    /// Drops the token, the connection and the credentials. Later calls raise InvalidArgument.
    fn close(&self) {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Unlocked, because this can run the `__del__` of a custom signer.
        drop(client);
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

    fn _authorize<'py>(&self, py: Python<'py>, method: Any<'py>, url: Any<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (method, url) = request(method, url)?;
        awaitable::<_, PyAuthorization>(py, self.open(py)?.authorize_async(&method, &url))
    }

    fn _authorize_again<'py>(&self, py: Python<'py>, refused: Any<'py>) -> PyResult<Bound<'py, PyAny>> {
        let refused = authorization("refused", refused)?;
        awaitable::<_, PyAuthorization>(py, self.open(py)?.authorize_again_async(&refused.get().0))
    }

    fn __repr__(&self) -> String {
        match &*self.client.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(client) => format!("<tango_token.{client:?}>"),
            None => "<tango_token.Client, closed>".into(),
        }
    }
}

/// Returns the method and the URL of a request.
fn request(method: Any<'_>, url: Any<'_>) -> PyResult<(String, String)> {
    Ok((Keyword::new("method", method).string()?, Keyword::new("url", url).string()?))
}

fn authorization<'py>(name: &str, value: Any<'py>) -> PyResult<Bound<'py, PyAuthorization>> {
    Keyword::new(name, value).object("a tango_token.Authorization")
}

type Argument<'a, 'py> = (&'a str, Option<Any<'py>>);

/// Returns two arguments that belong together.
fn pair(py: Python<'_>, name: Argument<'_, '_>, secret: Argument<'_, '_>) -> PyResult<Option<(String, String)>> {
    match (name, secret) {
        ((_, None), (_, None)) => Ok(None),
        ((called, Some(name)), (secret_called, Some(secret))) => {
            Ok(Some((Keyword::new(called, name).string()?, Keyword::new(secret_called, secret).string()?)))
        }
        ((called, name), (secret_called, _)) => {
            let (given, missing) = if name.is_some() { (called, secret_called) } else { (secret_called, called) };
            Err(invalid_argument(py, &format!("{given} was given without {missing}: give both or neither")))
        }
    }
}
