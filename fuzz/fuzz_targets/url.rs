//! URLs of API calls: the origin that decides whether a token is sent, and `htu`. A token goes to no host that another
//! reader of the same URL would not find in it: the crates `url` and `http`, and the grammar of RFC 3986.
#![no_main]

use std::sync::LazyLock;

use http::Uri;
use libfuzzer_sys::fuzz_target;
use support::check_error;
use tango_token::fuzzing::{htu, normalised_url, origin_of};
use url::Url;

static ALLOWED: LazyLock<[Url; 5]> = LazyLock::new(|| {
    ["https://api.example", "https://api.example:8443", "http://127.0.0.1:8080", "https://[::1]", "https://ü.example"]
        .map(|url| Url::parse(url).expect("a URL"))
});

fuzz_target!(|url: &str| {
    check_htu(url);
    match origin_of(url, &*ALLOWED) {
        Ok(origin) => check_origin(url, &origin),
        Err(error) => check_error(&error),
    }
});

fn check_htu(url: &str) {
    let (htu, normalised) = (htu(url), normalised_url(url));
    match (&htu, &normalised) {
        (Ok(htu), Ok(normalised)) => assert_eq!(htu, normalised, "the fast path"),
        (Err(error), Err(_)) => check_error(error),
        _ => panic!("{htu:?}, {normalised:?}"),
    }
    let Ok(htu) = htu else { return };
    assert!(htu.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\?#".contains(&byte)), "{htu}");
    assert_eq!(normalised_url(&htu).expect("a URL stays one"), htu);
    let parsed = Url::parse(&htu).expect("a URL");
    assert_eq!(parsed.as_str(), htu);
    if let Ok(uri) = url.parse::<Uri>()
        && is_normal(uri.path())
    {
        assert_eq!(parsed.path(), uri.path());
    }
}

/// Returns whether a path has nothing that a reader may normalise or encode.
fn is_normal(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~!$&'()*+,;=:@".contains(&byte);
    path.starts_with('/') && path.bytes().all(is_plain)
}

fn check_origin(url: &str, origin: &str) {
    assert!(ALLOWED.iter().any(|allowed| allowed.origin().ascii_serialization() == origin));
    let parsed = Url::parse(url).expect("a URL");
    assert_eq!(parsed.origin().ascii_serialization(), origin);
    // A path in the place of the host is where readers differ.
    let (scheme, host, port) = by_grammar(url);
    assert_eq!(scheme.to_ascii_lowercase(), parsed.scheme());
    assert_eq!(Url::parse(&format!("{scheme}://{host}{port}/")).expect("a URL").origin(), parsed.origin());
    if let Ok(uri) = url.parse::<Uri>() {
        let host = uri.host().expect("an absolute URI has a host");
        assert_eq!(Url::parse(&format!("{scheme}://{host}{port}/")).expect("a URL").origin(), parsed.origin());
    }
}

/// Returns the scheme, the host and the port with its colon, split as RFC 3986 appendix B does.
fn by_grammar(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").expect("an absolute URL");
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let port = authority.rfind(':').filter(|&colon| !authority[colon..].contains(']')).unwrap_or(authority.len());
    (scheme, &authority[..port], &authority[port..])
}
