//! Decides who may call: programs of this user, and no page in a browser.
//!
//! A page can send requests to loopback addresses. A browser adds `Origin`, or `Sec-Fetch-Site`, to them. A name of the
//! attacker that is made to lead to 127.0.0.1 (DNS rebinding) shows in `Host`.

use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};

use super::bearer::Bearer;
use super::response::{Refused, failed, with_header};

/// The rules of one listener.
pub struct Guard {
    /// The values of `Host` that are accepted.
    hosts: Vec<String>,
    /// `None` for a Unix socket, whose permissions say who may connect.
    bearer: Option<Arc<Bearer>>,
}

impl Guard {
    #[cfg(any(unix, test))]
    pub fn of_socket() -> Self {
        Self { hosts: vec!["localhost".into()], bearer: None }
    }

    pub fn of_port(address: std::net::SocketAddr, bearer: Arc<Bearer>) -> Self {
        let port = address.port();
        Self { hosts: vec![address.to_string(), format!("localhost:{port}")], bearer: Some(bearer) }
    }

    /// Refuses a request that no program of this user would send.
    pub fn check_source(&self, request: &Parts) -> Result<(), Refused> {
        let has = |name: &str| request.headers.contains_key(name);
        if has(ORIGIN.as_str()) || has("sec-fetch-site") {
            return Err(failed(StatusCode::FORBIDDEN, "access_denied", "pages in browsers get no tokens"));
        }
        if request.version != Version::HTTP_11 {
            return Err(failed(
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "invalid_request",
                "this server speaks HTTP/1.1",
            ));
        }
        let mut hosts = request.headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        // The authority of a URL takes the place of `Host` (RFC 9112 section 3.2.2).
        let named = request.uri.authority().map(hyper::http::uri::Authority::as_str);
        let is_known = |host: &str| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if hosts.next().is_some() || !is_known(host) || !named.is_none_or(is_known) {
            let hosts = self.hosts.join(" or ");
            return Err(failed(StatusCode::MISDIRECTED_REQUEST, "invalid_request", &format!("Host has to be {hosts}")));
        }
        Ok(())
    }

    /// Refuses a caller without the bearer, where there is one.
    pub fn check_caller(&self, request: &Parts) -> Result<(), Refused> {
        let Some(bearer) = &self.bearer else { return Ok(()) };
        let mut headers = request.headers.get_all(AUTHORIZATION).iter();
        let given = headers.next();
        if headers.next().is_none() && given.is_some_and(|header| bearer.matches(header.as_bytes())) {
            return Ok(());
        }
        // RFC 6750 section 3.1: no error code for a request without any authentication.
        let challenge = if given.is_some() {
            "Bearer realm=\"tango-token\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"tango-token\""
        };
        let advice = format!("send the bearer in {}, which is new with each start", bearer.path().display());
        let refused = failed(StatusCode::UNAUTHORIZED, "invalid_token", &advice);
        Err(with_header(refused, WWW_AUTHENTICATE, challenge))
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn status(uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Guard::of_socket().check_source(&parts).err().map_or(200, |refused| refused.status().as_u16())
    }

    #[test]
    fn request_of_a_browser_or_for_another_host_is_refused() {
        let host = ("host", "localhost");
        for (uri, headers, expected) in [
            ("/token", &[host][..], 200),
            ("/token", &[("host", "LOCALHOST")], 200),
            ("http://localhost/token", &[host], 200),
            ("http://evil.example/token", &[host], 421),
            ("/token", &[], 421),
            ("/token", &[("host", "evil.example")], 421),
            ("/token", &[host, ("host", "evil.example")], 421),
            ("/token", &[host, ("origin", "null")], 403),
            ("/token", &[host, ("origin", "http://localhost")], 403),
            ("/token", &[host, ("sec-fetch-site", "none")], 403),
        ] {
            assert_eq!(status(uri, headers), expected, "{uri} {headers:?}");
        }
    }
}
