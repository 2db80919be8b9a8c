//! The DPoP mode of a client.

use std::str::FromStr;

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

impl DpopMode {
    const NAMES: [(&str, Self); 3] = [("off", Self::Off), ("optional", Self::Optional), ("required", Self::Required)];

    /// Returns the name by which the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

impl TryFrom<i32> for DpopMode {
    type Error = i32;

    fn try_from(number: i32) -> Result<Self, i32> {
        Self::NAMES.into_iter().map(|(_, mode)| mode).find(|&mode| mode as i32 == number).ok_or(number)
    }
}

/// Reads a name in any case. The error says what it must be.
impl FromStr for DpopMode {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        let known = Self::NAMES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, mode)| mode).ok_or("`off`, `optional` or `required`")
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
