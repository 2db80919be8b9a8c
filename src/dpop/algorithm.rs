//! The signature algorithms of proofs.

use std::fmt;
use std::str::FromStr;

/// A signature algorithm for proofs: one of the asymmetric algorithms of RFC 7518 section 3.1 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: short, fast and widely supported. The recommended algorithm.
    Es256 = 1,
    /// ECDSA on P-384 with SHA-384.
    Es384 = 2,
    /// Ed25519 (RFC 8037): the fastest algorithm, if the server supports it. Proofs name it `EdDSA`; `Ed25519`, its name
    /// in RFC 9864, is read as well.
    Eddsa = 3,
    /// RSA PKCS#1 v1.5 with SHA-256, for keys that already exist.
    Rs256 = 4,
    /// RSA-PSS with SHA-256, for keys that already exist.
    Ps256 = 5,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::Eddsa, Self::Rs256, Self::Ps256];

    /// Returns the JOSE name, such as `ES256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Eddsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    /// Reads a JOSE name. RFC 9864 registers `Ed25519` for what `EdDSA` means with such a key. Proofs are still written
    /// with `EdDSA`: servers that follow RFC 9449 know that name, and many do not know the new one yet.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<i32> for Algorithm {
    type Error = i32;

    fn try_from(number: i32) -> Result<Self, i32> {
        Self::ALL.into_iter().find(|&known| known as i32 == number).ok_or(number)
    }
}

/// Reads a JOSE name in any case. The error says what it must be.
impl FromStr for Algorithm {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        let name = if name.eq_ignore_ascii_case("Ed25519") { "EdDSA" } else { name };
        let known = Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name));
        known.ok_or("`ES256`, `ES384`, `EdDSA`, `RS256` or `PS256`")
    }
}
