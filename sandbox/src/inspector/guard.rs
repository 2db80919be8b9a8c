//! Who may use the inspector: a browser that came to its address, and for changes a page that it served.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The header in which a page sends its key. A page of another origin cannot set it, and does not know the key.
const KEY_HEADER: &str = "x-inspector-key";

/// Headers of every response. The page runs only its own files, is in no frame, and sends nothing to another server.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (CACHE_CONTROL, "no-store"),
];

/// What a request is compared with.
pub struct Guard {
    pub port: u16,
    /// It is in the page, and new at each start.
    pub key: String,
}

impl Guard {
    /// Returns whether `Host` is an address of this listener. Another name would be one that an attacker let point to
    /// 127.0.0.1, to make a browser treat this server as his own (DNS rebinding).
    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (host, second) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next());
        let (name, port) = host.and_then(|host| host.rsplit_once(':')).unwrap_or_default();
        second.is_none() && ["127.0.0.1", "localhost"].contains(&name) && port == self.port.to_string()
    }

    fn knows_key(&self, headers: &HeaderMap) -> bool {
        let key = headers.get(KEY_HEADER).map_or(&b""[..], HeaderValue::as_bytes);
        verify_slices_are_equal(key, self.key.as_bytes()).is_ok()
    }
}

/// Refuses a request that came by another name, and adds the headers that every response has.
pub async fn protect(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = if guard.knows_host(request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "the inspector has another address").into_response()
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses a request that does not come from a page of this server.
pub async fn require_key(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.knows_key(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "the key of the page is missing or wrong: load the page again").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn only_addresses_of_the_listener_are_hosts() {
        let guard = Guard { port: 8080, key: "key".into() };
        for host in ["127.0.0.1:8080", "localhost:8080"] {
            assert!(guard.knows_host(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:8080", "127.0.0.1:8081", "127.0.0.1", "localhost.evil.example:8080", "", ":8080"] {
            assert!(!guard.knows_host(&headers(&[("host", host)])), "{host}");
        }
        assert!(!guard.knows_host(&HeaderMap::new()));
        assert!(!guard.knows_host(&headers(&[("host", "127.0.0.1:8080"), ("host", "evil.example")])));
    }

    #[test]
    fn only_the_key_of_the_page_is_accepted() {
        let guard = Guard { port: 8080, key: "key".into() };
        assert!(guard.knows_key(&headers(&[(KEY_HEADER, "key")])));
        for wrong in [headers(&[]), headers(&[(KEY_HEADER, "")]), headers(&[(KEY_HEADER, "kez")])] {
            assert!(!guard.knows_key(&wrong));
        }
    }
}
