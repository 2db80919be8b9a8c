//! The configured origins that may get a token, each with the nonce and the clock of its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use url::Url;

use crate::clock::Clock;
use crate::dpop::{ServerClock, is_nonce, target};
use crate::error::{Error, Status};

/// The origins that may get a token.
pub(crate) struct Origins(Vec<Arc<Origin>>);

/// Scheme, host and port (RFC 6454), and what the server's responses have told.
pub(crate) struct Origin {
    name: String,
    nonce: ArcSwapOption<NumberedNonce>,
    requests: AtomicU64,
    /// Each origin has its own clock.
    pub clock: ServerClock,
}

struct NumberedNonce {
    value: String,
    /// The number of the request whose response contained the nonce.
    request: u64,
}

impl Origins {
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a Url>, clock: &Arc<dyn Clock>) -> Self {
        let mut names: Vec<_> = urls.into_iter().map(|url| url.origin().ascii_serialization()).collect();
        names.sort();
        names.dedup();
        let origin = |name| {
            let clock = ServerClock::new(Arc::clone(clock));
            Arc::new(Origin { name, nonce: ArcSwapOption::empty(), requests: AtomicU64::new(0), clock })
        };
        Self(names.into_iter().map(origin).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter().map(|origin| &**origin)
    }

    /// Returns the origin of a URL, or an error if the origin may get no token.
    pub fn of(&self, url: &str) -> Result<&Arc<Origin>, Error> {
        let refused = |problem: String| Error::new(Status::InvalidArgument, format!("url {problem}"));
        let name = target(url)?.origin().ascii_serialization();
        self.0.iter().find(|origin| origin.name == name).ok_or_else(|| {
            refused(format!(
                "has the origin {name}, which is not that of the API; \
                 to send tokens there, change api_url or add the origin to allowed_origins"
            ))
        })
    }
}

impl Origin {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a number for a request, larger than those of earlier requests.
    pub fn number_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed)
    }

    /// Returns the number of the latest request.
    pub fn last_number(&self) -> u64 {
        self.requests.load(Relaxed).saturating_sub(1)
    }

    pub fn nonce(&self) -> Option<String> {
        self.nonce.load().as_ref().map(|nonce| nonce.value.clone())
    }

    /// Stores a nonce from the response to a request. Ignores an invalid nonce, and one that arrives after the nonce of
    /// a later request: a slow response must not restore an old nonce.
    pub fn adopt(&self, value: &str, request: u64) {
        if !is_nonce(value) {
            tracing::warn!("the API sent an invalid DPoP-Nonce, which is ignored");
            return;
        }
        let offered = Arc::new(NumberedNonce { value: value.to_owned(), request });
        self.nonce.rcu(|current| match current {
            Some(current) if current.request > request || current.value == value => Some(Arc::clone(current)),
            _ => Some(Arc::clone(&offered)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn origins(urls: &[&str]) -> Origins {
        let urls: Vec<_> = urls.iter().map(|url| Url::parse(url).unwrap()).collect();
        Origins::new(&urls, &(Arc::new(SystemClock) as Arc<dyn Clock>))
    }

    #[test]
    fn only_configured_origins_may_get_a_token() {
        let origins =
            origins(&["https://api.example/raas/v2", "https://other.example:8443/", "https://api.example/more"]);
        let names: Vec<_> = origins.iter().map(Origin::name).collect();
        assert_eq!(names, ["https://api.example", "https://other.example:8443"]);
        for url in ["https://api.example/", "https://API.example:443/x?y#z", "https://other.example:8443/a"] {
            assert!(origins.of(url).is_ok(), "{url}");
        }
        for url in [
            "http://api.example/",
            "https://api.example:8443/",
            "https://api.example.evil.example/",
            "https://evil.example/https://api.example/",
            "https://api.example@evil.example/",
            r"https://api.example\@evil.example/",
            r"https://evil.example\.api.example/",
            "https://api.example\t.evil.example/",
            "https:api.example/",
            "//api.example/",
            "",
        ] {
            assert_eq!(origins.of(url).err().unwrap().status(), Status::InvalidArgument, "{url}");
        }
    }

    #[test]
    fn late_response_never_replaces_a_newer_nonce() {
        let origins = origins(&["https://api.example/"]);
        let origin = origins.of("https://api.example/").unwrap();
        let (first, second) = (origin.number_request(), origin.number_request());
        origin.adopt("new", second);
        origin.adopt("old", first);
        assert_eq!(origin.nonce().as_deref(), Some("new"));
        origin.adopt("newer", second);
        assert_eq!(origin.nonce().as_deref(), Some("newer"), "the same request may replace its nonce");
    }

    #[test]
    fn nonce_and_clock_of_one_origin_are_not_those_of_another() {
        let origins = origins(&["https://api.example/", "https://other.example/"]);
        let (one, other) = (origins.of("https://api.example/").unwrap(), origins.of("https://other.example/").unwrap());
        one.adopt("one", one.number_request());
        one.clock.adopt(0);
        assert_eq!((one.nonce().as_deref(), other.nonce()), (Some("one"), None));
        assert!(one.clock.known().is_some() && other.clock.known().is_none());
        assert_eq!((one.number_request(), one.number_request(), other.number_request()), (1, 2, 0));
        assert_eq!((one.last_number(), other.last_number()), (2, 0));
    }

    #[test]
    fn invalid_nonce_is_ignored() {
        let origins = origins(&["https://api.example/"]);
        let origin = origins.of("https://api.example/").unwrap();
        for value in ["", "a b", "a\"b", "a\\b", "a\r\nb", "ä", "\u{7f}", &"a".repeat(1_000)] {
            origin.adopt(value, 1);
            assert_eq!(origin.nonce(), None, "{value:?}");
        }
    }
}
