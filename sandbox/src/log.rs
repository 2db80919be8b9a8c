//! The log: one line per request, on standard error or in `--log-file`. Never a secret, a token or the value of a
//! header.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use axum::http::{Method, StatusCode};

use crate::clock::rfc3339;

static LOG_FILE: OnceLock<File> = OnceLock::new();

/// Writes the lines to this file from now on. An existing file is emptied: it tells of one run.
pub fn write_to(path: &Path) -> Result<(), String> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
    let file = file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let _ = LOG_FILE.set(file);
    Ok(())
}

/// Extension of a response: the reason of a refusal. It holds fixed words and names only.
#[derive(Clone)]
pub struct Reason(pub Cow<'static, str>);

/// The line of one request. It is written on drop, so that a request whose client went away has one too.
pub struct LogLine {
    started: Instant,
    method: Method,
    path: String,
    request_id: String,
    status: Option<StatusCode>,
    reason: Cow<'static, str>,
}

impl LogLine {
    /// Begins the line of a request that has arrived.
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

    /// Sets the reason that is written if no response follows.
    pub fn expect(&mut self, reason: &'static str) {
        self.reason = reason.into();
    }

    /// Ends the line with the status of the response.
    pub fn end(mut self, status: Option<StatusCode>, reason: Option<Reason>) {
        self.status = status;
        self.reason = reason.map_or(Cow::Borrowed(""), |reason| reason.0);
    }
}

impl Drop for LogLine {
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
pub fn event(message: &str) {
    // In one write, so that lines stay whole. A log that cannot be written is no reason to stop serving.
    let line = format!("{} {message}\n", rfc3339(SystemTime::now()));
    let _ = match LOG_FILE.get() {
        Some(mut file) => file.write_all(line.as_bytes()),
        None => io::stderr().write_all(line.as_bytes()),
    };
}

/// Tells the user something on standard error, wherever the log goes, such as why the program ends.
pub fn complain(message: &str) {
    // Not `eprintln!`: it panics when standard error is closed.
    let _ = writeln!(io::stderr(), "tango-sandbox: {message}");
}
