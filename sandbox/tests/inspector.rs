//! The inspector's listener as a program sees it: who may use it, what it says, and what it changes. How the page works
//! in a browser is tested by `scripts/test-inspector.sh`.

mod support;

use reqwest::{Client, Response};
use serde_json::{Value, json};

use support::proof::Key;
use support::{Sandbox, header, json as body};

/// A sandbox with its inspector, and the key of its page.
struct Inspector {
    sandbox: Sandbox,
    url: String,
    client: Client,
    key: String,
}

impl Inspector {
    async fn start(arguments: &[&str]) -> Self {
        let sandbox = Sandbox::start(&[&["--inspector"], arguments].concat());
        let url = sandbox.value("TANGO_INSPECTOR_URL").to_owned();
        let client = Client::builder().no_proxy().build().unwrap();
        let page = client.get(&url).send().await.unwrap().text().await.unwrap();
        let key = page.split_once(r#"name="inspector-key" content=""#).unwrap().1.split_once('"').unwrap().0.to_owned();
        assert_eq!(key.len(), 32);
        Self { sandbox, url, client, key }
    }

    async fn post(&self, path: &str, json: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("X-Inspector-Key", &self.key);
        request.body(json.to_string()).send().await.unwrap()
    }

    async fn switch(&self, change: Value) -> Value {
        let response = self.post("switches", &change).await;
        assert_eq!(response.status(), 200);
        body(response).await
    }

    /// What a page gets when it opens.
    async fn opened(&self) -> Value {
        let mut response = self.client.get(format!("{}events", self.url)).send().await.unwrap();
        assert_eq!(header(&response, "content-type"), "text/event-stream");
        let mut text = String::new();
        while !text.ends_with("\n\n") {
            text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
        }
        serde_json::from_str(text.trim().strip_prefix("event: opened\ndata: ").unwrap()).unwrap()
    }
}

#[cfg(unix)]
#[test]
fn sandbox_has_no_inspector_unless_it_is_asked_for() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_tango-sandbox"))
        .args(["run", "--log-file", "/dev/null", "--", "sh", "-c", "echo ${TANGO_INSPECTOR_URL-none}"])
        .output();
    assert_eq!(String::from_utf8(program.unwrap().stdout).unwrap(), "none\n");
}

#[cfg(unix)]
#[test]
fn command_gets_the_address_and_so_does_the_user() {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_tango-sandbox"))
        .args(["run", "--inspector", "--", "sh", "-c", "echo $TANGO_INSPECTOR_URL"])
        .output()
        .unwrap();
    let url = String::from_utf8(program.stdout).unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let told = String::from_utf8(program.stderr).unwrap();
    assert_eq!(told, format!("tango-sandbox: the inspector is at {url}"));
}

#[tokio::test]
async fn page_runs_only_its_own_files_and_is_in_no_frame() {
    let inspector = Inspector::start(&[]).await;
    for (path, media_type) in [
        ("", "text/html; charset=utf-8"),
        ("inspector.js", "text/javascript; charset=utf-8"),
        ("parts.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("missing", ""),
    ] {
        let response = inspector.client.get(format!("{}{path}", inspector.url)).send().await.unwrap();
        assert_eq!(header(&response, "content-type"), media_type, "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(response.status(), if path == "missing" { 404 } else { 200 });
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn request_by_another_name_is_refused() {
    let inspector = Inspector::start(&[]).await;
    let port = inspector.url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    for (host, status) in [
        (format!("localhost:{port}"), 200),
        (format!("rebound.example:{port}"), 421),
        ("127.0.0.1".into(), 421),
        (format!("127.0.0.1.example:{port}"), 421),
    ] {
        for path in ["", "events"] {
            let request = inspector.client.get(format!("{}{path}", inspector.url)).header("Host", &host);
            assert_eq!(request.send().await.unwrap().status(), status, "{host}");
        }
    }
}

#[tokio::test]
async fn change_without_the_key_of_the_page_is_refused() {
    let inspector = Inspector::start(&[]).await;
    for path in ["switches", "actions", "explain"] {
        for key in [None, Some(""), Some("00000000000000000000000000000000")] {
            let mut request = inspector.client.post(format!("{}{path}", inspector.url)).body(r#"{"slow": true}"#);
            if let Some(key) = key {
                request = request.header("X-Inspector-Key", key);
            }
            assert_eq!(request.send().await.unwrap().status(), 403, "{path} {key:?}");
        }
    }
    assert_eq!(inspector.opened().await["state"]["switches"]["slow"], false);
}

#[tokio::test]
async fn malformed_change_is_refused_without_repeating_it() {
    let inspector = Inspector::start(&[]).await;
    for (path, json) in [
        ("switches", json!({"slow": "SECRET"})),
        ("actions", json!({"action": "SECRET"})),
        ("explain", json!({"SECRET": ""})),
        ("explain", json!("SECRET")),
    ] {
        let response = inspector.post(path, &json).await;
        assert_eq!(response.status(), 400);
        let why = response.text().await.unwrap();
        assert!(why.ends_with(" in JSON") && !why.contains("SECRET"), "{why}");
    }
    let long = json!({"text": "a".repeat(100_000)});
    assert_eq!(inspector.post("explain", &long).await.status(), 413);
}

#[tokio::test]
async fn request_is_shown_with_each_check_and_without_secrets() {
    let inspector = Inspector::start(&[]).await;
    let (sandbox, key) = (&inspector.sandbox, Key::new("ES256"));
    let url = sandbox.value("TANGO_TOKEN_URL");
    let form = support::encode(&sandbox.form("https://api.tangocard.com/"));
    let proof = key.proof("POST", url).claim("htm", "GET").sign();
    let request = sandbox.client.post(url).header("DPoP", &proof).body(form);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(request.send().await.unwrap().status(), 400);

    let opened = inspector.opened().await;
    let request = &opened["requests"][0];
    assert_eq!((&request["method"], &request["path"]), (&json!("POST"), &json!("/oauth/token")));
    assert_eq!(request["response"]["status"], 400);
    assert_eq!(request["response"]["reason"], "htm is not the method of the request");
    let checks = request["proof"]["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| check["result"] == "failed").collect();
    assert_eq!((failed.len(), &failed[0]["name"]), (1, &json!("htm")));
    assert_eq!((&failed[0]["section"], &failed[0]["item"]), (&json!("4.3"), &json!("8")));
    assert_eq!(request["proof"]["thumbprint"], key.thumbprint());
    assert_eq!(request["proof"]["note"], Value::Null);
    let signature = proof.rsplit_once('.').unwrap().1;
    for secret in [sandbox.value("TANGO_CLIENT_SECRET"), sandbox.value("TANGO_PASSWORD"), signature] {
        assert!(!opened.to_string().contains(secret), "{opened}");
    }
}

#[tokio::test]
async fn proof_that_the_server_did_not_reach_is_checked_for_the_page_alone() {
    let inspector = Inspector::start(&[]).await;
    let (sandbox, key) = (&inspector.sandbox, Key::new("ES256"));
    let url = sandbox.value("TANGO_TOKEN_URL");
    let proof = key.proof("POST", url).sign();
    let form = |body: String| {
        let request = sandbox.client.post(url).header("DPoP", &proof).body(body);
        request.header("Content-Type", "application/x-www-form-urlencoded").send()
    };
    assert_eq!(form("a=b".into()).await.unwrap().status(), 400);
    let opened = inspector.opened().await;
    assert_eq!(opened["requests"][0]["proof"]["note"], "not reached");
    assert_eq!(opened["state"]["servers"][0]["used_jtis"], 0);
    let valid = support::encode(&sandbox.form("https://api.tangocard.com/"));
    assert_eq!(form(valid).await.unwrap().status(), 200, "the jti was not used up");
}

#[tokio::test]
async fn request_whose_client_goes_away_is_shown_with_its_proof() {
    let inspector = Inspector::start(&[]).await;
    let (sandbox, key) = (&inspector.sandbox, Key::new("ES256"));
    inspector.switch(json!({"token_response": "hang"})).await;
    let url = sandbox.value("TANGO_TOKEN_URL");
    let request = sandbox.client.post(url).header("DPoP", key.proof("POST", url).sign()).send();
    tokio::select! {
        response = request => panic!("{response:?}"),
        () = sandbox.wait_for("token_requests", 1) => {}
    }
    let request = loop {
        let request = inspector.opened().await["requests"][0].take();
        if !request["response"].is_null() {
            break request;
        }
    };
    assert_eq!(request["response"]["interruption"], "The client went away");
    assert_eq!(request["proof"]["note"], "not reached");
}

#[tokio::test]
async fn switched_fault_stays_until_it_is_switched_off_or_reset() {
    let inspector = Inspector::start(&["--quota-window-seconds", "0"]).await;
    let sandbox = &inspector.sandbox;
    let state = inspector.switch(json!({"token_response": "unavailable"})).await;
    assert_eq!(state["switches"]["token_response"], "unavailable");
    for _ in 0..2 {
        let response = sandbox.request_token().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "1"));
    }
    assert_eq!(sandbox.call("/accounts", None).await.status(), 401, "the API has switches of its own");
    inspector.switch(json!({"token_response": "close"})).await;
    assert!(sandbox.request_token().await.is_err());
    inspector.switch(json!({"token_response": "none"})).await;
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);

    inspector.switch(json!({"token_response": "close", "clock": "ahead"})).await;
    sandbox.control_post("/reset", "").await;
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    let state = inspector.opened().await["state"].clone();
    assert_eq!((&state["clock_offset_seconds"], &state["switches"]["clock"]), (&json!(0), &json!("none")));
}

#[tokio::test]
async fn switched_clock_adds_to_that_of_the_options() {
    let inspector = Inspector::start(&["--clock-offset-seconds", "-100"]).await;
    let state = inspector.switch(json!({"clock": "behind"})).await;
    assert_eq!(state["clock_offset_seconds"], -400);
    let state = inspector.switch(json!({"clock": "none"})).await;
    assert_eq!(state["clock_offset_seconds"], -100);
}

#[tokio::test]
async fn connection_faults_apply_to_new_connections() {
    let inspector = Inspector::start(&[]).await;
    for fault in ["client-certificate", "plain-http"] {
        inspector.switch(json!({"connections": fault})).await;
        assert!(inspector.sandbox.request_token().await.is_err(), "{fault}");
    }
    inspector.switch(json!({"connections": "none"})).await;
    assert_eq!(inspector.sandbox.request_token().await.unwrap().status(), 200);
}

#[tokio::test]
async fn downgrade_can_be_switched() {
    let inspector = Inspector::start(&["--quota-window-seconds", "0"]).await;
    let (sandbox, key) = (&inspector.sandbox, Key::new("ES256"));
    let url = sandbox.value("TANGO_TOKEN_URL");
    for (downgrade, token_type) in [(true, "Bearer"), (false, "DPoP")] {
        inspector.switch(json!({"downgrade": downgrade})).await;
        let form = support::encode(&sandbox.form("https://api.tangocard.com/"));
        let request = sandbox.client.post(url).header("DPoP", key.proof("POST", url).sign()).body(form);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(body(request.send().await.unwrap()).await["token_type"], token_type);
    }
}

#[tokio::test]
async fn each_action_has_its_effect() {
    let inspector = Inspector::start(&["--dpop-nonce", "required"]).await;
    let sandbox = &inspector.sandbox;
    let act = async |action: &str| body(inspector.post("actions", &json!({"action": action})).await).await;
    let bearer = format!("Bearer {}", sandbox.token().await);
    assert_eq!(sandbox.request_token().await.unwrap().status(), 400, "the quota");
    assert!(inspector.opened().await["state"]["quota"]["last"]["seconds_remaining"].as_f64().unwrap() > 71_000.0);
    assert_eq!(act("clear-quota").await["quota"]["last"], Value::Null);
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);

    assert_eq!(sandbox.call("/accounts", Some(&bearer)).await.status(), 200);
    act("revoke-tokens").await;
    assert_eq!(sandbox.call("/accounts", Some(&bearer)).await.status(), 401);

    let nonce = |state: &Value| state["servers"][0]["nonce"]["current"].as_str().unwrap().to_owned();
    let before = nonce(&inspector.opened().await["state"]);
    assert_ne!(nonce(&act("rotate-nonces").await), before);

    assert_eq!(act("reset").await["statistics"]["token_requests"], 0);
    assert_eq!(inspector.opened().await["requests"], json!([]));
}

#[tokio::test]
async fn pasted_text_is_explained() {
    let inspector = Inspector::start(&[]).await;
    let (sandbox, key) = (&inspector.sandbox, Key::new("EdDSA"));
    let explain = async |question: Value| body(inspector.post("explain", &question).await).await;
    let failed = |explanation: &Value| -> Vec<String> {
        let checks = explanation["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["result"] == "failed").map(|check| check["name"].as_str().unwrap().into()).collect()
    };
    let token = sandbox.token().await;
    let url = format!("{}/accounts", sandbox.value("TANGO_API_URL"));
    let proof = key.proof("GET", &url).with_token(&token).sign();

    let alone = explain(json!({"text": format!("DPoP: {proof}")})).await;
    assert_eq!((&alone["kind"], &alone["server"]), (&json!("proof"), &json!("API")));
    assert_eq!(failed(&alone), [""; 0]);
    let with_request = explain(json!({"text": proof, "method": "POST", "url": url, "token": "another"})).await;
    assert_eq!(failed(&with_request), ["htm", "ath"]);
    let old = explain(json!({"text": key.proof("GET", &url).aged(120).header("typ", "JWT").sign()})).await;
    assert_eq!(failed(&old), ["typ", "iat"]);
    let private = explain(json!({"text": key.proof("GET", &url).jwk_member("d", "SECRET").sign()})).await;
    assert_eq!(failed(&private), ["no private key"]);
    assert!(!private.to_string().contains("SECRET"), "{private}");

    let explained = explain(json!({"text": format!("Authorization: Bearer {token}")})).await;
    assert_eq!((&explained["kind"], &explained["token"]["error"]), (&json!("token"), &Value::Null));
    assert_eq!(explained["token"]["claims"]["iss"], "tango-sandbox");
    assert!(!explained.to_string().contains(token.rsplit_once('.').unwrap().1), "{explained}");
    let foreign = explain(json!({"text": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAifQ.e30.AAAA"})).await;
    assert_eq!(foreign["token"]["error"], "The signature of the access token is wrong");
    for text in ["", "opaque", "two words", "a.b.c"] {
        assert_eq!(explain(json!({"text": text})).await["kind"], "neither", "{text}");
    }
}
