//! `DpopKey` and `dpop_proof`: keys that tokens are bound to, and what shows that one has them (RFC 9449).

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use secrecy::ExposeSecret;
use tango_token::{Algorithm, DpopKey, SignerError};

use crate::attach::{attach, away, enter};
use crate::config::by_name;
use crate::errors::{OrRaise, raised_by_signer};

/// A key pair for DPoP proofs (RFC 9449). Made by one of its class methods; safe to share between threads.
#[pyclass(frozen, name = "DpopKey", module = "tango_token", from_py_object)]
#[derive(Clone)]
pub struct PyDpopKey(pub DpopKey);

#[pymethods]
impl PyDpopKey {
    /// A new key.
    ///
    /// Args:
    ///     algorithm: ``"ES256"``, ``"ES384"``, ``"EdDSA"``, ``"RS256"`` or ``"PS256"``. RSA keys, of 3,072 bits, take
    ///         long to make; the others do not.
    ///
    /// Raises:
    ///     InvalidArgument: the algorithm is not known.
    #[staticmethod]
    #[pyo3(signature = (algorithm = "ES256"))]
    fn generate(py: Python<'_>, algorithm: &str) -> PyResult<Self> {
        let algorithm = by_name(py, "algorithm", algorithm)?;
        away(py, || DpopKey::generate(algorithm)).or_raise(py).map(Self)
    }

    /// A private key in PEM: PKCS#8, SEC1 (``EC PRIVATE KEY``) or PKCS#1 (``RSA PRIVATE KEY``), not encrypted.
    ///
    /// Args:
    ///     pem: the text.
    ///     algorithm: how it signs; ``None`` takes what fits the key, and PS256 for RSA.
    ///
    /// Raises:
    ///     KeyRejected: it cannot be used; the message says why.
    #[staticmethod]
    #[pyo3(signature = (pem, algorithm = None))]
    fn from_pem(py: Python<'_>, pem: &str, algorithm: Option<&str>) -> PyResult<Self> {
        let algorithm = algorithm.map(|name| by_name(py, "algorithm", name)).transpose()?;
        DpopKey::from_pem(pem, algorithm).or_raise(py).map(Self)
    }

    /// A private key as a JWK (RFC 7517).
    ///
    /// Args:
    ///     jwk: a ``dict``, or its JSON. Its ``alg``, where it has one, says how it signs.
    ///
    /// Raises:
    ///     KeyRejected: it cannot be used; the message says why.
    #[staticmethod]
    fn from_jwk(jwk: &Bound<'_, PyAny>) -> PyResult<Self> {
        DpopKey::from_jwk(&json(jwk)?).or_raise(jwk.py()).map(Self)
    }

    /// A private key from a file, in PEM or as a JWK.
    ///
    /// Raises:
    ///     KeyRejected: names the file and what is wrong with it.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        DpopKey::from_file(path).or_raise(py).map(Self)
    }

    /// A key that stays elsewhere, in an HSM, a TPM or a key service.
    ///
    /// Args:
    ///     algorithm: how it signs, such as ``"ES256"``.
    ///     public_jwk: the public key as a JWK, a ``dict`` or its JSON.
    ///     sign: gets a message as ``bytes`` and gives its signature, for ECDSA ``R || S`` or DER. It is called once
    ///         here and then once for each proof, on any thread, on several at once.
    ///
    /// Raises:
    ///     KeyRejected: the signature is not one of this public key.
    ///     SigningFailed: ``sign`` raised an error, which is the cause of this one.
    #[staticmethod]
    fn from_signer(algorithm: &str, public_jwk: &Bound<'_, PyAny>, sign: Py<PyAny>) -> PyResult<Self> {
        let py = public_jwk.py();
        let _visit = enter(py);
        let algorithm: Algorithm = by_name(py, "algorithm", algorithm)?;
        DpopKey::from_signer(algorithm, &json(public_jwk)?, move |message| signature(&sign, message))
            .or_raise(py)
            .map(Self)
    }

    /// How it signs, such as ``"ES256"``.
    #[getter]
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().name()
    }

    /// The public key as a JWK, with its required members only.
    #[getter]
    fn public_jwk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let _visit = enter(py);
        py.import("json")?.call_method1("loads", (self.0.public_jwk(),))
    }

    /// The RFC 7638 thumbprint, which is the ``jkt`` that a token is bound to.
    #[getter]
    fn thumbprint(&self) -> &str {
        self.0.thumbprint()
    }

    /// The private key as PKCS#8 in PEM, for keeping it somewhere safe: a secret.
    ///
    /// Raises:
    ///     KeyRejected: it is not here, because a signer of the program's own has it.
    fn to_pem(&self, py: Python<'_>) -> PyResult<String> {
        self.0.to_pem().or_raise(py).map(|pem| pem.expose_secret().to_owned())
    }

    fn __repr__(&self) -> String {
        format!("<DpopKey: {}, {}>", self.0.algorithm(), self.0.thumbprint())
    }
}

/// The value of the ``DPoP`` header of one request (RFC 9449 section 4), for programs that get their tokens elsewhere.
///
/// Args:
///     key: the key that the token is bound to.
///     method: as it is sent.
///     url: where the request goes.
///     access_token: the token that the request presents, if any.
///     nonce: the one that this server gave last, if any.
///
/// Raises:
///     InvalidArgument: names the argument that cannot be used.
///     SigningFailed: the key made no signature.
// The GIL stays: to take it back can last longer than a signature.
#[pyfunction]
#[pyo3(signature = (key, method, url, *, access_token = None, nonce = None))]
pub fn dpop_proof(
    py: Python<'_>,
    key: &Bound<'_, PyDpopKey>,
    method: &str,
    url: &str,
    access_token: Option<&str>,
    nonce: Option<&str>,
) -> PyResult<String> {
    let _visit = enter(py);
    key.get().0.proof(method, url, access_token, nonce).or_raise(py)
}

/// What a signer of the program's own makes of a message. Its error is told in its words, and kept for the chain.
fn signature(sign: &Py<PyAny>, message: &[u8]) -> Result<Vec<u8>, SignerError> {
    let signed = attach(|py| {
        let made = sign.call1(py, (PyBytes::new(py, message),));
        made.and_then(|signature| Ok(signature.bind(py).cast::<PyBytes>()?.as_bytes().to_vec())).map_err(|error| {
            let words = error.to_string();
            raised_by_signer(error);
            SignerError(words)
        })
    });
    signed.unwrap_or_else(|| Err(SignerError("Python is about to end".into())))
}

fn json(jwk: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = jwk.cast::<PyString>() {
        return text.extract();
    }
    let _visit = enter(jwk.py());
    jwk.py().import("json")?.call_method1("dumps", (jwk,))?.extract()
}
