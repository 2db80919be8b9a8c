//! The kinds of failure of a token request: `retry` uses them to decide about the next attempt of a refresh, `policy`
//! to decide about the next refresh.

use std::time::Duration;

/// Why a request returned no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The request did not reach the server. The next one may.
    NotSent,
    /// The server read no request, and another attempt would end in the same way: the server is not trusted, or refuses
    /// the TLS handshake; the proxy refuses the connection; or no proof could be made.
    NotTrusted,
    /// The request was sent, and no response of the server arrived: none at all, or a gateway's that does not know.
    NoResponse,
    /// The server cannot serve the request now. It may say when it can.
    Busy { retry_after: Option<Duration> },
    /// The daily limit of tokens is used up.
    Quota { retry_after: Option<Duration> },
    /// The server refuses the request, or a proxy the password, and would refuse the same again.
    Refused,
    /// The server requires a proof with the nonce in its response (RFC 9449 section 8).
    NonceWanted,
    /// The response reports success, but no token could be read from it.
    InvalidResponse,
}

impl FailureKind {
    /// Returns whether the server may have issued a token that never arrived.
    pub fn may_have_cost_a_token(self) -> bool {
        matches!(self, Self::NoResponse | Self::InvalidResponse)
    }
}
