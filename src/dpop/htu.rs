//! `htu`: the target URI of the request that a proof is for (RFC 9449 section 4.2).

use std::borrow::Cow;

use url::{Position, Url};

use crate::error::{Error, Status};

/// Returns the URL without query and fragment, normalised as HTTP clients do (WHATWG URL, which includes RFC 3986
/// sections 6.2.2 and 6.2.3): scheme and host in lower case, no default port, no dot segments, `/` for an empty path;
/// percent escapes stay as they are.
///
/// The result contains no character that JSON has to escape.
pub(super) fn htu(url: &str) -> Result<Cow<'_, str>, Error> {
    match already_normal(url) {
        Some(htu) => Ok(Cow::Borrowed(htu)),
        None => normalised(url).map(Cow::Owned),
    }
}

pub(super) fn normalised(url: &str) -> Result<String, Error> {
    Ok(target(url)?[..Position::AfterPath].to_owned())
}

/// Parses a URL, and refuses those that HTTP clients read differently: some read a backslash as a slash, so that
/// `https://api.example\@evil.example/` has another host for them.
pub(crate) fn target(url: &str) -> Result<Url, Error> {
    let invalid = |problem: &str| Error::new(Status::InvalidArgument, format!("url {problem}"));
    if url.contains(|c: char| c == '\\' || c.is_control() || c.is_whitespace()) {
        return Err(invalid("contains a backslash, a space or a control character"));
    }
    let parsed = Url::parse(url).map_err(|_| invalid("is not an absolute URL"))?;
    if !matches!(parsed.scheme(), "https" | "http") || !url[parsed.scheme().len()..].starts_with("://") {
        return Err(invalid("does not begin with https:// or http://"));
    }
    let authority = url.split(['/', '?', '#']).nth(2).unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(invalid("has no host, or contains credentials, which are not allowed in a URL"));
    }
    // The one character that a host may have and JSON has to escape: the rest would become claims of the proof.
    if parsed.host_str().is_some_and(|host| host.contains('"')) {
        return Err(invalid("has a quotation mark in its host"));
    }
    Ok(parsed)
}

/// Returns the `htu` of a URL that is already in normal form: a host name in lower case, no port, no dot segments, no
/// unusual characters. Nearly all URLs are, and parsing them would cost most of a proof apart from its signature.
fn already_normal(url: &str) -> Option<&str> {
    let after_scheme = url.strip_prefix("https://")?;
    let path_start = after_scheme.find('/')?;
    let (host, rest) = after_scheme.split_at(path_start);
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    // A name that ends in a digit could be an IPv4 address, and one with `--` an internationalized name.
    let plain_host = host.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-'))
        && host.starts_with(|first: char| first.is_ascii_lowercase())
        && host.ends_with(|last: char| last.is_ascii_lowercase())
        && !host.contains("--")
        && !host.contains("..");
    let plain_path = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'~'));
    let plain_rest = rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (plain_host && plain_path && plain_rest).then(|| &url[..url.len() - rest.len() + path.len()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn htu_of(url: &str) -> String {
        htu(url).unwrap().into_owned()
    }

    #[test]
    fn query_and_fragment_are_removed_and_the_rest_is_normalised() {
        for (url, expected) in [
            ("https://server.example.com/token", "https://server.example.com/token"),
            ("https://api.example/raas/v2/orders?page=1#x", "https://api.example/raas/v2/orders"),
            ("HTTPS://API.Example:443", "https://api.example/"),
            ("http://localhost:80/a", "http://localhost/a"),
            ("https://api.example:8443/a", "https://api.example:8443/a"),
            ("https://api.example/a/./b/../c", "https://api.example/a/c"),
            ("https://api.example/a%2Fb%c3%A4", "https://api.example/a%2Fb%c3%A4"),
            ("https://api.example/ä", "https://api.example/%C3%A4"),
            ("https://[::1]:443/x", "https://[::1]/x"),
        ] {
            assert_eq!(htu_of(url), expected);
        }
    }

    #[test]
    fn invalid_url_is_refused() {
        for url in [
            "",
            "/path",
            "ftp://host/",
            "mailto:a@b",
            "https://",
            "https://user:pw@host/",
            "https://user@host/",
            "https://host.example/a b",
            r"https://host.example/a\b",
            "https://host.example/a\0b",
            r#"https://host","ath":"x/"#,
        ] {
            assert_eq!(htu(url).unwrap_err().status(), Status::InvalidArgument, "{url}");
        }
    }

    #[test]
    fn only_plain_urls_are_taken_as_normal() {
        let url = "https://integration-api.tangocard.com/raas/v2/orders?page=1#top";
        assert_eq!(already_normal(url), Some("https://integration-api.tangocard.com/raas/v2/orders"));
        for url in [
            "https://127.0.0.1/",
            "https://0x7f/",
            "https://api.example/a/../b",
            "https://api.example:443/",
            "https://api.example",
            "https://api.example/a?b c",
            r"https://api.example/a?b\c",
        ] {
            assert_eq!(already_normal(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn htu_needs_no_escaping_and_is_idempotent(rest in "[ -~äß€\u{1f511}\\\\\"\t]{0,40}") {
            if let Ok(once) = htu(&format!("https://host.example/{rest}")) {
                let needs_no_escaping = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
                prop_assert!(once.bytes().all(needs_no_escaping), "{}", once);
                prop_assert!(!once.contains(['?', '#']));
                prop_assert_eq!(htu_of(&once), once);
            }
        }

        #[test]
        fn url_taken_as_normal_equals_what_the_url_crate_returns(
            host in "[a-z0-9.-]{1,12}|[a-z]{1,8}(\\.[a-z-]{1,8}){0,3}",
            path in "(/[a-zA-Z0-9_~.%-]{0,6}){0,4}", rest in "([?#][ -~]{0,6})?",
        ) {
            let url = format!("https://{host}{path}{rest}");
            if let Some(taken) = already_normal(&url) {
                prop_assert_eq!(taken, normalised(&url).unwrap());
            }
        }
    }
}
