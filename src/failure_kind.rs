//! Why a request brought no token, as far as it decides what is done next: `retry` asks it within a fetch, `policy`
//! after it.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It never reached the server, which may change at any moment.
    NotSent,
    /// The server could not be trusted, or no proof could be made, so nothing was sent.
    NotTrusted,
    /// It was sent, and no answer came back.
    NoResponse,
    /// The server answered that it cannot serve now, and perhaps when it can.
    Busy { retry_after: Option<Duration> },
    /// The daily limit of tokens is used up.
    Quota { retry_after: Option<Duration> },
    /// The server said no, and will say it again until somebody changes something.
    Refused,
    /// The server wants a proof with the nonce that it sent along (RFC 9449 section 8).
    NonceWanted,
    /// The server said yes, and no token could be read from it.
    InvalidResponse,
}

impl FailureKind {
    /// Whether the server may have issued a token that never arrived.
    pub fn may_have_cost_a_token(self) -> bool {
        matches!(self, Self::NoResponse | Self::InvalidResponse)
    }
}
