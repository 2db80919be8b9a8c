//! A server plants secrets, in every spelling, in every field of its responses. None is found in any output.

#[path = "support/request.rs"]
mod request;
#[path = "support/spellings.rs"]
mod spellings;

use std::fmt::{self, Write as _};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config as RunnerConfig, TestRunner};
use serde_json::json;
use spellings::{form, spellings};
use tango_token::{Client, Config, Error, Observation};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const CLIENT_SECRET: &str = "Tr0ub4dor&3 +<\"x\\y>";
const PASSWORD: &str = "pässwörd=%41;1";
const PROXY_PASSWORD: &str = "pr0xy@pass:1";
const TOKEN: &str = "tok3n-AbCdEf_0123456789~xyz";
const SECRETS: &[&str] = &[CLIENT_SECRET, PASSWORD, PROXY_PASSWORD, TOKEN];
/// A client that holds no token cannot know one.
const CONFIGURED: &[&str] = &[CLIENT_SECRET, PASSWORD, PROXY_PASSWORD];

const ACCOUNTS: &str = "https://api.example/accounts";

static LINES: Mutex<String> = Mutex::new(String::new());

/// Collects each line of the log, with all of its fields.
struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tango_token")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        writeln!(LINES.lock().unwrap(), "{}", line.0).unwrap();
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
        write!(self.0, " {field}={value:?}").unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }
}

/// A server that sends the same bytes in response to each request. It is its own proxy.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    response: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let response = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::clone(&response);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sent = Arc::clone(&sent);
                thread::spawn(move || respond(&stream, &sent));
            }
        });
        Self { address, response }
    }

    fn send(&self, response: Vec<u8>) {
        *self.response.lock().unwrap() = response;
    }

    fn send_token(&self) {
        let body = json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 86_400}).to_string();
        self.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes());
    }

    fn client(&self) -> Client {
        let mut config = Config::new();
        config.token_url(format!("http://{}/oauth/token", self.address)).api_url("https://api.example");
        config.proxy(format!("http://me:{}@{}", form(PROXY_PASSWORD), self.address)).allow_plain_http(true);
        config.client_id("client-1").client_secret(CLIENT_SECRET).username("name").password(PASSWORD);
        config.total_timeout(Duration::from_millis(400));
        Client::new(&config).unwrap()
    }
}

fn respond(stream: &TcpStream, response: &Mutex<Vec<u8>>) -> Option<()> {
    request::read(&mut BufReader::new(stream))?;
    let bytes = response.lock().unwrap().clone();
    { stream }.write_all(&bytes).ok()
}

/// A text with a secret in one of its spellings.
#[derive(Clone, Debug)]
struct Planted {
    text: String,
    spelling: String,
}

fn planted(secrets: &'static [&'static str]) -> impl Strategy<Value = Planted> {
    let place = ("[a-z]{0,6}[ =:\"(]", "[ \")&,;]?[a-z]{0,6}");
    (prop::sample::select(secrets), any::<Index>(), place).prop_map(|(secret, index, (before, after))| {
        let spellings = spellings(secret);
        let spelling = spellings[index.index(spellings.len())].clone();
        Planted { text: format!("{before}{spelling}{after}"), spelling }
    })
}

/// A response with a secret in each field that the library reads, and in some that it does not.
fn any_response(secrets: &'static [&'static str]) -> impl Strategy<Value = (Vec<Planted>, Vec<u8>)> {
    let status = prop::sample::select(vec![200, 201, 301, 302, 307, 400, 401, 403, 404, 407, 429, 500, 502, 503, 599]);
    let content_type =
        prop::sample::select(vec!["application/json", "text/plain", "text/html", "application/problem+json"]);
    let kind = 0..6_u8;
    let strings = prop::collection::vec(planted(secrets), 14);
    (status, content_type, kind, strings).prop_map(|(status, content_type, kind, planted)| {
        let text = |index: usize| planted[index].text.as_str();
        let oauth = json!({
            "error": text(0), "error_description": text(1), "error_uri": text(2), "i18nKey": text(3),
            "message": text(4), "requestId": text(5),
            "errors": [{"path": text(6), "i18nKey": text(7), "message": text(8)}],
            "title": text(2), "detail": text(6), "fault": {"faultstring": text(7)}, "Message": text(8),
        });
        let issued = json!({
            "access_token": TOKEN, "token_type": if kind == 1 { "Bearer" } else { text(0) }, "expires_in": 60,
            "scope": text(1), "error": text(2), "error_description": text(3),
        });
        let nested = json!({"error": {"code": text(0), "message": text(1)}, "message": {"text": text(2)}});
        let body = match kind {
            0 => oauth.to_string(),
            1 | 2 => issued.to_string(),
            3 => nested.to_string(),
            4 => text(0).to_owned(),
            _ => format!("<html><p>{}</p></html>", text(0)),
        };
        let value = |index: usize| {
            planted[index].text.bytes().map(|byte| if byte < b' ' { b' ' } else { byte }).collect::<Vec<_>>()
        };
        let mut bytes = format!("HTTP/1.1 {status} ").into_bytes();
        bytes.extend(value(9));
        let names = ["x-request-id", "location", "dpop-nonce", "www-authenticate", "date", "retry-after", "server"];
        for (index, name) in names.into_iter().enumerate() {
            bytes.extend(format!("\r\n{name}: ").bytes());
            bytes.extend(value(index + 7));
        }
        let head = format!("\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n", body.len());
        bytes.extend(head.bytes().chain(body.bytes()));
        (planted, bytes)
    })
}

fn shown(error: &Error) -> String {
    let strings = [
        error.oauth_error(),
        error.oauth_error_description(),
        error.i18n_key(),
        error.server_message(),
        error.request_id(),
    ];
    format!("{error} {error:?} {} {strings:?}", strings.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn check(output: &str, planted: &[Planted]) -> Result<(), TestCaseError> {
    let spellings = planted.iter().map(|planted| planted.spelling.trim());
    for secret in spellings.chain(SECRETS.iter().copied()) {
        prop_assert!(!output.contains(secret), "{:?} in {}", secret, output);
    }
    Ok(())
}

fn runner(cases: u32) -> TestRunner {
    println!("Figure: {cases} responses with a secret in every field");
    TestRunner::new(RunnerConfig { cases, failure_persistence: None, max_shrink_iters: 100, ..RunnerConfig::default() })
}

/// Checks what a client without a token says about a response of the token endpoint.
fn token_is_refused(server: &Server) {
    let check = |(planted, response): (Vec<Planted>, Vec<u8>)| {
        server.send(response);
        let client = server.client();
        let output = match client.acquire() {
            Ok(token) => format!("{token:?} {} {}", token.scope(), token.token_type()),
            Err(error) => shown(&error) + &shown(&client.acquire().unwrap_err()),
        };
        check(&format!("{output} {client:?}"), &planted)
    };
    runner(80).run(&any_response(CONFIGURED), check).unwrap();
}

/// Checks the same for a client whose token an API rejected, and which explains why it has no other.
fn replacement_is_refused(server: &Server) {
    let check = |(planted, response): (Vec<Planted>, Vec<u8>)| {
        server.send_token();
        let client = server.client();
        assert!(client.invalidate(&client.acquire().unwrap()));
        server.send(response);
        let authorization = client.authorize("GET", ACCOUNTS).unwrap();
        let response = Observation {
            http_status: 401,
            www_authenticate: Some("Bearer error=invalid_token"),
            ..Observation::default()
        };
        let output = client.observe(&authorization, &response).map_or_else(|error| shown(&error), |v| format!("{v:?}"));
        check(&output, &planted)
    };
    runner(40).run(&any_response(SECRETS), check).unwrap();
}

/// Checks what a client says about a response of an API.
fn request_is_refused(server: &Server) {
    server.send_token();
    let client = server.client();
    let check = |(planted, header): (Vec<Planted>, Index)| {
        let text = |index: usize| planted[index].text.replace(['\\', '"'], "");
        let headers = [
            format!("Bearer error=\"{}\", error_description=\"{}\"", text(0), text(1)),
            format!("DPoP error=\"invalid_request\", error_description=\"{}\"", planted[1].text),
            format!("Bearer realm=\"{}\"", text(0)),
            planted[0].text.clone(),
        ];
        let authorization = client.authorize("GET", ACCOUNTS).unwrap();
        let response = Observation {
            http_status: 401,
            www_authenticate: Some(&headers[header.index(headers.len())]),
            dpop_nonce: Some(&planted[2].text),
            date: Some(&planted[3].text),
        };
        let output = client.observe(&authorization, &response).map_or_else(|error| shown(&error), |v| format!("{v:?}"));
        check(&format!("{output} {authorization:?}"), &planted)
    };
    runner(400).run(&(prop::collection::vec(planted(SECRETS), 4), any::<Index>()), check).unwrap();
}

/// One test, because all clients of a process share the log.
#[test]
fn secrets_in_any_field_of_a_response_are_in_no_output() {
    tracing::subscriber::set_global_default(Collector).unwrap();
    let server = Server::start();
    token_is_refused(&server);
    replacement_is_refused(&server);
    request_is_refused(&server);
    let lines = LINES.lock().unwrap().clone();
    assert!(lines.lines().count() > 100, "{lines}");
    for secret in SECRETS {
        for spelling in spellings(secret) {
            assert!(!lines.contains(spelling.trim()), "{spelling:?} in the log");
        }
    }
}
