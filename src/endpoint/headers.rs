//! The headers of a response that say something about its failure.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};

use crate::dpop::ServerClock;
use crate::secret::Redactor;

/// Returns the ID of the request, which Tango's support asks for.
pub(super) fn request_id(headers: &HeaderMap, redactor: &Redactor) -> Option<String> {
    shown(headers, &HeaderName::from_static("x-request-id"), redactor)
}

/// Returns the target of a redirect.
pub(super) fn location(headers: &HeaderMap, redactor: &Redactor) -> Option<String> {
    shown(headers, &LOCATION, redactor)
}

/// Returns whether the media type of the body is this one, without its parameters.
pub(super) fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type))
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date, which is compared with the server's time `now` in
/// seconds since 1970.
pub(super) fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = ServerClock::seconds_of(value)?;
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or(0)))
}

fn shown(headers: &HeaderMap, name: &HeaderName, redactor: &Redactor) -> Option<String> {
    let value = redactor.clean(&String::from_utf8_lossy(headers.get(name)?.as_bytes()));
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: i64 = 784_111_777;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value: &str| retry_after(&headers("retry-after", value), NOW).map(|wait| wait.as_secs());
        assert_eq!(retry_after(&HeaderMap::new(), NOW), None);
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "a date that has passed");
        for junk in ["", "-1", "soon", "1.5", "12 s"] {
            assert_eq!(read(junk), None, "{junk}");
        }
    }

    #[test]
    fn media_type_is_compared_without_case_and_parameters() {
        for value in ["text/html", "Text/HTML; charset=utf-8", " text/html ;"] {
            assert!(has_media_type(&headers("content-type", value), "text/html"), "{value}");
        }
        assert!(!has_media_type(&headers("content-type", "text/html5"), "text/html"));
        assert!(!has_media_type(&HeaderMap::new(), "text/html"));
    }
}
