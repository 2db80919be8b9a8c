//! What callers get.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::process::{Server, bearer_file, command};
use crate::support::World;

const CALLERS: usize = 200;

#[test]
fn two_hundred_callers_on_an_empty_cache_cause_one_token_request() {
    let world = World::new("serve-callers", &[]);
    world.sandbox.hold();
    let server = Server::start(&world);
    let together = Barrier::new(CALLERS);
    let tokens: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    server.address.get("/token", &[])
                })
            })
            .collect();
        world.sandbox.wait_for("token_requests", 1);
        world.sandbox.release();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let first = tokens[0].json()["access_token"].clone();
    assert!(first.as_str().unwrap().len() > 20);
    for response in &tokens {
        assert_eq!((response.status(), &response.json()["access_token"]), (200, &first));
    }
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[test]
fn token_response_is_that_of_the_standard_and_is_not_to_be_cached() {
    let world = World::new("serve-token", &[]);
    let server = Server::start(&world);
    let response = server.address.get("/token", &[]);
    let body = response.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((&body["token_type"], &body["scope"]), (&json!("Bearer"), &json!("raas.all")));
    assert!((86_000..=86_400).contains(&body["expires_in"].as_u64().unwrap()));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn health_check_spends_no_token() {
    let world = World::new("serve-health", &[]);
    let server = Server::start(&world);
    assert_eq!(server.address.get("/healthz", &[]).json(), json!({"status": "ok"}));
    assert_eq!(world.sandbox.token_requests(), 0);
}

#[test]
fn caller_on_a_port_needs_the_bearer_of_this_server() {
    let world = World::new("serve-bearer", &[]);
    let server = Server::start_on_a_port(&world);
    let file = bearer_file(&world);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bearer = fs::read_to_string(&file).unwrap().trim_end().to_owned();
    let command_line = fs::read(format!("/proc/{}/cmdline", server.child.id()));
    assert!(command_line.is_err() || !String::from_utf8_lossy(&command_line.unwrap()).contains(&bearer));

    let refused = server.address.get("/token", &[]);
    assert_eq!((refused.status(), refused.header("www-authenticate")), (401, Some("Bearer realm=\"tango-token\"")));
    for wrong in ["Bearer wrong", "Bearer ", &format!("Basic {bearer}"), &format!("Bearer {bearer}x")] {
        let refused = server.address.get("/token", &[&format!("Authorization: {wrong}")]);
        assert_eq!(refused.status(), 401, "{wrong}");
        assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"));
        assert!(!format!("{refused:?}").contains(&bearer));
    }
    assert_eq!(world.sandbox.token_requests(), 0);
    let right = format!("Authorization: Bearer {bearer}");
    assert_eq!(server.address.get("/token", &[&right]).status(), 200);
    assert_eq!(server.address.get("/token", &[&right, &right]).status(), 401, "two headers are not one");
    assert_eq!(server.address.get("/healthz", &[]).status(), 200);
    drop(server);

    let server = Server::start_on_a_port(&world);
    assert_eq!(server.address.get("/token", &[&right]).status(), 401, "each start has a bearer of its own");
}

fn payload(proof: &Value) -> Value {
    let payload = proof.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn headers_have_a_proof_and_a_refused_nonce_gives_new_ones() {
    let world = World::new("serve-headers", &["--dpop", "strict"]);
    let server = Server::started(command(&world, &[]).env("TANGO_DPOP", "required"), |_| {
        crate::http::Address::Socket(crate::process::socket(&world))
    });
    let url = world.api("/accounts");
    let asked = json!({"method": "GET", "url": url}).to_string();
    let response = server.address.post("/headers", &asked).json();
    assert!(response["headers"]["Authorization"].as_str().unwrap().starts_with("DPoP "), "{response}");
    let claims = payload(&response["headers"]["DPoP"]);
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("GET"), &json!(url)));

    let observed = json!({
        "id": response["id"], "http_status": 401, "dpop_nonce": "a-new-nonce",
        "www_authenticate": "DPoP error=\"use_dpop_nonce\"",
    })
    .to_string();
    let again = server.address.post("/observe", &observed).json();
    assert_eq!(again["verdict"], "retry");
    let repeated = payload(&again["headers"]["DPoP"]);
    assert_eq!(repeated["nonce"], "a-new-nonce");
    assert_ne!(repeated["jti"], claims["jti"]);

    assert_eq!(server.address.post("/observe", &observed).status(), 410, "headers are for one request");
    let done = json!({"id": again["id"], "http_status": 200}).to_string();
    assert_eq!(server.address.post("/observe", &done).json(), json!({"verdict": "done"}));
    let other = json!({"method": "GET", "url": "https://elsewhere.example/"}).to_string();
    assert_eq!(server.address.post("/headers", &other).status(), 400, "tokens go to the API alone");
}

#[test]
fn refusal_by_the_daily_limit_says_when_to_try_again() {
    let world = World::new("serve-quota", &[]);
    world.sandbox.script(&json!([{"status": 400, "body": "it has exceeded the daily rate limit"}]));
    let server = Server::start(&world);
    let refused = server.address.get("/token", &[]);
    let body = refused.json();
    assert_eq!((refused.status(), &body["status"]), (503, &json!("QUOTA_REFUSED")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3_000..=3_600).contains(&wait) && body["retry_after"] == wait, "{body}");
    assert_eq!(body["error"], "temporarily_unavailable");
    assert_eq!((server.address.get("/token", &[]).status(), world.sandbox.token_requests()), (503, 1));
}
