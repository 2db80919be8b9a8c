//! The errors of a request with a wrong proof, or without one.

use std::borrow::Cow;

/// An `error` of RFC 9449. Its description is printable ASCII without quotes and backslashes, and does not repeat any
/// part of the request.
#[derive(Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The request has no proof and needs one.
    Missing,
    /// The proof failed a check.
    Invalid(Cow<'static, str>),
    /// The proof is valid except for its nonce (sections 8 and 9).
    UseNonce(Cow<'static, str>),
    /// The proof is valid, but the access token is bound to another key (section 7.1).
    OtherKey,
}

impl ProofError {
    /// Makes the error of a check that failed.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(reason.into())
    }

    /// Returns the `error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing | Self::Invalid(_) => "invalid_dpop_proof",
            Self::UseNonce(_) => "use_dpop_nonce",
            Self::OtherKey => "invalid_token",
        }
    }

    /// Returns the `error_description`.
    pub fn description(self) -> Cow<'static, str> {
        match self {
            Self::Missing => "a DPoP proof is required".into(),
            Self::Invalid(reason) | Self::UseNonce(reason) => reason,
            Self::OtherKey => "the access token is bound to another key than that of the proof".into(),
        }
    }
}
