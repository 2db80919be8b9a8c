//! Nonces, which a server requires in later proofs (RFC 9449 section 8).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::header::HeaderMap;

const DPOP_NONCE: &str = "dpop-nonce";
/// A longer nonce would be too much for the header of each request: proxies allow 8 KiB for all of them.
const MAX_LENGTH: usize = 512;

/// The newest nonce of one server.
#[derive(Default)]
pub(crate) struct Nonce(ArcSwapOption<String>);

impl Nonce {
    pub fn current(&self) -> Option<Arc<String>> {
        self.0.load_full()
    }

    /// Stores the nonce of a response. Returns true if it is new.
    pub fn adopt(&self, headers: &HeaderMap) -> bool {
        let nonce = match NonceHeader::of(headers) {
            NonceHeader::Valid(nonce) => nonce,
            NonceHeader::Missing => return false,
            unusable => {
                tracing::warn!("the server sent {}, which is ignored", unusable.problem());
                return false;
            }
        };
        let is_new = self.current().is_none_or(|current| *current != nonce);
        if is_new {
            self.0.store(Some(Arc::new(nonce.to_owned())));
        }
        is_new
    }
}

/// The header `DPoP-Nonce` of a response: one nonce, `1*NQCHAR` (RFC 9449 section 8.1, RFC 6749 appendix A).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NonceHeader<'a> {
    Missing,
    Valid(&'a str),
    TooLong,
    Invalid,
    /// Several nonces that differ, so it is not known which one the server means.
    Several,
}

impl<'a> NonceHeader<'a> {
    /// Reads all headers of a response.
    pub fn of(headers: &'a HeaderMap) -> Self {
        Self::of_values(headers.get_all(DPOP_NONCE).iter().map(|value| value.to_str().unwrap_or("\0")))
    }

    /// Reads the header that an HTTP client passed on. Clients join several headers by commas.
    pub fn of_value(value: Option<&'a str>) -> Self {
        Self::of_values(value.into_iter())
    }

    fn of_values(values: impl Iterator<Item = &'a str>) -> Self {
        let mut nonces = values.flat_map(|value| value.split(", ")).map(str::trim);
        let Some(nonce) = nonces.next() else { return Self::Missing };
        if nonces.any(|other| other != nonce) {
            return Self::Several;
        }
        let is_valid = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        match nonce.len() {
            _ if nonce.is_empty() || !nonce.bytes().all(is_valid) => Self::Invalid,
            ..=MAX_LENGTH => Self::Valid(nonce),
            _ => Self::TooLong,
        }
    }

    /// Returns what is wrong with the response, for messages: "the server sent …".
    pub fn problem(&self) -> &'static str {
        match self {
            Self::Missing => "no nonce",
            Self::Valid(_) => "a nonce that it refuses",
            Self::TooLong => "a nonce of more than 512 characters",
            Self::Invalid => "a nonce with a character that RFC 9449 does not allow",
            Self::Several => "several nonces, of which it is not known which one it means",
        }
    }
}

/// Returns whether a string is a nonce of limited length.
pub(crate) fn is_nonce(string: &str) -> bool {
    matches!(NonceHeader::of_value(Some(string)), NonceHeader::Valid(nonce) if nonce == string)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::header::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(DPOP_NONCE, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn newest_nonce_is_kept_and_only_a_new_one_is_reported() {
        let nonce = Nonce::default();
        assert!(nonce.adopt(&headers(&[b"one"])));
        assert!(!nonce.adopt(&headers(&[b"one"])));
        assert!(!nonce.adopt(&headers(&[])));
        assert!(nonce.adopt(&headers(&[b"two"])));
        assert_eq!(*nonce.current().unwrap(), "two");
    }

    #[test]
    fn unusable_nonce_is_ignored_and_named() {
        use NonceHeader::{Invalid, Missing, Several, TooLong, Valid};
        let (longest, longer) = ([b'a'; MAX_LENGTH], [b'a'; MAX_LENGTH + 1]);
        let rows: [(&[&[u8]], NonceHeader); 13] = [
            (&[], Missing),
            (&[b""], Invalid),
            (&[b"a b"], Invalid),
            (&[b"a\"b"], Invalid),
            (&[b"a\\b"], Invalid),
            (&[b"\xff"], Invalid),
            (&[b"a\tb"], Invalid),
            (&[&longest], Valid(str::from_utf8(&longest).unwrap())),
            (&[&longer], TooLong),
            (&[b"one", b"two"], Several),
            (&[b"one, two"], Several),
            (&[b"one", b"one"], Valid("one")),
            (&[b"a,b"], Valid("a,b")),
        ];
        for (values, expected) in rows {
            let headers = headers(values);
            assert_eq!(NonceHeader::of(&headers), expected, "{values:?}");
            assert_eq!(Nonce::default().adopt(&headers), matches!(expected, Valid(_)), "{values:?}");
        }
    }

    #[test]
    fn message_tells_what_is_wrong_with_a_nonce() {
        use NonceHeader::{Invalid, Missing, Several, TooLong, Valid};
        let problems: BTreeSet<_> =
            [Missing, Valid("one"), TooLong, Invalid, Several].iter().map(NonceHeader::problem).collect();
        assert!(problems.len() == 5 && problems.iter().all(|problem| problem.contains("nonce")), "{problems:?}");
    }

    #[test]
    fn nonce_of_a_program_is_exactly_one() {
        assert!(is_nonce("one"));
        for other in ["", " one", "one, one", "one two"] {
            assert!(!is_nonce(other), "{other}");
        }
    }
}
