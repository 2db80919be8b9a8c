//! The behaviour of the whole program, seen from its clients.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::json as object;

use support::{Sandbox, claims, encode, header, json};

const DAY: &str = "https://api.tangocard.com/";

#[tokio::test]
async fn each_audience_has_its_lifetime() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    for (audience, lifetime) in [
        ("https://api.tangocard.com/", 86_400),
        ("https://api.tangocard.com", 86_400),
        ("api.bhn.com/fiveminute", 300),
        ("tango-api.bhn.com/fiveminute", 300),
    ] {
        let answer = sandbox.post(encode(&sandbox.form(audience))).await.unwrap();
        assert_eq!(answer.status(), 200, "{audience}");
        assert_eq!(header(&answer, "cache-control"), "no-store");
        assert_eq!(header(&answer, "content-type"), "application/json");
        assert!(!header(&answer, "x-request-id").is_empty() && !header(&answer, "date").is_empty());
        let token = json(answer).await;
        assert_eq!(token["expires_in"], lifetime, "{audience}");
        assert_eq!((&token["scope"], &token["token_type"]), (&object!("raas.all"), &object!("Bearer")));
        let claims = claims(&token);
        assert_eq!(claims["aud"], audience);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), lifetime);
    }
}

#[tokio::test]
async fn each_parameter_is_required_exactly_once() {
    let sandbox = Sandbox::start(&[]);
    let form = sandbox.form(DAY);
    for (index, (name, _)) in form.iter().enumerate() {
        let mut missing = form.clone();
        missing.remove(index);
        let mut empty = form.clone();
        empty[index].1.clear();
        let mut repeated = form.clone();
        repeated.push(form[index].clone());
        for (form, why) in [(missing, "missing"), (empty, "empty"), (repeated, "repeated")] {
            refused(&sandbox, encode(&form), 400, &format!("{name} is {why}")).await;
        }
    }
}

#[tokio::test]
async fn each_wrong_value_is_refused() {
    let sandbox = Sandbox::start(&[]);
    for (name, status, reason) in [
        ("client_id", 401, "client_id or client_secret is wrong"),
        ("client_secret", 401, "client_id or client_secret is wrong"),
        ("username", 401, "username or password is wrong"),
        ("password", 401, "username or password is wrong"),
        ("scope", 400, "scope is not raas.all"),
        ("audience", 400, "audience is unknown"),
        ("grant_type", 400, "grant_type is not password"),
    ] {
        let mut form = sandbox.form(DAY);
        form.iter_mut().find(|(key, _)| *key == name).unwrap().1.push('x');
        refused(&sandbox, encode(&form), status, reason).await;
    }
    let stats = sandbox.control_get("/stats").await;
    assert_eq!((&stats["token_requests"], &stats["tokens_issued"]), (&object!(7), &object!(0)));
}

async fn refused(sandbox: &Sandbox, body: String, status: u16, reason: &str) {
    let answer = sandbox.post(body).await.unwrap();
    assert_eq!(answer.status(), status, "{reason}");
    assert!(header(&answer, "content-type").starts_with("text/plain"), "{reason}");
    assert_eq!(answer.text().await.unwrap(), reason);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let sandbox = Sandbox::start(&[]);
    refused(&sandbox, "client_id=%4".into(), 400, "the form has an invalid percent escape").await;
    refused(&sandbox, "client_id=%FF".into(), 400, "the form is not valid UTF-8").await;

    let url = sandbox.value("TANGO_TOKEN_URL");
    let form = encode(&sandbox.form(DAY));
    let untyped = sandbox.client.post(url).body(form).send().await.unwrap();
    assert_eq!(untyped.status(), 400);
    assert_eq!(untyped.text().await.unwrap(), "Content-Type is not application/x-www-form-urlencoded");

    let other = sandbox.client.get(url).send().await.unwrap();
    assert_eq!((other.status().as_u16(), header(&other, "allow")), (405, "POST"));

    let large = sandbox.post("a".repeat(16 * 1024 + 1)).await.unwrap();
    assert_eq!(large.status(), 413);
    refused(&sandbox, "a".repeat(16 * 1024), 400, "client_id is missing").await;
}

#[tokio::test]
async fn one_token_per_window() {
    let sandbox = Sandbox::start(&["--error-format", "json"]);
    assert_eq!(sandbox.ask().await.unwrap().status(), 200);
    let refusal = "Client sandbox sandbox-client has exceeded the daily rate limit";
    for audience in [DAY, "api.bhn.com/fiveminute"] {
        refused(&sandbox, encode(&sandbox.form(audience)), 400, refusal).await;
    }
    // An invalid request is told that it is invalid, not that it comes too early.
    assert_eq!(json(sandbox.post(String::new()).await.unwrap()).await["error"], "invalid_request");
    let stats = sandbox.control_get("/stats").await;
    let expected = object!({
        "token_requests": 4, "tokens_issued": 1, "quota_refusals": 2, "api_requests": 0, "connections": 1,
        "dpop_proofs_accepted": 0, "dpop_proofs_refused": 0, "nonce_challenges": 0,
    });
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn refusals_can_be_oauth_json() {
    let sandbox = Sandbox::start(&["--error-format", "json"]);
    for (name, status, code) in [
        ("client_secret", 401, "invalid_client"),
        ("password", 401, "invalid_grant"),
        ("scope", 400, "invalid_scope"),
        ("audience", 400, "invalid_request"),
        ("grant_type", 400, "unsupported_grant_type"),
    ] {
        let mut form = sandbox.form(DAY);
        form.iter_mut().find(|(key, _)| *key == name).unwrap().1.push('x');
        let answer = sandbox.post(encode(&form)).await.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (status, "application/json"));
        let error = json(answer).await;
        assert_eq!(error["error"], code);
        assert!(error["error_description"].as_str().unwrap().contains(name));
    }
}

#[tokio::test]
async fn refusals_can_be_empty() {
    let sandbox = Sandbox::start(&["--error-format", "empty"]);
    refused(&sandbox, "a=b".into(), 400, "").await;
}

#[tokio::test]
async fn the_service_can_be_unavailable() {
    let sandbox =
        Sandbox::start(&["--fail-first", "1", "--fail-every", "3", "--quota-window-seconds", "0", "--latency-ms", "1"]);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(sandbox.ask().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [503, 200, 503, 200, 200, 503]);
    sandbox.control_post("/reset", "").await;
    let answer = sandbox.ask().await.unwrap();
    let request_id = header(&answer, "x-request-id").to_owned();
    let error = json(answer).await;
    assert_eq!((&error["httpCode"], &error["path"]), (&object!(503), &object!("/oauth/token")));
    assert_eq!((&error["requestId"], &error["errors"]), (&object!(request_id), &object!([])));
}

#[tokio::test]
async fn the_api_wants_a_good_token() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    let any_scheme = r#"Bearer, DPoP algs="ES256 ES384 EdDSA RS256 PS256""#;
    for path in ["/accounts", "/accounts/sandbox-account", "/catalogs"] {
        assert_eq!(sandbox.call(path, Some(&token)).await.status(), 200, "{path}");
        challenged(&sandbox, path, None, any_scheme).await;
    }
    let garbled = format!("{token}x");
    for (authorization, description) in [
        ("Bearer abc", "The access token is malformed"),
        ("Bearer \u{fc}", "The access token is malformed"),
        (garbled.as_str(), "The signature of the access token is wrong"),
    ] {
        let challenge = format!(r#"Bearer error="invalid_token", error_description="{description}""#);
        challenged(&sandbox, "/accounts", Some(authorization), &challenge).await;
    }
    challenged(&sandbox, "/accounts", Some("Basic YTpi"), any_scheme).await;

    assert_eq!(sandbox.control_post("/revoke", "").await.0, 204);
    let revoked = r#"Bearer error="invalid_token", error_description="The access token was revoked""#;
    challenged(&sandbox, "/accounts", Some(&token), revoked).await;
    sandbox.control_post("/reset", "").await;
    let token = format!("Bearer {}", sandbox.token().await);
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
}

async fn challenged(sandbox: &Sandbox, path: &str, authorization: Option<&str>, challenge: &str) {
    let answer = sandbox.call(path, authorization).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "www-authenticate")), (401, challenge));
    let request_id = header(&answer, "x-request-id").to_owned();
    let error = json(answer).await;
    assert_eq!(error["path"], format!("/raas/v2{path}"));
    assert_eq!(error["requestId"], request_id);
    assert_eq!(
        (&error["httpPhrase"], &error["errors"][0]["path"]),
        (&object!("Unauthorized"), &object!("Authorization"))
    );
}

#[tokio::test]
async fn unknown_things_are_not_found() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    for path in ["/accounts/other", "/orders", "/accounts/%FF"] {
        let answer = sandbox.call(path, Some(&token)).await;
        let status = answer.status().as_u16();
        assert_eq!((status, &json(answer).await["httpCode"]), (404, &object!(404)), "{path}");
    }
    let answer = sandbox.client.delete(format!("{}/accounts", sandbox.value("TANGO_API_URL"))).send().await.unwrap();
    assert!(header(&answer, "allow").contains("GET"));
    assert_eq!((answer.status().as_u16(), &json(answer).await["httpCode"]), (405, &object!(405)));
}

#[tokio::test]
async fn the_clock_can_be_wrong() {
    let sandbox = Sandbox::start(&["--clock-offset-seconds", "-86400", "--token-lifetime-seconds", "60"]);
    let answer = sandbox.ask().await.unwrap();
    let date = httpdate::parse_http_date(header(&answer, "date")).unwrap();
    let behind = SystemTime::now().duration_since(date).unwrap().as_secs();
    assert!((86_400..86_410).contains(&behind));
    let token = json(answer).await;
    assert_eq!(token["expires_in"], 60);
    let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(claims(&token)["iat"].as_u64().unwrap());
    assert!(date.duration_since(issued).unwrap_or_default() < Duration::from_secs(10));
    // By the server's clock, the token is fresh.
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
}

#[tokio::test]
async fn a_token_expires() {
    let sandbox = Sandbox::start(&["--token-lifetime-seconds", "0"]);
    let token = format!("Bearer {}", sandbox.token().await);
    let expired = r#"Bearer error="invalid_token", error_description="The access token expired""#;
    challenged(&sandbox, "/accounts", Some(&token), expired).await;
}

#[tokio::test]
async fn scripted_answers_come_first_and_as_they_are() {
    let sandbox = Sandbox::start(&[]);
    let token = r#"{"status": 418, "headers": {"X-A": ["1", "2"]}, "body": "short", "delay_ms": 1}"#;
    let api = r#"{"path": "/raas/v2/accounts", "status": 204}"#;
    sandbox.script(&format!("[{token}, {api}]")).await;

    assert_eq!(sandbox.call("/accounts", None).await.status(), 204);
    let answer = sandbox.ask().await.unwrap();
    assert_eq!(answer.status(), 418);
    let headers: Vec<_> = answer.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(headers, [("x-a", &b"1"[..]), ("x-a", b"2"), ("content-length", b"5")]);
    assert_eq!(answer.text().await.unwrap(), "short");
    // The script is used up, and did not touch the quota.
    assert_eq!(sandbox.ask().await.unwrap().status(), 200);
    assert_eq!(sandbox.control_get("/stats").await["token_requests"], 2);
}

#[tokio::test]
async fn a_closed_connection_has_no_answer() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"fault": "close"}]"#).await;
    assert!(sandbox.ask().await.unwrap_err().is_request());
    assert_eq!(sandbox.control_get("/requests").await.as_array().unwrap().len(), 1);
    assert_eq!(sandbox.ask().await.unwrap().status(), 200);
    assert_eq!(sandbox.control_get("/stats").await["connections"], 2);
}

#[tokio::test]
async fn a_truncated_answer_breaks_off() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"fault": "truncate", "body": "0123456789"}, {"fault": "truncate"}]"#).await;
    for given in ["0123456789", ""] {
        let mut answer = sandbox.ask().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.content_length(), Some(given.len() as u64 + 1));
        if !given.is_empty() {
            assert_eq!(answer.chunk().await.unwrap().unwrap(), given);
        }
        assert!(answer.chunk().await.is_err());
    }
}

#[tokio::test]
async fn a_hanging_answer_ends_with_its_client() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"fault": "hang"}]"#).await;
    let answer = tokio::time::timeout(Duration::from_millis(100), sandbox.ask()).await;
    assert!(answer.is_err());
    assert_eq!(sandbox.ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_script_with_a_mistake_is_refused_as_a_whole() {
    let sandbox = Sandbox::start(&[]);
    let (status, text) = sandbox.control_post("/answers", r#"[{"status": 500}, {"stauts": 500}]"#).await;
    assert_eq!(status, 400);
    assert!(text.starts_with("answer 2: unknown field `stauts`"), "{text}");
    assert_eq!(sandbox.ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn requests_are_recorded_as_sent() {
    let sandbox = Sandbox::start(&[]);
    let form = encode(&sandbox.form(DAY));
    sandbox.post(form.clone()).await.unwrap();
    sandbox.call("/accounts?page=1", Some("Bearer x")).await;
    let records = sandbox.control_get("/requests").await;
    assert_eq!((&records[0]["method"], &records[0]["path"]), (&object!("POST"), &object!("/oauth/token")));
    assert_eq!(records[0]["body"], form);
    assert_eq!(records[0]["headers"]["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(records[1]["path"], "/raas/v2/accounts?page=1");
    assert_eq!(records[1]["headers"]["authorization"], "Bearer x");
}

#[tokio::test]
async fn reset_forgets_everything_but_tokens() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    sandbox.script(r#"[{"status": 500}]"#).await;
    assert_eq!(sandbox.control_post("/reset", "").await.0, 204);
    assert_eq!(sandbox.control_get("/requests").await, object!([]));
    assert_eq!(sandbox.control_get("/stats").await["tokens_issued"], 0);
    assert_eq!(sandbox.ask().await.unwrap().status(), 200);
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
}

#[tokio::test]
async fn the_end_of_standard_input_ends_it_and_nothing_is_left() {
    let env_file = std::env::temp_dir().join(format!("tango-sandbox-test-{}.env", std::process::id()));
    let sandbox = Sandbox::start(&["--env-file", env_file.to_str().unwrap()]);
    let lines = fs::read_to_string(&env_file).unwrap();
    assert!(lines.contains(&format!("TANGO_TOKEN_URL={}\n", sandbox.value("TANGO_TOKEN_URL"))));
    let ca_file = sandbox.value("TANGO_CA_FILE").to_owned();
    let secrets = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"].map(|name| sandbox.value(name).to_owned());

    let token = sandbox.token().await;
    sandbox.call("/accounts", Some(&format!("Bearer {token}"))).await;
    let other = sandbox.client.request(Method::DELETE, sandbox.value("TANGO_TOKEN_URL"));
    other.header("DPoP", "dpop-proof").send().await.unwrap();
    sandbox.post("a=b".into()).await.unwrap();

    let (status, log) = sandbox.end();
    assert!(status.success());
    assert!(!Path::new(&ca_file).exists() && !env_file.exists());
    assert_eq!(log.lines().count(), 4, "{log}");
    assert!(log.contains(" POST /oauth/token 200 ") && log.contains(" ms: client_id is missing\n"), "{log}");
    for secret in secrets.iter().map(String::as_str).chain([token.as_str(), "dpop-proof"]) {
        assert!(!log.contains(secret), "{log}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_certificate_is_for_everyone_and_the_environment_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let directory = std::env::temp_dir().join(format!("tango-sandbox-test-{}", std::process::id()));
    let env_file = directory.join("tango.env");
    let sandbox = Sandbox::start(&["--dir", directory.to_str().unwrap(), "--env-file", env_file.to_str().unwrap()]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory.join("ca.pem")), mode(&env_file)), (0o644, 0o600));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "no temporary file, no key");
    sandbox.end();
    fs::remove_dir_all(&directory).unwrap();
}
