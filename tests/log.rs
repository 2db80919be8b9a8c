//! The log tells the story of a refresh, and no line contains a secret.

mod support;

use std::fmt::{self, Write};
use std::sync::Mutex;

use serde_json::json;
use support::fresh_directory;
use support::sandbox::Sandbox;
use tango_token::{Client, Token};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use url::Url;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects the library's events of all levels, each as one line, without numbers that differ between runs.
struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tango_token")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name @ ("ms" | "request_id") => write!(self.0, " {name}=_"),
            name => write!(self.0, " {name}={value:?}"),
        }
        .unwrap();
    }
}

/// Returns the lines that `work` logs, without the places and times of this run. No line contains a secret.
fn story(sandbox: &Sandbox, work: impl FnOnce() -> Option<Token>) -> Vec<String> {
    LINES.lock().unwrap().clear();
    let token = work();
    let secrets = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"].map(|name| sandbox.variable(name));
    let lines = std::mem::take(&mut *LINES.lock().unwrap());
    for line in &lines {
        assert!(secrets.into_iter().chain(token.as_ref().map(Token::value)).all(|secret| !line.contains(secret)));
    }
    let server = Url::parse(sandbox.variable("TANGO_TOKEN_URL")).unwrap();
    let server = format!("localhost:{}", server.port().unwrap());
    lines.into_iter().map(|line| without_times(&line.replace(&server, "SERVER"))).collect()
}

/// Replaces each `Sat 12:30 UTC` by `TIME`.
fn without_times(line: &str) -> String {
    let mut parts: Vec<_> = line.split(" UTC").map(str::to_owned).collect();
    let last = parts.pop().unwrap();
    for part in &mut parts {
        part.truncate(part.len() - "Sat 12:30".len());
        part.push_str("TIME");
    }
    parts.concat() + &last
}

#[test]
fn log_of_a_refresh_tells_its_story_without_a_secret() {
    tracing::subscriber::set_global_default(Collector).unwrap();
    let sandbox = Sandbox::start(&[]);
    sandbox.script(&json!([{"status": 503, "headers": {"retry-after": "0", "x-request-id": "r-1"}}]));
    let directory = fresh_directory("log");
    let client = Client::new(sandbox.config().cache(format!("file:{}", directory.display()))).unwrap();
    let lines = story(&sandbox, || client.acquire().ok());
    let of_cache = format!(r#" client="sandbox-client" store="file:{}" ms=_"#, directory.display());
    let lines: Vec<_> = lines.iter().map(|line| line.replace(&of_cache, " CACHE")).collect();
    assert_eq!(
        lines,
        [
            "DEBUG the shared cache was read; it is empty CACHE",
            r#"DEBUG next step of the refresh: request a token client="sandbox-client""#,
            "DEBUG the lock of the shared cache was taken CACHE",
            "DEBUG the shared cache was read; it is empty CACHE",
            r#"DEBUG next step of the refresh: request a token client="sandbox-client""#,
            "DEBUG the lock of the shared cache was extended CACHE",
            "DEBUG the ledger was written to the shared cache CACHE",
            r#"DEBUG a token request is sent to SERVER client="sandbox-client" dpop=false"#,
            r#"DEBUG the token endpoint responded client="sandbox-client" http_status=503 ms=_ request_id=_"#,
            "DEBUG the lock of the shared cache was extended CACHE",
            concat!(
                "WARN the server SERVER failed (HTTP 503); trying again in 1 s ",
                r#"client="sandbox-client" status="SERVER_ERROR" request_id=_"#
            ),
            "DEBUG the lock of the shared cache was extended CACHE",
            "DEBUG the ledger was written to the shared cache CACHE",
            r#"DEBUG a token request is sent to SERVER client="sandbox-client" dpop=false"#,
            r#"DEBUG the token endpoint responded client="sandbox-client" http_status=200 ms=_ request_id=_"#,
            "DEBUG the token was written to the shared cache CACHE",
            r#"INFO a new token is held for 24 h 0 min, until TIME client="sandbox-client""#,
            "DEBUG the lock of the shared cache was released CACHE",
        ]
    );
    assert_eq!(story(&sandbox, || client.acquire().ok()), [""; 0], "a held token is served without a line");

    let without_cache = Client::new(&sandbox.config()).unwrap();
    let lines = story(&sandbox, || without_cache.acquire().ok());
    let warning = lines.iter().find(|line| line.starts_with("WARN")).unwrap();
    for part in [
        "WARN the daily limit of tokens for this client is used up",
        "the next request is sent in 1 h 0 min, at TIME; nothing is sent for the next 1 h 0 min",
        r#" client="sandbox-client" status="QUOTA_REFUSED" request_id=_ retry_in="1 h 0 min""#,
    ] {
        assert!(warning.contains(part), "{part} is not in {warning}");
    }
}
