//! The origins that a token may be sent to, each with the nonce of its server. There are as many as were configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwapOption;
use url::Url;

use crate::clock::Clock;
use crate::dpop::{ServerClock, is_nonce, target};
use crate::error::{Error, Status};

/// Every origin that may get a token.
pub(crate) struct Origins(Vec<Arc<Origin>>);

/// Scheme, host and port (RFC 6454), and the newest nonce from there.
pub(crate) struct Origin {
    name: String,
    nonce: ArcSwapOption<Nonce>,
    requests: AtomicU64,
    /// Servers may disagree about the time.
    pub clock: ServerClock,
}

struct Nonce {
    text: String,
    /// The number of the request whose answer brought it.
    from: u64,
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

    /// The origin of a URL, if tokens may be sent there.
    pub fn of(&self, url: &str) -> Result<&Arc<Origin>, Error> {
        let refused = |problem: String| Error::new(Status::InvalidArgument, format!("url {problem}"));
        let name = target(url)?.origin().ascii_serialization();
        self.0.iter().find(|origin| origin.name == name).ok_or_else(|| {
            refused(format!(
                "goes to {name}, which is not the API's; set api_url, or allow that origin, if it may get tokens"
            ))
        })
    }
}

impl Origin {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that later requests exceed.
    pub fn number_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed)
    }

    /// The number of the latest request.
    pub fn last_number(&self) -> u64 {
        self.requests.load(Relaxed).saturating_sub(1)
    }

    pub fn nonce(&self) -> Option<String> {
        self.nonce.load().as_ref().map(|nonce| nonce.text.clone())
    }

    /// Takes over a nonce that the answer to a request brought. Not one that cannot be a nonce, and not one that comes
    /// after that of a later request: an answer that was long under way must not bring back an old nonce.
    pub fn adopt(&self, text: &str, from: u64) {
        if !is_nonce(text) {
            tracing::warn!("the API sent a DPoP-Nonce that cannot be one; it is ignored");
            return;
        }
        let offered = Arc::new(Nonce { text: text.to_owned(), from });
        self.nonce.rcu(|current| match current {
            Some(current) if current.from > from || current.text == text => Some(Arc::clone(current)),
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
    fn tokens_go_to_the_configured_origins_only() {
        let origins =
            origins(&["https://api.example/raas/v2", "https://other.example:8443/", "https://api.example/more"]);
        assert_eq!(origins.0.len(), 2);
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
    fn a_late_answer_never_replaces_a_newer_nonce() {
        let origins = origins(&["https://api.example/"]);
        let origin = origins.of("https://api.example/").unwrap();
        let (first, second) = (origin.number_request(), origin.number_request());
        origin.adopt("new", second);
        origin.adopt("old", first);
        assert_eq!(origin.nonce().as_deref(), Some("new"));
        origin.adopt("newer", second);
        assert_eq!(origin.nonce().as_deref(), Some("newer"), "the retried answer included");
    }

    #[test]
    fn what_cannot_be_a_nonce_is_ignored() {
        let origins = origins(&["https://api.example/"]);
        let origin = origins.of("https://api.example/").unwrap();
        for text in ["", "a b", "a\"b", "a\\b", "a\r\nb", "ä", "\u{7f}", &"a".repeat(1_000)] {
            origin.adopt(text, 1);
            assert_eq!(origin.nonce(), None, "{text:?}");
        }
    }
}
