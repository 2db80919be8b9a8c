//! The token endpoint, the API and the control API, as their clients see them.

mod support;

use std::pin::pin;
use std::time::{Duration, SystemTime};

use serde_json::json as object;

use support::{Sandbox, claims, encode, header, json};

const DAY: &str = "https://api.tangocard.com/";

#[tokio::test]
async fn each_audience_has_a_lifetime() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    for (audience, lifetime) in [
        ("https://api.tangocard.com/", 86_400),
        ("https://api.tangocard.com", 86_400),
        ("api.bhn.com/fiveminute", 300),
        ("tango-api.bhn.com/fiveminute", 300),
    ] {
        let response = sandbox.post(encode(&sandbox.form(audience))).await.unwrap();
        assert_eq!(response.status(), 200, "{audience}");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "content-type"), "application/json");
        assert!(!header(&response, "x-request-id").is_empty() && !header(&response, "date").is_empty());
        let token = json(response).await;
        assert_eq!(token["expires_in"], lifetime, "{audience}");
        assert_eq!((&token["scope"], &token["token_type"]), (&object!("raas.all"), &object!("Bearer")));
        let claims = claims(&token);
        assert_eq!(claims["aud"], audience);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), lifetime);
    }
}

#[tokio::test]
async fn missing_empty_or_repeated_parameter_is_refused() {
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
async fn wrong_parameter_is_refused() {
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
    let response = sandbox.post(body).await.unwrap();
    assert_eq!(response.status(), status, "{reason}");
    assert!(header(&response, "content-type").starts_with("text/plain"), "{reason}");
    assert_eq!(response.text().await.unwrap(), reason);
}

#[tokio::test]
async fn request_without_a_form_is_refused() {
    let sandbox = Sandbox::start(&[]);
    refused(&sandbox, "client_id=%4".into(), 400, "the form has an invalid percent escape").await;
    refused(&sandbox, "client_id=%FF".into(), 400, "the form is not valid UTF-8").await;

    let url = sandbox.value("TANGO_TOKEN_URL");
    let form = encode(&sandbox.form(DAY));
    let untyped = sandbox.client.post(url).body(form).send().await.unwrap();
    assert_eq!(untyped.status(), 400);
    assert_eq!(untyped.text().await.unwrap(), "Content-Type is not application/x-www-form-urlencoded");

    let get = sandbox.client.get(url).send().await.unwrap();
    assert_eq!((get.status().as_u16(), header(&get, "allow")), (405, "POST"));

    let large = sandbox.post("a".repeat(16 * 1024 + 1)).await.unwrap();
    assert_eq!(large.status(), 413);
    refused(&sandbox, "a".repeat(16 * 1024), 400, "client_id is missing").await;
}

#[tokio::test]
async fn second_token_within_the_quota_window_is_refused() {
    let sandbox = Sandbox::start(&["--error-format", "json"]);
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    let quota_error = "Client sandbox sandbox-client has exceeded the daily rate limit";
    for audience in [DAY, "api.bhn.com/fiveminute"] {
        refused(&sandbox, encode(&sandbox.form(audience)), 400, quota_error).await;
    }
    // An invalid request is refused as invalid, not for the quota.
    assert_eq!(json(sandbox.post(String::new()).await.unwrap()).await["error"], "invalid_request");
    let stats = sandbox.control_get("/stats").await;
    let expected = object!({
        "token_requests": 4, "tokens_issued": 1, "quota_refusals": 2, "api_requests": 0, "connections": 1,
        "dpop_proofs_accepted": 0, "dpop_proofs_refused": 0, "nonce_challenges": 0,
    });
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn error_format_json_writes_oauth_errors() {
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
        let response = sandbox.post(encode(&form)).await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (status, "application/json"));
        let error = json(response).await;
        assert_eq!(error["error"], code);
        assert!(error["error_description"].as_str().unwrap().contains(name));
    }
}

#[tokio::test]
async fn error_format_empty_writes_no_body() {
    let sandbox = Sandbox::start(&["--error-format", "empty"]);
    refused(&sandbox, "a=b".into(), 400, "").await;
}

#[tokio::test]
async fn service_is_unavailable_for_the_first_and_every_nth_request() {
    let sandbox =
        Sandbox::start(&["--fail-first", "1", "--fail-every", "3", "--quota-window-seconds", "0", "--latency-ms", "1"]);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(sandbox.request_token().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [503, 200, 503, 200, 200, 503]);
    sandbox.control_post("/reset", "").await;
    let response = sandbox.request_token().await.unwrap();
    let request_id = header(&response, "x-request-id").to_owned();
    let error = json(response).await;
    assert_eq!((&error["httpCode"], &error["path"]), (&object!(503), &object!("/oauth/token")));
    assert_eq!((&error["requestId"], &error["errors"]), (&object!(request_id), &object!([])));
}

#[tokio::test]
async fn api_requires_a_valid_token() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    let any_scheme = r#"Bearer, DPoP algs="ES256 ES384 EdDSA RS256 PS256""#;
    for path in ["/accounts", "/accounts/sandbox-account", "/catalogs"] {
        assert_eq!(sandbox.call(path, Some(&token)).await.status(), 200, "{path}");
        challenged(&sandbox, path, None, any_scheme).await;
    }
    let wrong_signature = format!("{token}x");
    for (authorization, description) in [
        ("Bearer abc", "The access token is malformed"),
        ("Bearer \u{fc}", "The access token is malformed"),
        (wrong_signature.as_str(), "The signature of the access token is wrong"),
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
    let response = sandbox.call(path, authorization).await;
    assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, challenge));
    let request_id = header(&response, "x-request-id").to_owned();
    let error = json(response).await;
    assert_eq!(error["path"], format!("/raas/v2{path}"));
    assert_eq!(error["requestId"], request_id);
    assert_eq!(
        (&error["httpPhrase"], &error["errors"][0]["path"]),
        (&object!("Unauthorized"), &object!("Authorization"))
    );
}

#[tokio::test]
async fn order_needs_a_token_and_may_have_any_body() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    let orders = sandbox.client.post(format!("{}/orders", sandbox.value("TANGO_API_URL"))).body("an order");
    assert_eq!(orders.try_clone().unwrap().send().await.unwrap().status(), 401);
    let response = orders.header("Authorization", token).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &json(response).await["status"]), (201, &object!("COMPLETE")));
}

#[tokio::test]
async fn unknown_path_or_method_is_refused() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    for path in ["/accounts/other", "/nothing", "/accounts/%FF"] {
        let response = sandbox.call(path, Some(&token)).await;
        let status = response.status().as_u16();
        assert_eq!((status, &json(response).await["httpCode"]), (404, &object!(404)), "{path}");
    }
    let response = sandbox.client.delete(format!("{}/accounts", sandbox.value("TANGO_API_URL"))).send().await.unwrap();
    assert!(header(&response, "allow").contains("GET"));
    assert_eq!((response.status().as_u16(), &json(response).await["httpCode"]), (405, &object!(405)));
}

#[tokio::test]
async fn clock_offset_moves_date_and_token() {
    let sandbox = Sandbox::start(&["--clock-offset-seconds", "-86400", "--token-lifetime-seconds", "60"]);
    let response = sandbox.request_token().await.unwrap();
    let date = httpdate::parse_http_date(header(&response, "date")).unwrap();
    let behind = SystemTime::now().duration_since(date).unwrap().as_secs();
    assert!((86_400..86_410).contains(&behind));
    let token = json(response).await;
    assert_eq!(token["expires_in"], 60);
    let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(claims(&token)["iat"].as_u64().unwrap());
    assert!(date.duration_since(issued).unwrap_or_default() < Duration::from_secs(10));
    // By the server's own clock the token is new.
    let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
}

#[tokio::test]
async fn expired_token_is_refused() {
    let sandbox = Sandbox::start(&["--token-lifetime-seconds", "0"]);
    let token = format!("Bearer {}", sandbox.token().await);
    let expired = r#"Bearer error="invalid_token", error_description="The access token expired""#;
    challenged(&sandbox, "/accounts", Some(&token), expired).await;
}

#[tokio::test]
async fn scripted_response_is_sent_as_described() {
    let sandbox = Sandbox::start(&[]);
    let token = r#"{"status": 418, "headers": {"X-A": ["1", "2"]}, "body": "short", "delay_ms": 1}"#;
    let api = r#"{"path": "/raas/v2/accounts", "status": 204}"#;
    sandbox.script(&format!("[{token}, {api}]")).await;

    assert_eq!(sandbox.call("/accounts", None).await.status(), 204);
    let response = sandbox.request_token().await.unwrap();
    assert_eq!(response.status(), 418);
    let headers: Vec<_> = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(headers, [("x-a", &b"1"[..]), ("x-a", b"2"), ("content-length", b"5")]);
    assert_eq!(response.text().await.unwrap(), "short");
    // The script is empty, and did not spend the quota.
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    assert_eq!(sandbox.control_get("/stats").await["token_requests"], 2);
}

#[tokio::test]
async fn fault_close_sends_no_response() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"fault": "close"}]"#).await;
    assert!(sandbox.request_token().await.unwrap_err().is_request());
    assert_eq!(sandbox.control_get("/requests").await.as_array().unwrap().len(), 1);
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    assert_eq!(sandbox.control_get("/stats").await["connections"], 2);
}

#[tokio::test]
async fn fault_truncate_closes_the_connection_before_the_end_of_the_body() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"fault": "truncate", "body": "0123456789"}, {"fault": "truncate"}]"#).await;
    for given in ["0123456789", ""] {
        let mut response = sandbox.request_token().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.content_length(), Some(given.len() as u64 + 1));
        if !given.is_empty() {
            assert_eq!(response.chunk().await.unwrap().unwrap(), given);
        }
        assert!(response.chunk().await.is_err());
    }
}

#[tokio::test]
async fn raw_response_is_sent_byte_by_byte() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"raw": "HTTP/1.1 299 X\r\nx: 1\r\ncontent-length: 2\r\n\r\n\u00ff"}]"#).await;
    let mut response = sandbox.request_token().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "x"), response.content_length()), (299, "1", Some(2)));
    assert_eq!(response.chunk().await.unwrap().unwrap(), &[0xff][..]);
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn connection_faults_apply_to_one_connection_each() {
    let sandbox = Sandbox::start(&[]);
    let faults = r#"["client-certificate", {"raw": "HTTP/1.1 400 Bad Request\r\n\r\n"}]"#;
    assert_eq!(sandbox.control_post("/connections", faults).await.0, 200);
    for reason in ["CertificateRequired", "InvalidContentType"] {
        let error = format!("{:?}", sandbox.request_token().await.unwrap_err());
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    let statistics = sandbox.control_get("/stats").await;
    assert_eq!((&statistics["connections"], &statistics["token_requests"]), (&object!(3), &object!(1)));
    let (status, message) = sandbox.control_post("/connections", "{}").await;
    assert!(status == 400 && message.starts_with("not a JSON array of faults: "), "{message}");
}

#[tokio::test]
async fn fault_hang_lasts_until_the_client_goes_away() {
    let sandbox = Sandbox::start(&[]);
    sandbox.script(r#"[{"fault": "hang"}]"#).await;
    tokio::select! {
        _ = sandbox.request_token() => panic!("a response"),
        () = sandbox.wait_for("token_requests", 1) => (),
    }
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    let (_, log) = sandbox.end();
    assert!(log.contains(" POST /oauth/token - ") && log.contains(": scripted, and the client went away\n"), "{log}");
}

#[tokio::test]
async fn held_response_waits_for_release() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    assert_eq!(sandbox.control_post("/hold", "").await.0, 204);
    sandbox.script(r#"[{"status": 503}]"#).await;
    for (status, number) in [(503, 1), (200, 2)] {
        let mut response = pin!(sandbox.request_token());
        tokio::select! {
            _ = &mut response => panic!("a response"),
            () = sandbox.wait_for("token_requests", number) => (),
        }
        assert_eq!(sandbox.control_post("/release", "").await.0, 204);
        assert_eq!(response.await.unwrap().status(), status);
        sandbox.control_post("/hold", "").await;
    }
    // Responses of the API are held as well, until the client goes away.
    tokio::select! {
        _ = sandbox.call("/accounts", None) => panic!("a response"),
        () = sandbox.wait_for("api_requests", 1) => (),
    }
    sandbox.control_post("/reset", "").await;
    tokio::select! {
        _ = sandbox.request_token() => panic!("a reset releases nothing"),
        () = sandbox.wait_for("tokens_issued", 1) => (),
    }
    sandbox.control_post("/release", "").await;
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
}

#[tokio::test]
async fn script_with_a_mistake_is_refused_as_a_whole() {
    let sandbox = Sandbox::start(&[]);
    let (status, message) = sandbox.control_post("/responses", r#"[{"status": 500}, {"stauts": 500}]"#).await;
    assert_eq!(status, 400);
    assert!(message.starts_with("response 2: unknown field `stauts`"), "{message}");
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
}

#[tokio::test]
async fn request_is_recorded_as_sent() {
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
async fn reset_clears_everything_but_tokens() {
    let sandbox = Sandbox::start(&[]);
    let token = format!("Bearer {}", sandbox.token().await);
    sandbox.script(r#"[{"status": 500}]"#).await;
    assert_eq!(sandbox.control_post("/reset", "").await.0, 204);
    assert_eq!(sandbox.control_get("/requests").await, object!([]));
    assert_eq!(sandbox.control_get("/stats").await["tokens_issued"], 0);
    assert_eq!(sandbox.request_token().await.unwrap().status(), 200);
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
}
