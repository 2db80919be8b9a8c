//! `tango-token call`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Home, World, command, end, end_with_input};

#[test]
fn response_is_printed() {
    let world = World::new("call", &[]);
    let body = world.run(&["call", "GET", &world.api("/accounts")]).success();
    let accounts: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(accounts[0]["accountIdentifier"], "sandbox-account");
    let response = world.run(&["call", "GET", &world.api("/accounts"), "--include"]).success();
    let (head, included) = response.split_once("\n\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\n") && head.contains("\ncontent-type: application/json"), "{head}");
    assert_eq!(included, body);
}

#[test]
fn nonce_that_the_api_asks_for_is_used_in_one_retry() {
    let world = World::new("call-nonce", &["--dpop", "strict", "--dpop-nonce", "required"]);
    world.run(&["call", "GET", &world.api("/accounts"), "--dpop", "required", "--fail"]).success();
    let requests = world.sandbox.requests();
    let calls: Vec<_> = requests.iter().filter(|request| request["path"] == "/raas/v2/accounts").collect();
    assert_eq!(calls.len(), 2, "{requests:?}");
}

#[test]
fn body_comes_from_a_file_standard_input_or_the_argument() {
    let world = World::new("call-body", &[]);
    let order = r#"{"amount":5}"#;
    let file = world.home.write("order.json", order);
    let url = world.api("/orders");
    let call = |data: &str| world.command(&["call", "POST", &url, "--data", data, "-H", "X-Note: of a test"]);
    end(&mut call(&format!("@{}", file.display()))).success();
    end_with_input(&mut call("@-"), order).success();
    end(&mut call(order)).success();
    let requests = world.sandbox.requests();
    let sent: Vec<_> = requests.iter().filter(|request| request["path"] == "/raas/v2/orders").collect();
    assert_eq!(sent.len(), 3);
    for request in sent {
        let text = request.to_string().to_lowercase();
        assert!(text.contains("application/json") && text.contains("of a test"), "{text}");
    }
}

#[test]
fn http_status_becomes_the_exit_status_on_request() {
    let world = World::new("call-fail", &[]);
    let missing = world.api("/accounts/none");
    let ended = world.run(&["call", "GET", &missing]);
    assert!(ended.status == Some(0) && ended.stdout.contains("there is no such account"), "{ended:?}");
    let ended = world.run(&["call", "GET", &missing, "--fail"]);
    assert!(ended.status == Some(4) && ended.stdout.contains("there is no such account"), "{ended:?}");
    let failing = |status: u16| {
        world.sandbox.script(&json!([{"path": "/raas/v2/accounts", "status": status}]));
        world.run(&["call", "GET", &world.api("/accounts"), "--fail"]).status
    };
    assert_eq!([failing(302), failing(503)], [Some(3), Some(5)]);
}

#[test]
fn refused_token_is_explained() {
    let world = World::new("call-refused", &[]);
    world.run(&["token"]).success();
    world.sandbox.revoke();
    let ended = world.run(&["call", "GET", &world.api("/accounts")]);
    assert!(ended.status == Some(1) && ended.stderr.contains("rejects the token"), "{ended:?}");
}

#[test]
fn server_that_is_not_trusted_gets_no_token() {
    let world = World::new("call-trust", &[]);
    world.run(&["token"]).success();
    let mut call = world.command(&["call", "GET", &world.api("/accounts")]);
    let ended = end(call.env_remove("TANGO_CA_FILE"));
    let message = ended.failure(1);
    assert!(message.contains("the call failed") && message.contains("certificate"), "{message}");
    assert!(world.sandbox.requests().iter().all(|request| request["path"] != "/raas/v2/accounts"));
}

/// Without TLS, a proxy would read the token.
#[test]
fn request_without_tls_to_this_machine_passes_no_proxy() {
    let world = World::new("call-proxy", &[]);
    world.run(&["token"]).success();
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", api.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut caller = api.accept().unwrap().0;
            let mut head = [0; 4096];
            assert!(caller.read(&mut head).unwrap() > 0);
            caller.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        }
    });
    // A port on which nothing listens.
    let proxy = "http://127.0.0.1:1";
    world.run(&["call", "GET", &url, "--api-url", &url, "--proxy", proxy, "--fail"]).success();
    let mut call = world.command(&["call", "GET", &url, "--api-url", &url, "--fail"]);
    end(call.env_remove("TANGO_PROXY").env("HTTP_PROXY", proxy).env("NO_PROXY", "localhost")).success();
    server.join().unwrap();
}

#[test]
fn headers_that_carry_the_token_cannot_be_given() {
    let world = World::new("call-usage", &[]);
    let url = world.api("/accounts");
    let message = world.run(&["call", "GET", &url, "--header", "Authorization: Bearer hunter2"]).failure(2);
    assert!(message.contains("authorization") && !message.contains("hunter2"), "{message}");
    world.run(&["call", "GET", &url, "--header", "no header"]).failure(2);
    world.run(&["call", "GET"]).failure(2);
    world.run(&["call", "GET", "https://elsewhere.example/"]).failure(2);
    assert_eq!(world.sandbox.token_requests(), 0);
}

#[test]
fn standard_input_is_not_read_twice() {
    let world = World::new("call-inputs", &[]);
    for flag in ["--header=@-", "--client-secret-file=-"] {
        let message = world.run(&["call", "POST", &world.api("/orders"), "--data", "-", flag]).failure(2);
        assert!(message.contains("--data") && message.contains("can read standard input"), "{message}");
    }
}

#[test]
fn total_timeout_of_a_profile_limits_the_call() {
    let world = World::new("call-profile", &[]);
    world.run(&["token"]).success();
    let file = world.home.write("config.toml", "[impatient]\ntotal_timeout_ms = 500\n");
    world.sandbox.hold();
    let start = Instant::now();
    let url = world.api("/accounts");
    let call = ["call", "GET", &url, "--profile", "impatient", "--config-file", file.to_str().unwrap()];
    let message = world.run(&call).failure(1);
    assert!(
        message.contains("the API did not respond in time") && start.elapsed() < Duration::from_secs(20),
        "{message}"
    );
}

#[test]
fn service_that_does_not_listen_is_a_failure() {
    let home = Home::new("call-down");
    let mut call = command(&home, &["call", "GET", "https://127.0.0.1:1/", "--token-url", "https://127.0.0.1:1/t"]);
    call.envs([
        ("TANGO_CLIENT_ID", "a"),
        ("TANGO_CLIENT_SECRET", "b"),
        ("TANGO_USERNAME", "c"),
        ("TANGO_PASSWORD", "d"),
    ]);
    let ended = end(call.args(["--api-url", "https://127.0.0.1:1", "--proxy", "none", "--total-timeout-ms", "1500"]));
    assert!(ended.status == Some(75) || ended.status == Some(1), "{ended:?}");
    assert!(ended.stderr.contains("127.0.0.1"), "{ended:?}");
}
