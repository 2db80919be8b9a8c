//! Nonces, which a server requires in later proofs (RFC 9449 section 8).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::header::HeaderMap;

const DPOP_NONCE: &str = "dpop-nonce";
/// A longer nonce would be too much for the header of each request.
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
        let mut values = headers.get_all(DPOP_NONCE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some(nonce) = value.to_str().ok().filter(|nonce| is_nonce(nonce)) else {
            tracing::warn!("the server sent an invalid DPoP-Nonce, which is ignored");
            return false;
        };
        let is_new = self.current().is_none_or(|current| *current != nonce);
        if is_new {
            self.0.store(Some(Arc::new(nonce.to_owned())));
        }
        is_new
    }
}

/// Returns whether a string is a nonce: `1*NQCHAR` (RFC 9449 section 8.1, RFC 6749 appendix A) of limited length.
pub(crate) fn is_nonce(string: &str) -> bool {
    (1..=MAX_LENGTH).contains(&string.len())
        && string.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
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
    fn invalid_nonce_is_ignored() {
        let long = [b'a'; MAX_LENGTH + 1];
        let nonce = Nonce::default();
        let bad: [&[&[u8]]; 8] =
            [&[b""], &[b"a b"], &[b"a\"b"], &[b"a\\b"], &[b"\xff"], &[b"a\tb"], &[&long], &[b"one", b"two"]];
        for values in bad {
            assert!(!nonce.adopt(&headers(values)), "{values:?}");
        }
        assert!(nonce.current().is_none());
    }
}
