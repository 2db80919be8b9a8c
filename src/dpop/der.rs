//! What a key in DER is, so that messages can say so. Nothing in here verifies a key.

use crate::der::{Element, elements};
pub(super) use crate::der::{SEQUENCE, split_first};

/// The kinds of documents in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DerDocument<'a> {
    /// An unencrypted private key: PKCS#8 (RFC 5208), SEC1 (RFC 5915) or PKCS#1 (RFC 8017).
    PrivateKey(KeyKind<'a>),
    /// PKCS#8 in an envelope (RFC 5208 section 6).
    EncryptedPrivateKey,
    Pkcs12,
    PublicKey,
    /// A certificate or a request for one.
    Certificate,
    Unknown,
}

/// The kind of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind<'a> {
    /// An RSA key with this modulus.
    Rsa {
        modulus: &'a [u8],
    },
    /// An RSA key for PSS only (RFC 4055), with the parameters to which it is limited and as PKCS#1.
    RsaPss {
        parameters: &'a [u8],
        pkcs1: &'a [u8],
    },
    /// An EC key on a curve with this name, or `None` for a curve that is not known or not named.
    Ec {
        curve: Option<&'static str>,
    },
    /// A key of another algorithm, by its name.
    Other(&'static str),
    Unknown,
}

pub(super) const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// `parameters` in SEC1.
const TAGGED_0: u8 = 0xa0;

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const OTHER_ALGORITHMS: [(&[u8], &str); 9] = [
    (b"\x2b\x65\x70", "Ed25519"),
    (b"\x2b\x65\x71", "Ed448"),
    (b"\x2b\x65\x6e", "X25519"),
    (b"\x2b\x65\x6f", "X448"),
    (b"\x2a\x86\x48\xce\x38\x04\x01", "DSA"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01", "Diffie-Hellman"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x11", "ML-DSA-44"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x12", "ML-DSA-65"),
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x13", "ML-DSA-87"),
];
const CURVES: [(&[u8], &str); 8] = [
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", "P-256"),
    (b"\x2b\x81\x04\x00\x22", "P-384"),
    (b"\x2b\x81\x04\x00\x23", "P-521"),
    (b"\x2b\x81\x04\x00\x21", "P-224"),
    (b"\x2b\x81\x04\x00\x0a", "secp256k1"),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x07", "brainpoolP256r1"),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", "brainpoolP384r1"),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", "brainpoolP512r1"),
];
/// The parameters of RSA-PSS that PS256 uses (RFC 7518 section 3.5): SHA-256, MGF1 with SHA-256, 32 bytes of salt.
const PS256_PARAMETERS: &[u8] = b"\x30\x34\
    \xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\
    \xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\
    \xa2\x03\x02\x01\x20";

impl<'a> DerDocument<'a> {
    pub fn read(der: &'a [u8]) -> Self {
        let Some((SEQUENCE, content, _)) = split_first(der) else { return Self::Unknown };
        match elements(content).as_deref() {
            Some([(INTEGER, [0 | 1]), (SEQUENCE, algorithm), (OCTET_STRING, key), ..]) => {
                Self::PrivateKey(KeyKind::of_pkcs8(algorithm, key))
            }
            Some([(INTEGER, [1]), (OCTET_STRING, _), rest @ ..]) => Self::PrivateKey(KeyKind::of_sec1(rest)),
            Some([(INTEGER, [0 | 1]), (INTEGER, modulus), (INTEGER, _), (INTEGER, _), ..]) => {
                Self::PrivateKey(KeyKind::Rsa { modulus })
            }
            Some([(INTEGER, [3]), (SEQUENCE, _), ..]) => Self::Pkcs12,
            Some([(SEQUENCE, _), (OCTET_STRING, _)]) => Self::EncryptedPrivateKey,
            Some([(SEQUENCE, _), (BIT_STRING, _)] | [(INTEGER, _), (INTEGER, _)]) => Self::PublicKey,
            Some([(SEQUENCE, _), (SEQUENCE, _), (BIT_STRING, _)]) => Self::Certificate,
            _ => Self::Unknown,
        }
    }
}

impl<'a> KeyKind<'a> {
    /// Returns whether an RSA-PSS key with these parameters can make signatures of PS256.
    pub fn allows_ps256(parameters: &[u8]) -> bool {
        parameters.is_empty() || parameters == PS256_PARAMETERS
    }

    fn of_pkcs8(algorithm: &'a [u8], key: &'a [u8]) -> Self {
        let Some((OBJECT_IDENTIFIER, identifier, parameters)) = split_first(algorithm) else { return Self::Unknown };
        match identifier {
            RSA => match DerDocument::read(key) {
                DerDocument::PrivateKey(kind @ Self::Rsa { .. }) => kind,
                _ => Self::Unknown,
            },
            RSA_PSS => Self::RsaPss { parameters, pkcs1: key },
            EC => Self::Ec { curve: named_curve(parameters) },
            other => name(&OTHER_ALGORITHMS, other).map_or(Self::Unknown, Self::Other),
        }
    }

    fn of_sec1(rest: &[Element]) -> Self {
        let parameters = rest.iter().find(|(tag, _)| *tag == TAGGED_0);
        Self::Ec { curve: parameters.and_then(|(_, parameters)| named_curve(parameters)) }
    }
}

fn named_curve(parameters: &[u8]) -> Option<&'static str> {
    match split_first(parameters)? {
        (OBJECT_IDENTIFIER, identifier, _) => name(&CURVES, identifier),
        _ => None,
    }
}

fn name(names: &[(&[u8], &'static str)], identifier: &[u8]) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == identifier).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            DerDocument::read(&bytes);
            DerDocument::read(&[&[SEQUENCE, 78], bytes.as_slice()].concat());
        }
    }
}
