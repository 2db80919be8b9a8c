//! Responses of the token endpoint that report a failure: each has an error of limited length without a secret, and
//! waits for as long as the server says.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, RETRY_AFTER};
use libfuzzer_sys::fuzz_target;
use support::endpoint::{SECRETS, endpoint};
use support::{check_error, http_message, log, reveal, strings};
use tango_token::fuzzing::{Endpoint, retry_after};
use tango_token::{DpopMode, Status};

static ENDPOINTS: LazyLock<[Endpoint; 2]> = LazyLock::new(|| [DpopMode::Off, DpopMode::Required].map(endpoint));

fuzz_target!(|data: &[u8]| {
    let (status, headers, body) = http_message::read(data);
    let status = if status < 300 { 400 } else { status };
    for endpoint in &*ENDPOINTS {
        let refused = endpoint.read(status, &headers, body).expect_err("a failure has no token");
        check_error(&refused.error);
        reveal::check_hidden(&SECRETS, strings(&refused.error));
        reveal::check_hidden(&SECRETS, [log::take().as_str()]);
        assert_eq!(refused.error.http_status(), Some(status));
        assert!(refused.error.message().contains(&format!("(HTTP {status}")) && refused.token.is_none());
        assert!(refused.error.status() != Status::MalformedResponse && refused.error.status() != Status::Downgraded);
        if matches!(refused.kind.as_str(), "Busy" | "Quota") {
            assert_eq!(refused.retry_after, retry_after(&headers));
        }
        let is_plain = !headers.contains_key(CONTENT_ENCODING) && body.len() <= 64 * 1024;
        let text = str::from_utf8(body).ok().filter(|text| is_plain && !text.contains(['\0', '\u{feff}']));
        if text.is_some_and(|text| text.contains("exceeded the daily rate limit")) {
            assert_eq!((refused.error.status(), refused.kind.as_str()), (Status::QuotaRefused, "Quota"));
        }
    }
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(seconds) = seconds {
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(seconds)));
    }
});
