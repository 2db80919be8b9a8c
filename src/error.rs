//! The status codes of the library, and the error that explains one to a person.

use std::ffi::CStr;
use std::fmt;
use std::time::Duration;

use crate::human;

/// The result of a call. The numbers are part of the C ABI: a number is never reused, and never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Status {
    /// The call succeeded.
    Ok = 0,
    /// An argument is invalid: NULL, not UTF-8, a number outside its enum, or a URL whose origin may get no token.
    InvalidArgument = 1,
    /// The configuration is incomplete or contradicts itself. The message names each setting to change.
    InvalidConfiguration = 2,
    /// No connection to the server or the proxy could be made; nothing was sent. Check host name, network and proxy.
    ConnectFailed = 3,
    /// The TLS handshake failed: the certificate is not trusted, there is no common TLS version, or the server requires
    /// a client certificate. The server read no request.
    TlsFailed = 4,
    /// A deadline passed before a token arrived. If the request had been sent, the server may have issued a token
    /// anyway.
    TimedOut = 5,
    /// The connection broke after the request was sent. The server may have issued a token anyway.
    ConnectionLost = 6,
    /// The server does not accept the client ID, the client secret, the user name or the password, or does not let the
    /// client use the password grant.
    CredentialsRefused = 7,
    /// The daily limit of tokens is used up. Nothing is sent before the time that the error gives: when the limit
    /// resets or, if the library does not know when the last token was issued, about an hour later.
    QuotaRefused = 8,
    /// The server refuses the token request for another reason, such as an unknown audience.
    RequestRefused = 9,
    /// The server asks the client to send fewer requests (HTTP 429, or the code `slow_down`).
    RateLimited = 10,
    /// The server or a gateway cannot serve the request now, and no retry within the call succeeded: HTTP 408, 421, 425 or
    /// 5xx, or the code `temporarily_unavailable` or `server_error`.
    ServerError = 11,
    /// The response is not that of a token endpoint: a redirect, for example, or not valid HTTP. Check the token URL.
    UnexpectedResponse = 12,
    /// The response reports success, but contains neither a usable token nor an error code.
    MalformedResponse = 13,
    /// The caller cancelled the request.
    Cancelled = 14,
    /// The call would block inside a callback that the library waits for. Use the asynchronous call there.
    WouldBlock = 15,
    /// The library has a defect, or the machine is out of resources. Please report the message.
    Internal = 16,
    /// A DPoP key cannot be used: it is not a private key, is of an unsupported kind, or does not match its public key.
    KeyRejected = 17,
    /// A DPoP key could not sign. If a custom signer failed, the message contains its error.
    SigningFailed = 18,
    /// The server refuses the DPoP proof or the nonce in it, or requires a proof and got none. The message names the DPoP
    /// mode, the clock, the header or the nonce.
    ProofRefused = 19,
    /// DPoP is required, but the server issued a Bearer token, which this client does not use.
    Downgraded = 20,
    /// The API rejects the token, and another attempt would not change that.
    TokenRefused = 21,
    /// The shared cache cannot be used and no token is held. None is fetched, because that could use up the daily limit
    /// of all processes.
    CacheUnavailable = 22,
}

impl Status {
    /// Each status and its name in C.
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

    /// Returns the name, as C and the documents have it without the prefix `TANGO_STATUS_`: `QUOTA_REFUSED`.
    pub fn name(self) -> &'static str {
        let known = Self::NAMES.into_iter().find(|(status, _)| *status == self);
        let name = known.and_then(|(_, name)| name.to_str().ok()).unwrap_or_default();
        name.strip_prefix("TANGO_STATUS_").unwrap_or(name)
    }

    /// Returns whether the cause can go away while a program waits. The others last until somebody changes a setting, a
    /// credential or a server, so waiting does not help.
    fn can_pass(self) -> bool {
        match self {
            Self::ConnectFailed
            | Self::TimedOut
            | Self::ConnectionLost
            | Self::QuotaRefused
            | Self::RateLimited
            | Self::ServerError
            | Self::Internal
            | Self::SigningFailed
            | Self::CacheUnavailable => true,
            Self::Ok
            | Self::InvalidArgument
            | Self::InvalidConfiguration
            | Self::TlsFailed
            | Self::CredentialsRefused
            | Self::RequestRefused
            | Self::UnexpectedResponse
            | Self::MalformedResponse
            | Self::Cancelled
            | Self::WouldBlock
            | Self::KeyRejected
            | Self::ProofRefused
            | Self::Downgraded
            | Self::TokenRefused => false,
        }
    }

    /// Returns the status with this number, as `status as i32` gave it.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::NAMES.into_iter().map(|(status, _)| status).find(|&status| status as i32 == number)
    }
}

/// The reason why a call failed, and what to do about it.
///
/// No field contains a secret or a token: strings from a server are redacted before they are stored.
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

/// The parts of an error response that the server sent; `None` for each one it did not.
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

    /// Adds a sentence on what to do next.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        self.0.message = format!("{}; {advice}", self.0.message);
        self
    }

    /// Adds how long to wait before the next call, unless waiting does not help.
    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait.filter(|_| self.status().can_pass());
        self
    }

    /// Returns this error for a call during the back-off, with a message that says that no request was sent.
    pub(crate) fn repeated(&self, wait: Duration) -> Self {
        let mut error = self.clone();
        error.0.message = format!("{} (earlier error; nothing is sent for another {})", self, human::span(wait));
        error.with_retry_after(Some(wait))
    }

    /// Returns the kind of failure, for programs to compare.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// Returns what happened and what to do, in one or two sentences. `Display` shows the same string.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the HTTP status of the response, if one arrived.
    pub fn http_status(&self) -> Option<u16> {
        self.0.response.http_status
    }

    /// Returns the `error` code of RFC 6749 section 5.2, such as `invalid_grant`, or the code that a gateway sent in its
    /// place.
    pub fn oauth_error(&self) -> Option<&str> {
        self.0.response.oauth_error.as_deref()
    }

    /// Returns the `error_description` of RFC 6749 section 5.2.
    pub fn oauth_error_description(&self) -> Option<&str> {
        self.0.response.oauth_error_description.as_deref()
    }

    /// Returns Tango's `i18nKey`, a stable name of the failure.
    pub fn i18n_key(&self) -> Option<&str> {
        self.0.response.i18n_key.as_deref()
    }

    /// Returns what else the server said: Tango's `message`, the sentence of another error in JSON or XML, or plain text.
    pub fn server_message(&self) -> Option<&str> {
        self.0.response.server_message.as_deref()
    }

    /// Returns the ID of the request in the server's logs (`X-REQUEST-ID`), which Tango's support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.0.response.request_id.as_deref()
    }

    /// Returns how long to wait before the next call; `None` if waiting does not help.
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
            .field("response", &self.0.response)
            .finish()
    }
}

/// Returns whole seconds, rounded up: a caller that waits this long does not call too early.
pub(crate) fn ceil_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_gap_are_statuses() {
        for (number, (status, _)) in (0..).zip(Status::NAMES) {
            assert_eq!((Status::from_number(number), status as i32), (Some(status), number));
        }
        assert_eq!(Status::from_number(23), None);
    }

    #[test]
    fn wait_is_given_only_where_waiting_helps() {
        let wait = Some(Duration::from_secs(20));
        let retry_after = |status| Error::new(status, "").with_retry_after(wait).retry_after();
        assert_eq!(retry_after(Status::ServerError), wait);
        assert_eq!(retry_after(Status::CredentialsRefused), None);
        let repeated = Error::new(Status::CredentialsRefused, "no").repeated(Duration::from_secs(20));
        assert_eq!(
            (repeated.retry_after(), repeated.message()),
            (None, "no (earlier error; nothing is sent for another 20 s)")
        );
    }

    #[test]
    fn fractions_of_a_second_are_rounded_up() {
        assert_eq!(ceil_seconds(Duration::ZERO), 0);
        assert_eq!(ceil_seconds(Duration::from_nanos(1)), 1);
        assert_eq!(ceil_seconds(Duration::from_secs(3)), 3);
    }
}
