//! The DPoP mode of a client.

use super::DpopKey;

/// Whether the client sends proofs, and whether it accepts only tokens that are bound to its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum DpopMode {
    /// No proof is sent; tokens are Bearer tokens.
    #[default]
    Off = 0,
    /// A proof is sent. A Bearer token, from a platform without DPoP, is used as well.
    Optional = 1,
    /// A proof is sent. A Bearer token is refused as a downgrade (RFC 9449 section 5).
    Required = 2,
}

impl TryFrom<i32> for DpopMode {
    type Error = i32;

    fn try_from(number: i32) -> Result<Self, i32> {
        [Self::Off, Self::Optional, Self::Required].into_iter().find(|&known| known as i32 == number).ok_or(number)
    }
}

/// The key of a client that sends proofs, and whether tokens must be bound to it.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub key: DpopKey,
    pub required: bool,
    /// The key was configured, and not made by this client for itself.
    pub is_configured: bool,
}
