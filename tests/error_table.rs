//! Tests of errors that the conformance cases do not cover: whole messages, failures that they cannot script, and
//! secrets in any field or log line. A C program prints the error that it got, and the log.

mod support;

use std::collections::HashMap;
use std::net::TcpListener;

use serde_json::{Value, json};
use support::programs::{Program, Under};
use support::proxy::ConnectProxy;
use support::sandbox::Sandbox;
use url::Url;

const TOKEN: &str = "a-token-in-an-unusable-response";
const SECRETS: [&str; 4] = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD", TOKEN, "proxy-password"];

struct Fixture {
    sandbox: Sandbox,
    report: Program,
}

/// The fields that the program printed, without the log.
type Report = HashMap<String, String>;

impl Fixture {
    fn new() -> Self {
        Self { sandbox: Sandbox::start(&[]), report: Program::build("tests/c/report.c", Under::Sanitizers) }
    }

    /// Runs the program and checks that it printed no secret.
    fn report(&self, variables: &[(&str, &str)]) -> Report {
        let mut command = self.report.command(&self.sandbox);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
        for secret in SECRETS {
            let secret = self.sandbox.variables.get(secret).map_or(secret, String::as_str);
            assert!(!printed.contains(secret), "{secret} is in {printed}");
        }
        let fields = printed.lines().filter_map(|line| line.split_once('='));
        fields.map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// Scripts the server's responses, and checks the error and the number of requests.
    fn check(&self, responses: &Value, expected: &Value, requests: u64) {
        self.sandbox.script(responses);
        check(&self.report(&[]), expected, &responses.to_string());
        assert_eq!(self.sandbox.token_requests(), requests, "{responses}");
    }

    fn check_without_request(&self, variables: &[(&str, &str)], expected: &Value) {
        check(&self.report(variables), expected, &format!("{variables:?}"));
        assert_eq!(self.sandbox.token_requests(), 0, "{variables:?}");
    }
}

/// A field whose expected value is null must be absent. A value that ends in `…` is the beginning of the field.
fn check(report: &Report, expected: &Value, of: &str) {
    for (name, value) in expected.as_object().unwrap() {
        let (seen, wanted) = (report.get(name).map(String::as_str), value.as_str());
        let is_equal = match wanted.and_then(|wanted| wanted.strip_suffix('…')) {
            Some(beginning) => seen.is_some_and(|seen| seen.starts_with(beginning)),
            None => seen == wanted,
        };
        assert!(is_equal, "{of}: {name} is {seen:?} and not {wanted:?} in {report:#?}");
    }
}

/// A port on which nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn messages_name_the_failure_the_servers_words_and_the_setting_to_check() {
    let fixture = Fixture::new();
    let not_found = json!({"requestId": "r-2", "i18nKey": "path.not.found", "message": "no such path"}).to_string();
    let unavailable = json!({"status": 503, "headers": {"retry-after": "0"}});
    let lost = json!({"fault": "close"});
    let rows = [
        (
            json!([{"status": 401, "headers": {"content-type": "text/plain"}, "body": "Unauthorized"}]),
            "the server localhost:PORT does not accept the credentials (HTTP 401): Unauthorized; check client_id…",
            1,
        ),
        (
            json!([{"status": 401}]),
            "the server localhost:PORT does not accept the credentials (HTTP 401); check client_id…",
            1,
        ),
        (
            json!([{"status": 404, "headers": {"content-type": "application/json"}, "body": not_found}]),
            "the server localhost:PORT refuses the token request (HTTP 404): no such path; check token_url…",
            1,
        ),
        (json!(vec![unavailable; 5]), "the server localhost:PORT failed (HTTP 503)", 5),
        (
            json!([{"status": 302, "headers": {"location": "https://other.example/"}}]),
            "the server localhost:PORT redirects (HTTP 302 to https://other.example/), and redirects are never followed…",
            1,
        ),
        (json!([lost, lost, lost]), "the connection to localhost:…", 2),
    ];
    let url = Url::parse(fixture.sandbox.variable("TANGO_TOKEN_URL")).unwrap();
    for (responses, message, requests) in rows {
        let message = message.replace("PORT", &url.port().unwrap().to_string());
        fixture.check(&responses, &json!({"message": message, "token_type": null}), requests);
    }
}

#[test]
fn refusal_with_an_empty_body_has_no_words_of_the_server() {
    let expected = json!({"status": "TANGO_STATUS_REQUEST_REFUSED", "http_status": "400", "server_message": null});
    Fixture::new().check(&json!([{"status": 400}]), &expected, 1);
}

#[test]
fn response_of_another_kind_is_not_requested_again() {
    let expected = json!({"status": "TANGO_STATUS_UNEXPECTED_RESPONSE", "http_status": "204"});
    Fixture::new().check(&json!([{"status": 204}]), &expected, 1);
}

#[test]
fn token_in_an_unusable_response_is_in_no_field_and_no_log_line() {
    let fixture = Fixture::new();
    for body in [
        json!(TOKEN),
        json!({"access_token": format!("{TOKEN}\n{TOKEN}"), "token_type": "Bearer"}),
        json!({"access_token": TOKEN, "token_type": "mac", "message": TOKEN}),
        json!({"refresh_token": TOKEN, "token_type": "Bearer"}),
        json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 0}),
    ] {
        let headers = json!({"content-type": "application/json"});
        let expected = json!({"status": "TANGO_STATUS_MALFORMED_RESPONSE", "http_status": "200", "token_type": null});
        fixture.check(&json!([{"status": 200, "headers": headers, "body": body.to_string()}]), &expected, 1);
    }
    let cut_off =
        json!({"raw": format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{\"access_token\": \"{TOKEN}")});
    fixture.check(&json!([cut_off, cut_off]), &json!({"status": "TANGO_STATUS_CONNECTION_LOST"}), 2);
}

#[test]
fn unreachable_server_or_proxy_is_named_and_nothing_is_sent() {
    let fixture = Fixture::new();
    let timeout = ("TANGO_TOTAL_TIMEOUT_MS", "1000");
    let closed = closed_port();

    let nothing_listens = format!("https://127.0.0.1:{closed}/oauth/token");
    fixture.check_without_request(
        &[("TANGO_TOKEN_URL", &nothing_listens), timeout],
        &json!({"status": "TANGO_STATUS_CONNECT_FAILED", "message": "cannot connect to 127.0.0.1:…"}),
    );
    fixture.check_without_request(
        &[("TANGO_TOKEN_URL", "https://no-such-host.invalid/"), timeout],
        &json!({"status": "TANGO_STATUS_CONNECT_FAILED"}),
    );
    let proxy = format!("http://user:proxy-password@127.0.0.1:{closed}");
    fixture.check_without_request(
        &[("TANGO_PROXY", &proxy), timeout],
        &json!({"status": "TANGO_STATUS_CONNECT_FAILED", "http_status": "0",
                "message": "cannot connect to the proxy 127.0.0.1:…"}),
    );
}

#[test]
fn server_that_accepts_connections_and_stays_silent_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    Fixture::new().check_without_request(
        &[("TANGO_TOKEN_URL", &url), ("TANGO_CONNECT_TIMEOUT_MS", "100"), ("TANGO_TOTAL_TIMEOUT_MS", "1000")],
        &json!({"status": "TANGO_STATUS_TIMED_OUT", "message": "no connection to 127.0.0.1:…"}),
    );
}

#[test]
fn server_without_a_trusted_certificate_or_without_tls_is_refused() {
    let fixture = Fixture::new();
    let other = Sandbox::start(&[]);
    let untrusted = json!({"status": "TANGO_STATUS_TLS_FAILED", "message": "no secure connection to localhost:…"});
    fixture.check_without_request(&[("TANGO_CA_FILE", other.variable("TANGO_CA_FILE"))], &untrusted);
    fixture.check_without_request(&[("TANGO_CA_FILE", "")], &untrusted);

    let plain = fixture.sandbox.variable("TANGO_SANDBOX_CONTROL_URL").replace("http:", "https:");
    fixture.check_without_request(&[("TANGO_TOKEN_URL", &plain)], &json!({"status": "TANGO_STATUS_TLS_FAILED"}));
}

#[test]
fn invalid_configuration_is_explained_without_its_secrets() {
    let fixture = Fixture::new();
    for (name, value, message) in [
        ("TANGO_PASSWORD", "", "the configuration cannot be used: TANGO_PASSWORD is missing"),
        ("TANGO_ENVIRONMENT", "test", "the configuration cannot be used: TANGO_ENVIRONMENT must be `sandbox` or…"),
        (
            "TANGO_TOKEN_URL",
            "http://tango.example/",
            "the configuration cannot be used: TANGO_TOKEN_URL must be https://…",
        ),
        (
            "TANGO_CA_FILE",
            "/nowhere.pem",
            "the configuration cannot be used: TANGO_CA_FILE /nowhere.pem: No such file…",
        ),
        ("TANGO_PROXY", "ftp://user:proxy-password@host", "the configuration cannot be used: TANGO_PROXY has another…"),
    ] {
        let expected = json!({"status": "TANGO_STATUS_INVALID_CONFIGURATION", "message": message, "http_status": "0",
                              "retry_after_seconds": "-1"});
        fixture.check_without_request(&[(name, value)], &expected);
    }
}

#[test]
fn proxy_sees_the_host_and_its_own_credentials_only() {
    let fixture = Fixture::new();
    let proxy = ConnectProxy::start();
    let explicit = fixture.report(&[("TANGO_PROXY", &proxy.url("user", "proxy-password"))]);
    check(&explicit, &json!({"status": "TANGO_STATUS_OK"}), "an explicit proxy");
    let system = fixture.report(&[("TANGO_PROXY", "system"), ("HTTPS_PROXY", &proxy.url("user", "proxy-password"))]);
    check(&system, &json!({"status": "TANGO_STATUS_QUOTA_REFUSED"}), "the system's proxy, and a second token today");
    let heads = proxy.heads();
    assert_eq!(heads.len(), 2);
    for head in heads {
        let has_credentials = head.to_lowercase().contains("proxy-authorization: basic");
        assert!(head.starts_with("CONNECT localhost:") && has_credentials, "{head}");
    }
}
