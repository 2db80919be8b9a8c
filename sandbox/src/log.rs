//! One line per request on standard error: never a secret, a token or the value of a header.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{Instant, SystemTime};

use axum::http::{Method, StatusCode};

use crate::clock::rfc3339;

/// Extension of a response: why it is a refusal. Fixed words and names only.
#[derive(Clone)]
pub struct Reason(pub Cow<'static, str>);

/// Writes its line when it is dropped, so that a request whose client went away has one too.
pub struct Line {
    started: Instant,
    method: Method,
    path: String,
    request_id: String,
    status: Option<StatusCode>,
    reason: Cow<'static, str>,
}

impl Line {
    /// A request has arrived.
    pub fn begin(method: &Method, path: &str, request_id: &str) -> Self {
        Self {
            started: Instant::now(),
            method: method.clone(),
            path: path.escape_debug().to_string(),
            request_id: request_id.into(),
            status: None,
            reason: "the client went away".into(),
        }
    }

    /// Says why, should no answer follow.
    pub fn expect(&mut self, reason: &'static str) {
        self.reason = reason.into();
    }

    /// The answer is ready.
    pub fn end(mut self, status: Option<StatusCode>, reason: Option<Reason>) {
        self.status = status;
        self.reason = reason.map_or(Cow::Borrowed(""), |reason| reason.0);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let status = self.status.as_ref().map_or("-", StatusCode::as_str);
        let milliseconds = self.started.elapsed().as_secs_f64() * 1e3;
        let separator = if self.reason.is_empty() { "" } else { ": " };
        event(&format!(
            "{} {} {status} {} {milliseconds:.1} ms{separator}{}",
            self.method, self.path, self.request_id, self.reason
        ));
    }
}

/// Writes one line with the time before it.
pub fn event(text: &str) {
    // One write, so that lines stay whole; a closed standard error is no reason to stop serving.
    let _ = io::stderr().write_all(format!("{} {text}\n", rfc3339(SystemTime::now())).as_bytes());
}
