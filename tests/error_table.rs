//! Every error, field by field, through the C interface: the server answers as the row says, and a C program prints
//! what it was told.

mod support;

use std::collections::HashMap;
use std::net::TcpListener;

use serde_json::{Value, json};
use support::programs::{Program, Under};
use support::sandbox::Sandbox;

const SECRETS: [&str; 4] = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD", "a-token-in-a-bad-answer", "proxy-password"];

struct Bench {
    sandbox: Sandbox,
    report: Program,
}

/// What the program printed: field to text, without the log.
type Report = HashMap<String, String>;

impl Bench {
    fn start() -> Self {
        Self { sandbox: Sandbox::start(&[]), report: Program::build("tests/c/report.c", Under::Sanitizers) }
    }

    fn report(&self, variables: &[(&str, &str)]) -> Report {
        let mut command = self.report.command(&self.sandbox);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for secret in SECRETS {
            let secret = self.sandbox.variables.get(secret).map_or(secret, String::as_str);
            assert!(!said.contains(secret), "{secret} is in {said}");
        }
        said.lines().filter_map(|line| line.split_once('=')).map(|(name, text)| (name.into(), text.into())).collect()
    }

    /// The answers the server gives, the fields the caller sees, and the number of requests it took.
    fn check(&self, answers: &Value, expected: &Value, requests: u64) {
        self.sandbox.script(answers);
        expect(&self.report(&[]), expected, &answers.to_string());
        assert_eq!(self.sandbox.token_requests(), requests, "{answers}");
    }
}

/// A field whose expected text is null must be absent; a text that ends in `…` is the beginning of one.
fn expect(report: &Report, expected: &Value, of: &str) {
    for (name, text) in expected.as_object().unwrap() {
        let (seen, wanted) = (report.get(name).map(String::as_str), text.as_str());
        let same = match wanted.and_then(|wanted| wanted.strip_suffix('…')) {
            Some(beginning) => seen.is_some_and(|seen| seen.starts_with(beginning)),
            None => seen == wanted,
        };
        assert!(same, "{of}: {name} is {seen:?} and not {wanted:?} in {report:#?}");
    }
}

fn text(status: u16, body: &str) -> Value {
    json!([{"status": status, "headers": {"content-type": "text/plain", "x-request-id": "r-1"}, "body": body}])
}

fn json_answer(status: u16, body: &Value) -> Value {
    json!([{"status": status, "headers": {"content-type": "application/json"}, "body": body.to_string()}])
}

#[test]
fn refusals_of_the_credentials() {
    let bench = Bench::start();
    bench.check(
        &text(401, "Unauthorized"),
        &json!({"status": "TANGO_STATUS_CREDENTIALS_REFUSED", "http_status": "401", "server_message": "Unauthorized",
                "request_id": "r-1", "oauth_error": null, "i18n_key": null, "token_type": null,
                "message": "the server does not accept the credentials (HTTP 401): Unauthorized; check client_id…"}),
        1,
    );
    bench.check(
        &text(401, ""),
        &json!({"status": "TANGO_STATUS_CREDENTIALS_REFUSED", "server_message": null,
                "message": "the server does not accept the credentials (HTTP 401); check client_id…"}),
        1,
    );
    bench.check(
        &json_answer(400, &json!({"error": "invalid_grant", "error_description": "wrong password"})),
        &json!({"status": "TANGO_STATUS_CREDENTIALS_REFUSED", "http_status": "400", "oauth_error": "invalid_grant",
                "oauth_error_description": "wrong password", "request_id": null}),
        1,
    );
}

#[test]
fn refusals_of_the_request() {
    let bench = Bench::start();
    bench.check(
        &text(400, "audience is missing"),
        &json!({"status": "TANGO_STATUS_REQUEST_REFUSED", "http_status": "400", "server_message": "audience is missing"}),
        1,
    );
    bench.check(&text(400, ""), &json!({"status": "TANGO_STATUS_REQUEST_REFUSED", "server_message": null}), 1);
    let tangos = json!({"timestamp": "2026-01-01T00:00:00.000Z", "requestId": "r-2", "path": "/oauth/token",
        "httpCode": 404, "httpPhrase": "Not Found", "i18nKey": "path.not.found", "message": "no such path", "errors": []});
    bench.check(
        &json_answer(404, &tangos),
        &json!({"status": "TANGO_STATUS_REQUEST_REFUSED", "http_status": "404", "i18n_key": "path.not.found",
                "server_message": "no such path", "request_id": "r-2",
                "message": "the server refuses the token request (HTTP 404): no such path; check token_url…"}),
        1,
    );
}

#[test]
fn the_daily_limit() {
    let bench = Bench::start();
    bench.check(
        &text(400, "Client sandbox abc has exceeded the daily rate limit"),
        &json!({"status": "TANGO_STATUS_QUOTA_REFUSED", "http_status": "400", "retry_after_seconds": "3600",
                "server_message": "Client sandbox abc has exceeded the daily rate limit"}),
        1,
    );
}

#[test]
fn a_server_in_trouble() {
    let bench = Bench::start();
    let unavailable = json!({"status": 503, "headers": {"retry-after": "0"}});
    bench.check(
        &json!([unavailable, unavailable, unavailable, unavailable, unavailable]),
        &json!({"status": "TANGO_STATUS_SERVER_ERROR", "http_status": "503", "message": "the server failed (HTTP 503)"}),
        5,
    );
    bench.check(
        &json!([{"status": 429, "headers": {"retry-after": "120"}, "body": "slow down"}]),
        &json!({"status": "TANGO_STATUS_RATE_LIMITED", "http_status": "429", "retry_after_seconds": "120"}),
        1,
    );
    bench.check(
        &json!([unavailable]),
        &json!({"status": "TANGO_STATUS_OK", "token_type": "Bearer", "scope": "raas.all"}),
        2,
    );
}

#[test]
fn answers_that_are_none() {
    let bench = Bench::start();
    bench.check(
        &json!([{"status": 302, "headers": {"location": "https://elsewhere.example/"}}]),
        &json!({"status": "TANGO_STATUS_UNEXPECTED_RESPONSE", "http_status": "302",
                "message": "the server redirects (HTTP 302 to https://elsewhere.example/), and redirects are never followed…"}),
        1,
    );
    bench.check(
        &json!([{"status": 204}]),
        &json!({"status": "TANGO_STATUS_UNEXPECTED_RESPONSE", "http_status": "204"}),
        1,
    );
    for body in [
        json!("a-token-in-a-bad-answer"),
        json!({"access_token": "a-token-in-a-bad-answer\n", "token_type": "Bearer"}),
        json!({"access_token": "a-token-in-a-bad-answer", "token_type": "mac"}),
        json!({"access_token": "a-token-in-a-bad-answer", "token_type": "Bearer", "expires_in": -1}),
        json!({"token_type": "Bearer"}),
    ] {
        bench.check(
            &json_answer(200, &body),
            &json!({"status": "TANGO_STATUS_MALFORMED_RESPONSE", "http_status": "200", "message": "the response…"}),
            1,
        );
    }
}

#[test]
fn connections_that_break() {
    let bench = Bench::start();
    let lost = json!({"status": "TANGO_STATUS_CONNECTION_LOST", "http_status": "0", "message": "the connection to localhost:…"});
    bench.check(&json!([{"fault": "close"}, {"fault": "close"}, {"fault": "close"}]), &lost, 2);
    let cut_off = json!({"fault": "truncate", "body": "{\"access_token\": \"a-token-in-a-bad-answer\"}"});
    bench.check(&json!([cut_off, cut_off]), &lost, 2);
    bench.check(&json!([{"fault": "close"}]), &json!({"status": "TANGO_STATUS_OK"}), 2);

    bench.sandbox.script(&json!([{"fault": "hang"}]));
    let report = bench.report(&[("TANGO_TOTAL_TIMEOUT_MS", "300")]);
    expect(&report, &json!({"status": "TANGO_STATUS_TIMED_OUT", "http_status": "0"}), "a server that hangs");
}

#[test]
fn servers_that_are_not_there() {
    let bench = Bench::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("https://127.0.0.1:{closed}/oauth/token");
    let report = bench.report(&[("TANGO_TOKEN_URL", &nobody), ("TANGO_TOTAL_TIMEOUT_MS", "1000")]);
    expect(
        &report,
        &json!({"status": "TANGO_STATUS_CONNECT_FAILED", "message": "cannot connect to 127.0.0.1:…"}),
        "a closed port",
    );

    let unknown = [("TANGO_TOKEN_URL", "https://no-such-host.invalid/"), ("TANGO_TOTAL_TIMEOUT_MS", "1000")];
    expect(&bench.report(&unknown), &json!({"status": "TANGO_STATUS_CONNECT_FAILED"}), "an unknown host");

    let proxy = format!("http://user:proxy-password@127.0.0.1:{closed}");
    let report = bench.report(&[("TANGO_PROXY", &proxy), ("TANGO_TOTAL_TIMEOUT_MS", "1000")]);
    expect(&report, &json!({"status": "TANGO_STATUS_CONNECT_FAILED"}), "a proxy that is not there");

    // It accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let timeouts = [("TANGO_CONNECT_TIMEOUT_MS", "100"), ("TANGO_TOTAL_TIMEOUT_MS", "1000")];
    let report = bench.report(&[&[("TANGO_TOKEN_URL", silent_url.as_str())][..], &timeouts].concat());
    expect(&report, &json!({"status": "TANGO_STATUS_TIMED_OUT", "message": "no connection to 127.0.0.1:…"}), "silence");
    assert_eq!(bench.sandbox.token_requests(), 0);
}

#[test]
fn servers_that_cannot_be_trusted() {
    let bench = Bench::start();
    let other = Sandbox::start(&[]);
    let untrusted = json!({"status": "TANGO_STATUS_TLS_FAILED", "message": "no secure connection to localhost:…"});
    let report = bench.report(&[("TANGO_CA_FILE", other.variable("TANGO_CA_FILE"))]);
    expect(&report, &untrusted, "another authority");

    let system = bench.report(&[("TANGO_CA_FILE", "")]);
    expect(&system, &untrusted, "the system's authorities");

    let no_tls = bench.sandbox.variable("TANGO_SANDBOX_CONTROL_URL").replace("http:", "https:");
    expect(&bench.report(&[("TANGO_TOKEN_URL", &no_tls)]), &json!({"status": "TANGO_STATUS_TLS_FAILED"}), "no TLS");

    assert_eq!(bench.sandbox.token_requests(), 0);
}

#[test]
fn configurations_that_cannot_work() {
    let bench = Bench::start();
    for (name, value, message) in [
        ("TANGO_PASSWORD", "", "the configuration cannot be used: password is missing"),
        ("TANGO_ENVIRONMENT", "test", "TANGO_ENVIRONMENT must be `sandbox` or `production`"),
        ("TANGO_TOKEN_URL", "http://tango.example/", "the configuration cannot be used: token_url must be https://…"),
        ("TANGO_CA_FILE", "/nowhere.pem", "the configuration cannot be used: ca_file /nowhere.pem: No such file…"),
        ("TANGO_PROXY", "ftp://user:proxy-password@host", "the configuration cannot be used: proxy must be…"),
    ] {
        let expected = json!({"status": "TANGO_STATUS_INVALID_CONFIGURATION", "message": message, "http_status": "0",
                              "retry_after_seconds": "-1"});
        expect(&bench.report(&[(name, value)]), &expected, name);
    }
    assert_eq!(bench.sandbox.token_requests(), 0);
}

#[test]
fn a_proxy_carries_the_request_and_does_not_see_it() {
    let bench = Bench::start();
    let proxy = support::proxy::ConnectProxy::start();
    let report = bench.report(&[("TANGO_PROXY", &proxy.url("user", "proxy-password"))]);
    expect(&report, &json!({"status": "TANGO_STATUS_OK"}), "an explicit proxy");
    let system = bench.report(&[("TANGO_PROXY", "system"), ("HTTPS_PROXY", &proxy.url("user", "proxy-password"))]);
    expect(&system, &json!({"status": "TANGO_STATUS_QUOTA_REFUSED"}), "the system's proxy, and no second token today");
    let heads = proxy.heads();
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert!(
            head.starts_with("CONNECT localhost:") && head.to_lowercase().contains("proxy-authorization: basic"),
            "{head}"
        );
    }
}
