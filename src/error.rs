//! What can go wrong, as one table of codes and one error that a person can act on.

use std::ffi::CStr;
use std::fmt;
use std::time::Duration;

/// One number per cause. The numbers are the C ABI's and are never reused or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Status {
    /// The call did what it says.
    Ok = 0,
    /// An argument is NULL, is not UTF-8, or is a number outside its enum. Correct the call.
    InvalidArgument = 1,
    /// The configuration is incomplete or contradicts itself. The message names each setting to change.
    InvalidConfiguration = 2,
    /// No connection to the server or the proxy; nothing was sent. Check host name, network and proxy.
    ConnectFailed = 3,
    /// The server could not prove who it is, or no common TLS version was found; nothing was sent.
    TlsFailed = 4,
    /// A deadline passed before the answer was there.
    TimedOut = 5,
    /// The connection broke after the request was sent: the server may or may not have issued a token.
    ConnectionLost = 6,
    /// The server does not accept the client's or the service account's credentials.
    CredentialsRefused = 7,
    /// The daily limit of tokens is used up. Nothing is sent again until the time the error gives.
    QuotaRefused = 8,
    /// The server refuses this request for another reason, such as an audience it does not know.
    RequestRefused = 9,
    /// The server asks to slow down (HTTP 429).
    RateLimited = 10,
    /// The server failed (HTTP 5xx), after the retries that make sense.
    ServerError = 11,
    /// An answer that this endpoint never gives, such as a redirect. Check the token URL.
    UnexpectedResponse = 12,
    /// The server's answer says success but holds no usable token.
    MalformedResponse = 13,
    /// The caller cancelled the request.
    Cancelled = 14,
    /// The call would have to wait inside a callback that the library waits for. Use the asynchronous call there.
    WouldBlock = 15,
    /// A defect of this library or a machine out of resources. Please report it with the message.
    Internal = 16,
    /// A DPoP key cannot be used: it is no private key, of an unknown kind, or not the pair of its public key.
    KeyRejected = 17,
    /// A DPoP key made no signature; a signer of the program's own says why.
    SigningFailed = 18,
    /// The server refuses the DPoP proof, or wants one that was not sent.
    ProofRefused = 19,
    /// A proof was sent and DPoP is required, and the server answered with a Bearer token, which was discarded.
    Downgraded = 20,
    /// The API refuses the token, and asking again would not change that.
    TokenRefused = 21,
    /// The shared cache cannot be used, no token is held, and fetching one past it could cost the fleet its token.
    CacheUnavailable = 22,
}

impl Status {
    /// Every status with its name in C.
    pub(crate) const NAMES: [(Self, &CStr); 23] = [
        (Self::Ok, c"TANGO_STATUS_OK"),
        (Self::InvalidArgument, c"TANGO_STATUS_INVALID_ARGUMENT"),
        (Self::InvalidConfiguration, c"TANGO_STATUS_INVALID_CONFIGURATION"),
        (Self::ConnectFailed, c"TANGO_STATUS_CONNECT_FAILED"),
        (Self::TlsFailed, c"TANGO_STATUS_TLS_FAILED"),
        (Self::TimedOut, c"TANGO_STATUS_TIMED_OUT"),
        (Self::ConnectionLost, c"TANGO_STATUS_CONNECTION_LOST"),
        (Self::CredentialsRefused, c"TANGO_STATUS_CREDENTIALS_REFUSED"),
        (Self::QuotaRefused, c"TANGO_STATUS_QUOTA_REFUSED"),
        (Self::RequestRefused, c"TANGO_STATUS_REQUEST_REFUSED"),
        (Self::RateLimited, c"TANGO_STATUS_RATE_LIMITED"),
        (Self::ServerError, c"TANGO_STATUS_SERVER_ERROR"),
        (Self::UnexpectedResponse, c"TANGO_STATUS_UNEXPECTED_RESPONSE"),
        (Self::MalformedResponse, c"TANGO_STATUS_MALFORMED_RESPONSE"),
        (Self::Cancelled, c"TANGO_STATUS_CANCELLED"),
        (Self::WouldBlock, c"TANGO_STATUS_WOULD_BLOCK"),
        (Self::Internal, c"TANGO_STATUS_INTERNAL"),
        (Self::KeyRejected, c"TANGO_STATUS_KEY_REJECTED"),
        (Self::SigningFailed, c"TANGO_STATUS_SIGNING_FAILED"),
        (Self::ProofRefused, c"TANGO_STATUS_PROOF_REFUSED"),
        (Self::Downgraded, c"TANGO_STATUS_DOWNGRADED"),
        (Self::TokenRefused, c"TANGO_STATUS_TOKEN_REFUSED"),
        (Self::CacheUnavailable, c"TANGO_STATUS_CACHE_UNAVAILABLE"),
    ];

    /// The status of a number that was written down earlier.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::NAMES.into_iter().map(|(status, _)| status).find(|&status| status as i32 == number)
    }
}

/// Why there is no token, and what to do about it.
///
/// No field ever holds a secret or a token: what a server sent is searched for them before it is kept.
#[derive(Clone, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Details>);

#[derive(Clone)]
struct Details {
    status: Status,
    message: String,
    retry_after: Option<Duration>,
    response: ServerResponse,
}

/// What the server said about a refusal, as far as it said it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerResponse {
    pub http_status: Option<u16>,
    pub oauth_error: Option<String>,
    pub oauth_error_description: Option<String>,
    pub i18n_key: Option<String>,
    pub server_message: Option<String>,
    pub request_id: Option<String>,
}

impl Error {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            message: message.into(),
            retry_after: None,
            response: ServerResponse::default(),
        }))
    }

    pub(crate) fn with_response(mut self, response: ServerResponse) -> Self {
        self.0.response = response;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// The same error for a caller who came while the library holds back, so that nobody thinks something was sent.
    pub(crate) fn repeated(&self, wait: Duration) -> Self {
        let mut error = self.clone();
        error.0.message = format!("{} (that was earlier; nothing is sent for another {} s)", self, ceil_seconds(wait));
        error.with_retry_after(Some(wait))
    }

    /// The cause, as a number that programs can compare.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// What happened and what to do, in one or two sentences. The same text as `Display`.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status of the server's answer, if one arrived.
    pub fn http_status(&self) -> Option<u16> {
        self.0.response.http_status
    }

    /// The `error` code of RFC 6749 section 5.2, such as `invalid_grant`.
    pub fn oauth_error(&self) -> Option<&str> {
        self.0.response.oauth_error.as_deref()
    }

    /// The `error_description` of RFC 6749 section 5.2.
    pub fn oauth_error_description(&self) -> Option<&str> {
        self.0.response.oauth_error_description.as_deref()
    }

    /// Tango's `i18nKey`, a stable name of the failure.
    pub fn i18n_key(&self) -> Option<&str> {
        self.0.response.i18n_key.as_deref()
    }

    /// The server's own words: Tango's `message`, or the text of an answer that is not JSON.
    pub fn server_message(&self) -> Option<&str> {
        self.0.response.server_message.as_deref()
    }

    /// The id of the request in the server's logs (`X-REQUEST-ID`), which support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.0.response.request_id.as_deref()
    }

    /// How long to wait before another call makes sense; `None` where waiting does not help.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("status", &self.0.status)
            .field("message", &self.0.message)
            .field("retry_after", &self.0.retry_after)
            .field("answer", &self.0.response)
            .finish()
    }
}

/// Whole seconds, rounded up, so that a caller who waits that long does not come too early.
pub(crate) fn ceil_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_up_to_the_last_is_a_status() {
        for (number, (status, _)) in (0..).zip(Status::NAMES) {
            assert_eq!((Status::from_number(number), status as i32), (Some(status), number));
        }
        assert_eq!(Status::from_number(23), None);
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(ceil_seconds(Duration::ZERO), 0);
        assert_eq!(ceil_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(ceil_seconds(Duration::from_secs(3)), 3);
    }
}
