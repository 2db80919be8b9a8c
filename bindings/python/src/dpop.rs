//! `DpopKey` and `dpop_proof`: the keys that tokens are bound to, and proofs of possession (RFC 9449).

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping};
use secrecy::{ExposeSecret, SecretString};
use tango_token::{Algorithm, DpopKey, SignerError};

use crate::attach::{attach, attached, detached};
use crate::errors::{OrRaise, set_signer_exception};
use crate::keywords::{Any, Keyword, optional_string, type_name};
use crate::logging;

/// A key pair for DPoP proofs (RFC 9449). Create one with a static method; threads may share it.
#[pyclass(frozen, name = "DpopKey", module = "tango_token", from_py_object)]
#[derive(Clone)]
pub struct PyDpopKey(pub DpopKey);

#[pymethods]
impl PyDpopKey {
    /// Generates a new key.
    ///
    /// Args:
    ///     algorithm: ``"ES256"``, ``"ES384"``, ``"EdDSA"``, ``"RS256"`` or ``"PS256"``. RSA keys have 3,072 bits and
    ///         take noticeable time to generate; other keys do not.
    ///
    /// Raises:
    ///     InvalidArgument: the algorithm is not supported.
    #[staticmethod]
    #[pyo3(signature = (algorithm = None), text_signature = "(algorithm='ES256')")]
    fn generate(py: Python<'_>, algorithm: Option<Any<'_>>) -> PyResult<Self> {
        let algorithm = optional_algorithm(algorithm)?.unwrap_or(Algorithm::Es256);
        detached(py, || DpopKey::generate(algorithm)).or_raise(py).map(Self)
    }

    /// Reads a private key in PEM: PKCS#8, SEC1 (``EC PRIVATE KEY``) or PKCS#1 (``RSA PRIVATE KEY``), not encrypted.
    ///
    /// Args:
    ///     pem: the key as a PEM string.
    ///     algorithm: the signature algorithm; ``None`` chooses the one that fits the key, PS256 for RSA.
    ///
    /// Raises:
    ///     KeyRejected: the key cannot be used; the message says why.
    #[staticmethod]
    #[pyo3(signature = (pem, algorithm = None))]
    fn from_pem(py: Python<'_>, pem: Any<'_>, algorithm: Option<Any<'_>>) -> PyResult<Self> {
        let pem = SecretString::from(Keyword::new("pem", pem).string()?);
        let algorithm = optional_algorithm(algorithm)?;
        DpopKey::from_pem(pem.expose_secret(), algorithm).or_raise(py).map(Self)
    }

    /// Reads a private key from a JWK (RFC 7517).
    ///
    /// Args:
    ///     jwk: a ``dict``, or its JSON. Its ``alg`` member, if present, is the signature algorithm.
    ///
    /// Raises:
    ///     KeyRejected: the key cannot be used; the message says why.
    #[staticmethod]
    fn from_jwk(jwk: &Bound<'_, PyAny>) -> PyResult<Self> {
        DpopKey::from_jwk(&json("jwk", jwk)?).or_raise(jwk.py()).map(Self)
    }

    /// Reads a private key from a file, in PEM or as a JWK.
    ///
    /// Raises:
    ///     KeyRejected: the file or the key cannot be used; the message names the file and says why.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: Any<'_>) -> PyResult<Self> {
        logging::connect(py)?;
        DpopKey::from_file(Keyword::new("path", path).path()?).or_raise(py).map(Self)
    }

    /// Creates a key whose private half stays in an HSM, a TPM or a key service.
    ///
    /// Args:
    ///     algorithm: the signature algorithm, such as ``"ES256"``.
    ///     public_jwk: the public key as a JWK, a ``dict`` or its JSON.
    ///     sign: a function that takes a message as ``bytes`` and returns its signature (for ECDSA: ``R || S`` or DER).
    ///         It is called once here, to check the key, and once for each proof, on any thread and concurrently.
    ///
    /// Raises:
    ///     KeyRejected: the signature does not verify with this public key.
    ///     SigningFailed: ``sign`` raised an exception, which is the ``__cause__`` of this one.
    #[staticmethod]
    fn from_signer(algorithm: Any<'_>, public_jwk: &Bound<'_, PyAny>, sign: Any<'_>) -> PyResult<Self> {
        let py = public_jwk.py();
        let _guard = attached(py);
        let algorithm: Algorithm = Keyword::new("algorithm", algorithm).parse()?;
        let sign = Keyword::new("sign", sign).callable()?.unbind();
        DpopKey::from_signer(algorithm, &json("public_jwk", public_jwk)?, move |message| signature(&sign, message))
            .or_raise(py)
            .map(Self)
    }

    /// The signature algorithm, such as ``"ES256"``.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().name()
    }

    /// The public key as a JWK, with its required members only.
    #[getter]
    fn public_jwk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let _guard = attached(py);
        py.import("json")?.call_method1("loads", (self.0.public_jwk(),))
    }

    /// The RFC 7638 thumbprint: the ``jkt`` of tokens that are bound to this key.
    #[getter]
    fn thumbprint(&self) -> &str {
        self.0.thumbprint()
    }

    /// Returns the private key as PKCS#8 in PEM, to store it in a safe place. It is a secret.
    ///
    /// Raises:
    ///     KeyRejected: the private key is not available, because the key comes from ``from_signer``.
    fn to_pem(&self, py: Python<'_>) -> PyResult<String> {
        self.0.to_pem().or_raise(py).map(|pem| pem.expose_secret().to_owned())
    }

    fn __repr__(&self) -> String {
        format!("<DpopKey: {}, {}>", self.0.algorithm(), self.0.thumbprint())
    }
}

/// Returns the ``DPoP`` header of one request (RFC 9449 section 4), for tokens that do not come from a ``Client``.
///
/// Args:
///     key: the key that the token is bound to.
///     method: the HTTP method, exactly as it is sent.
///     url: the URL of the request.
///     access_token: the token that the request carries; ``None`` for a token request.
///     nonce: the ``DPoP-Nonce`` that this server sent last, if any.
///
/// Raises:
///     InvalidArgument: an argument is not valid; the message names it.
///     SigningFailed: the key could not sign.
// Keeps the GIL: taking it back can last longer than a signature.
#[pyfunction]
#[pyo3(signature = (key, method, url, *, access_token = None, nonce = None))]
pub fn dpop_proof(
    py: Python<'_>,
    key: Any<'_>,
    method: Any<'_>,
    url: Any<'_>,
    access_token: Option<Any<'_>>,
    nonce: Option<Any<'_>>,
) -> PyResult<String> {
    let _guard = attached(py);
    let key = Keyword::new("key", key).object::<PyDpopKey>("a tango_token.DpopKey")?;
    let (method, url) = (Keyword::new("method", method).string()?, Keyword::new("url", url).string()?);
    let access_token = optional_string("access_token", access_token)?.map(SecretString::from);
    let nonce = optional_string("nonce", nonce)?;
    let access_token = access_token.as_ref().map(ExposeSecret::expose_secret);
    key.get().0.proof(&method, &url, access_token, nonce.as_deref()).or_raise(py)
}

fn optional_algorithm(name: Option<Any<'_>>) -> PyResult<Option<Algorithm>> {
    name.map(|name| Keyword::new("algorithm", name).parse()).transpose()
}

/// Calls a custom signer. Keeps the exception that it raises, as the cause of the `SigningFailed` that follows.
fn signature(sign: &Py<PyAny>, message: &[u8]) -> Result<Vec<u8>, SignerError> {
    let signed = attach(|py| {
        let result = sign.call1(py, (PyBytes::new(py, message),)).and_then(|signature| to_bytes(signature.bind(py)));
        result.map_err(|error| {
            let message = error.to_string();
            set_signer_exception(error);
            SignerError(message)
        })
    });
    signed.unwrap_or_else(|| Err(SignerError("Python is shutting down".into())))
}

fn to_bytes(signature: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let bytes = signature.cast::<PyBytes>().map(|bytes| bytes.as_bytes().to_vec());
    bytes.map_err(|_| PyTypeError::new_err(format!("sign must return bytes, not {}", type_name(signature))))
}

/// Returns a JWK as JSON.
fn json(name: &str, jwk: &Bound<'_, PyAny>) -> PyResult<String> {
    let Ok(mapping) = jwk.cast::<PyMapping>() else {
        return Keyword::new(name, jwk.clone()).string_or("a dict or a str");
    };
    let _guard = attached(jwk.py());
    let dict = jwk.py().get_type::<PyDict>().call1((mapping,))?;
    jwk.py().import("json")?.call_method1("dumps", (dict,))?.extract()
}
