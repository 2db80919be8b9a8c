//! Why a request is refused for its proof, or for the lack of one.

use std::borrow::Cow;

/// Each is an `error` of RFC 9449 with a description of printable ASCII without quotes and backslashes, which repeats
/// nothing of the request.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no proof, and there must be one.
    Missing,
    /// The proof failed a check.
    Invalid(Cow<'static, str>),
    /// The proof is good but for its nonce (sections 8 and 9).
    UseNonce(&'static str),
    /// The proof is good, and its key is not the one that the access token is bound to (section 7.1).
    OtherKey,
}

impl Refusal {
    /// A check that failed.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(reason.into())
    }

    /// The `error`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing | Self::Invalid(_) => "invalid_dpop_proof",
            Self::UseNonce(_) => "use_dpop_nonce",
            Self::OtherKey => "invalid_token",
        }
    }

    /// The `error_description`.
    pub fn description(self) -> Cow<'static, str> {
        match self {
            Self::Missing => "a DPoP proof is required".into(),
            Self::Invalid(reason) => reason,
            Self::UseNonce(reason) => reason.into(),
            Self::OtherKey => "the access token is bound to another key than that of the proof".into(),
        }
    }
}
