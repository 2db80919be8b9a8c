//! Proofs of possession (`DPoP`, RFC 9449), as the clients of both servers see them.

mod support;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json as object};

use support::proof::{ALGORITHMS, Key, Proof};
use support::{Sandbox, claims, encode, header, json};

const DAY: &str = "https://api.tangocard.com/";
const NO_QUOTA: [&str; 2] = ["--quota-window-seconds", "0"];
const NONCES: [&str; 4] = ["--quota-window-seconds", "0", "--dpop-nonce", "required"];

impl Sandbox {
    /// A valid proof for a token request.
    fn token_proof<'a>(&self, key: &'a Key) -> Proof<'a> {
        key.proof("POST", self.value("TANGO_TOKEN_URL"))
    }

    fn token_request(&self) -> RequestBuilder {
        let request = self.client.post(self.value("TANGO_TOKEN_URL")).body(encode(&self.form(DAY)));
        request.header("Content-Type", "application/x-www-form-urlencoded")
    }

    async fn request_token_with(&self, proof: &Proof<'_>) -> Response {
        self.token_request().header("DPoP", proof.sign()).send().await.unwrap()
    }

    /// A valid token that is bound to `key`, from a sandbox without nonces.
    async fn bound_token(&self, key: &Key) -> String {
        let response = json(self.request_token_with(&self.token_proof(key)).await).await;
        assert_eq!(response["token_type"], "DPoP", "{response}");
        response["access_token"].as_str().unwrap().into()
    }

    fn accounts_url(&self) -> String {
        format!("{}/accounts", self.value("TANGO_API_URL"))
    }

    /// A valid proof for an API request with `token`.
    fn api_proof<'a>(&self, key: &'a Key, token: &str) -> Proof<'a> {
        key.proof("GET", &self.accounts_url()).with_token(token)
    }

    async fn call_api_with(&self, authorization: &str, proof: Option<&Proof<'_>>) -> Response {
        let request = self.client.get(self.accounts_url()).header("Authorization", authorization);
        match proof {
            Some(proof) => request.header("DPoP", proof.sign()).send().await.unwrap(),
            None => request.send().await.unwrap(),
        }
    }
}

/// Checks that the token endpoint refused the request with this error.
async fn refused(response: Response, code: &str, description: &str) {
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (400, "application/json"),
        "{description}"
    );
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(json(response).await, object!({"error": code, "error_description": description}));
}

/// Checks that the API challenged the request with this error.
async fn challenged(response: Response, code: &str, description: &str) {
    let algs = ALGORITHMS.join(" ");
    let challenge = format!(r#"DPoP error="{code}", error_description="{description}", algs="{algs}""#);
    assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, challenge.as_str()));
    let error = json(response).await;
    let (key, part) = match code {
        "invalid_token" => ("token.invalid", "Authorization"),
        "use_dpop_nonce" => ("dpop.nonce.required", "DPoP"),
        _ => ("dpop.proof.invalid", "DPoP"),
    };
    assert_eq!((&error["i18nKey"], &error["errors"][0]["path"]), (&object!(key), &object!(part)));
    assert_eq!(error["message"], description);
}

fn nonce(response: &Response) -> String {
    let values: Vec<_> = response.headers().get_all("dpop-nonce").iter().collect();
    assert_eq!(values.len(), 1);
    values[0].to_str().unwrap().into()
}

#[tokio::test]
async fn token_bound_by_each_algorithm_is_accepted_by_the_api() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    for alg in ALGORITHMS {
        let key = Key::new(alg);
        let response = sandbox.request_token_with(&sandbox.token_proof(&key)).await;
        assert_eq!(response.status(), 200, "{alg}");
        assert_eq!(header(&response, "dpop-nonce"), "");
        let response = json(response).await;
        assert_eq!(response["token_type"], "DPoP");
        assert_eq!(claims(&response)["cnf"], object!({"jkt": key.thumbprint()}), "{alg}");

        let token = response["access_token"].as_str().unwrap();
        for scheme in ["DPoP", "dpop"] {
            let proof = sandbox.api_proof(&key, token);
            assert_eq!(sandbox.call_api_with(&format!("{scheme} {token}"), Some(&proof)).await.status(), 200, "{alg}");
        }
    }
    let stats = sandbox.control_get("/stats").await;
    assert_eq!((&stats["dpop_proofs_accepted"], &stats["dpop_proofs_refused"]), (&object!(15), &object!(0)));
}

#[tokio::test]
async fn request_without_a_proof_gets_a_bearer_token() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    let response = json(sandbox.request_token().await.unwrap()).await;
    assert_eq!((&response["token_type"], &claims(&response)["cnf"]), (&object!("Bearer"), &Value::Null));
    let token = response["access_token"].as_str().unwrap();
    assert_eq!(sandbox.call_api_with(&format!("Bearer {token}"), None).await.status(), 200);

    // A Bearer token needs no proof, but a proof that is sent is checked.
    let key = Key::new("ES256");
    let proof = sandbox.api_proof(&key, token);
    assert_eq!(sandbox.call_api_with(&format!("Bearer {token}"), Some(&proof)).await.status(), 200);
    let replayed = sandbox.call_api_with(&format!("Bearer {token}"), Some(&proof)).await;
    challenged(replayed, "invalid_dpop_proof", "jti was used before").await;

    let unbound = sandbox.call_api_with(&format!("DPoP {token}"), Some(&sandbox.api_proof(&key, token))).await;
    challenged(unbound, "invalid_token", "The access token is a bearer token, bound to no key").await;
}

/// Makes a valid proof invalid.
type Mistake = fn(Proof<'_>) -> Proof<'_>;

/// Mistakes that both servers find, and their descriptions.
const MISTAKES: [(Mistake, &str); 27] = [
    (|proof| proof.header("typ", "JWT"), "typ is not dpop+jwt"),
    (|proof| proof.header("typ", Value::Null), "typ is not dpop+jwt"),
    (|proof| proof.header("alg", "none"), "alg is not one of ES256 ES384 EdDSA RS256 PS256"),
    (|proof| proof.header("alg", "HS256"), "alg is not one of ES256 ES384 EdDSA RS256 PS256"),
    (|proof| proof.header("alg", "ES512"), "alg is not one of ES256 ES384 EdDSA RS256 PS256"),
    (|proof| proof.header("alg", "ES384"), "jwk is not an EC key on P-384, which alg requires"),
    (|proof| proof.header("alg", "EdDSA"), "jwk is not an OKP key on Ed25519, which alg requires"),
    (|proof| proof.header("alg", "RS256"), "jwk is not an RSA key, which alg requires"),
    (|proof| proof.header("crit", object!(["b64"])), "crit names an extension that is not supported"),
    (|proof| proof.header("jwk", Value::Null), "jwk is missing or not an object"),
    (|proof| proof.jwk_member("d", "AA"), "jwk holds a private key"),
    (|proof| proof.jwk_member("x", "AA"), "x of jwk is missing, not base64url or of a wrong length"),
    (|proof| proof.header("jwk", Key::new("ES256").jwk), "the signature is wrong"),
    (|proof| proof.without("jti"), "jti is missing or empty"),
    (|proof| proof.claim("jti", ""), "jti is missing or empty"),
    (|proof| proof.without("htm"), "htm is missing or empty"),
    (|proof| proof.claim("htm", "PUT"), "htm is not the method of the request"),
    (|proof| proof.lower("htm"), "htm is not the method of the request"),
    (|proof| proof.without("htu"), "htu is missing or empty"),
    (|proof| proof.claim("htu", "https://localhost/oauth/token"), "htu is not the URI of the request"),
    (|proof| proof.claim("htu", "/oauth/token"), "htu is not an absolute http or https URI"),
    (|proof| proof.suffix("htu", "?page=1"), "htu has a query or a fragment"),
    (|proof| proof.suffix("htu", "#top"), "htu has a query or a fragment"),
    (|proof| proof.without("iat"), "iat is missing or not an integer"),
    (|proof| proof.claim("iat", 1.5), "iat is missing or not an integer"),
    (|proof| proof.aged(70), "iat is more than 60 s behind the server's clock"),
    (|proof| proof.aged(-70), "iat is more than 60 s ahead of the server's clock"),
];

#[tokio::test]
async fn token_endpoint_reports_each_mistake() {
    // The quota is on: a refused request must not spend it.
    let sandbox = Sandbox::start(&[]);
    let key = Key::new("ES256");
    for (mistake, description) in MISTAKES {
        refused(
            sandbox.request_token_with(&mistake(sandbox.token_proof(&key))).await,
            "invalid_dpop_proof",
            description,
        )
        .await;
    }
    let twice = sandbox.token_request();
    let twice = twice.header("DPoP", sandbox.token_proof(&key).sign()).header("DPoP", sandbox.token_proof(&key).sign());
    refused(twice.send().await.unwrap(), "invalid_dpop_proof", "there is more than one DPoP header").await;
    for malformed in ["", "a.b.c", "\u{fc}"] {
        let response = sandbox.token_request().header("DPoP", malformed).send().await.unwrap();
        refused(response, "invalid_dpop_proof", "the proof is not a JWT").await;
    }
    let stats = sandbox.control_get("/stats").await;
    assert_eq!(stats["dpop_proofs_refused"], MISTAKES.len() + 4);
    assert_eq!((&stats["dpop_proofs_accepted"], &stats["quota_refusals"]), (&object!(0), &object!(0)));
    sandbox.bound_token(&key).await;
}

#[tokio::test]
async fn api_reports_each_mistake() {
    let sandbox = Sandbox::start(&[]);
    let key = Key::new("ES256");
    let token = sandbox.bound_token(&key).await;
    let authorization = format!("DPoP {token}");
    let ath: [(Mistake, &str); 2] = [
        (|proof| proof.without("ath"), "ath is missing"),
        (|proof| proof.with_token("another"), "ath is not the hash of the access token"),
    ];
    for (mistake, description) in MISTAKES.into_iter().chain(ath) {
        let response = sandbox.call_api_with(&authorization, Some(&mistake(sandbox.api_proof(&key, &token)))).await;
        challenged(response, "invalid_dpop_proof", description).await;
    }
    let twice = sandbox.client.get(sandbox.accounts_url()).header("Authorization", &authorization);
    let proof = || sandbox.api_proof(&key, &token).sign();
    let twice = twice.header("DPoP", proof()).header("DPoP", proof()).send().await.unwrap();
    challenged(twice, "invalid_dpop_proof", "there is more than one DPoP header").await;

    challenged(sandbox.call_api_with(&authorization, None).await, "invalid_dpop_proof", "a DPoP proof is required")
        .await;
    let other = Key::new("ES256");
    let other = sandbox.call_api_with(&authorization, Some(&sandbox.api_proof(&other, &token))).await;
    challenged(other, "invalid_token", "the access token is bound to another key than that of the proof").await;
    let bearer = sandbox.call_api_with(&format!("Bearer {token}"), Some(&sandbox.api_proof(&key, &token))).await;
    challenged(bearer, "invalid_token", "The access token is bound to a key and is no bearer token").await;
    assert_eq!(sandbox.control_get("/stats").await["dpop_proofs_refused"], MISTAKES.len() + 4);

    assert_eq!(sandbox.control_post("/revoke", "").await.0, 204);
    let revoked = sandbox.call_api_with(&authorization, Some(&sandbox.api_proof(&key, &token))).await;
    challenged(revoked, "invalid_token", "The access token was revoked").await;
}

#[tokio::test]
async fn wrong_signature_of_each_algorithm_is_refused() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    for alg in ALGORITHMS {
        let key = Key::new(alg);
        // The signature of another proof with the same header.
        let (good, other) = (sandbox.token_proof(&key).sign(), sandbox.token_proof(&key).sign());
        let (message, _) = good.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        let response = sandbox.token_request().header("DPoP", format!("{message}.{signature}")).send().await.unwrap();
        refused(response, "invalid_dpop_proof", "the signature is wrong").await;
    }
}

#[tokio::test]
async fn htu_is_compared_after_normalisation() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    let key = Key::new("ES256");
    let loud = sandbox.value("TANGO_TOKEN_URL").replace("https://localhost", "HTTPS://LOCALHOST");
    assert_eq!(sandbox.request_token_with(&key.proof("POST", &loud)).await.status(), 200);

    let named = sandbox.token_request().header("Host", "Tango.Example");
    let proof = key.proof("POST", "https://tango.example:443/oauth/./token");
    assert_eq!(named.header("DPoP", proof.sign()).send().await.unwrap().status(), 200);

    // The query of a request does not count.
    let token = sandbox.bound_token(&key).await;
    let request = sandbox.client.get(format!("{}?page=1", sandbox.accounts_url()));
    let request = request.header("Authorization", format!("DPoP {token}"));
    let response = request.header("DPoP", sandbox.api_proof(&key, &token).sign()).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn replayed_proof_is_refused() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    let key = Key::new("ES256");
    let proof = sandbox.token_proof(&key);
    assert_eq!(sandbox.request_token_with(&proof).await.status(), 200);
    refused(sandbox.request_token_with(&proof).await, "invalid_dpop_proof", "jti was used before").await;
    // Another proof with the same `jti` is a replay as well, and a reset does not clear any `jti`.
    sandbox.control_post("/reset", "").await;
    refused(sandbox.request_token_with(&proof.aged(1)).await, "invalid_dpop_proof", "jti was used before").await;

    let token = sandbox.bound_token(&key).await;
    let proof = sandbox.api_proof(&key, &token);
    assert_eq!(sandbox.call_api_with(&format!("DPoP {token}"), Some(&proof)).await.status(), 200);
    let replayed = sandbox.call_api_with(&format!("DPoP {token}"), Some(&proof)).await;
    challenged(replayed, "invalid_dpop_proof", "jti was used before").await;
}

#[tokio::test]
async fn iat_is_compared_with_the_clock_of_the_server() {
    for offset in [3_600, -3_600] {
        let sandbox = Sandbox::start(&["--clock-offset-seconds", &offset.to_string()]);
        let key = Key::new("ES256");
        let side = if offset > 0 { "behind" } else { "ahead of" };
        let why = format!("iat is more than 60 s {side} the server's clock");
        refused(sandbox.request_token_with(&sandbox.token_proof(&key)).await, "invalid_dpop_proof", &why).await;

        let response = sandbox.request_token_with(&sandbox.token_proof(&key).aged(-offset)).await;
        let token = json(response).await["access_token"].as_str().unwrap().to_owned();
        let authorization = format!("DPoP {token}");
        let response = sandbox.call_api_with(&authorization, Some(&sandbox.api_proof(&key, &token))).await;
        challenged(response, "invalid_dpop_proof", &why).await;
        let corrected = sandbox.api_proof(&key, &token).aged(-offset);
        assert_eq!(sandbox.call_api_with(&authorization, Some(&corrected)).await.status(), 200);
    }
}

#[tokio::test]
async fn token_endpoint_requires_its_nonce() {
    // The quota is on: a challenge must not spend it.
    let sandbox = Sandbox::start(&NONCES[2..]);
    let key = Key::new("ES256");
    let proof = sandbox.token_proof(&key);
    let challenge = sandbox.request_token_with(&proof).await;
    let nonce_given = nonce(&challenge);
    refused(challenge, "use_dpop_nonce", "a nonce is required").await;
    // The client has to send a new proof, not the old one with a nonce.
    let patched = sandbox.request_token_with(&proof.claim("nonce", nonce_given.as_str())).await;
    refused(patched, "invalid_dpop_proof", "jti was used before").await;

    let unknown = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", "x")).await;
    refused(unknown, "use_dpop_nonce", "nonce is not a current one of this server").await;

    let response = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", nonce_given.as_str())).await;
    assert_eq!((response.status().as_u16(), nonce(&response)), (200, nonce_given));
    assert_eq!(json(response).await["token_type"], "DPoP");
    let stats = sandbox.control_get("/stats").await;
    assert_eq!((&stats["nonce_challenges"], &stats["dpop_proofs_refused"]), (&object!(2), &object!(1)));
    assert_eq!(stats["dpop_proofs_accepted"], 1);
}

#[tokio::test]
async fn api_requires_a_nonce_of_its_own() {
    let sandbox = Sandbox::start(&NONCES);
    let key = Key::new("ES256");
    let of_token_endpoint = nonce(&sandbox.request_token().await.unwrap());
    let proof = sandbox.token_proof(&key).claim("nonce", of_token_endpoint.as_str());
    let token = json(sandbox.request_token_with(&proof).await).await["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {token}");
    let call = async |nonce: &str| {
        let proof = sandbox.api_proof(&key, &token).claim("nonce", nonce);
        sandbox.call_api_with(&authorization, Some(&proof)).await
    };

    let challenge = sandbox.call_api_with(&authorization, Some(&sandbox.api_proof(&key, &token))).await;
    let of_api = nonce(&challenge);
    assert_eq!(header(&challenge, "cache-control"), "no-store");
    challenged(challenge, "use_dpop_nonce", "a nonce is required").await;
    let stale = "nonce is not a current one of this server";
    challenged(call(&of_token_endpoint).await, "use_dpop_nonce", stale).await;
    let response = call(&of_api).await;
    assert_eq!((response.status().as_u16(), nonce(&response)), (200, of_api.clone()));
    let crossed = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", of_api)).await;
    refused(crossed, "use_dpop_nonce", stale).await;
}

#[tokio::test]
async fn single_use_nonce_is_accepted_once() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0", "--dpop-nonce", "single-use"]);
    let key = Key::new("ES256");
    let first = nonce(&sandbox.request_token().await.unwrap());
    let accepted = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", first.as_str())).await;
    assert_eq!(accepted.status(), 200);
    assert_ne!(nonce(&accepted), first);
    let used = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", first.as_str())).await;
    let second = nonce(&used);
    refused(used, "use_dpop_nonce", "nonce is not a current one of this server").await;
    let accepted = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", second)).await;
    assert_eq!(accepted.status(), 200);
}

#[tokio::test]
async fn api_can_call_a_wrong_proof_an_invalid_token() {
    let sandbox = Sandbox::start(&["--dpop-api-error", "invalid-token"]);
    let key = Key::new("ES256");
    let token = sandbox.bound_token(&key).await;
    let response =
        sandbox.call_api_with(&format!("DPoP {token}"), Some(&sandbox.api_proof(&key, &token).claim("iat", 0))).await;
    let challenge = header(&response, "www-authenticate");
    assert!(challenge.starts_with(r#"DPoP error="invalid_token", error_description="iat is more than"#), "{challenge}");
}

#[tokio::test]
async fn rotation_makes_the_nonces_of_both_servers_stale() {
    let sandbox = Sandbox::start(&NONCES);
    let key = Key::new("ES256");
    let first = nonce(&sandbox.request_token().await.unwrap());
    let proof = sandbox.token_proof(&key).claim("nonce", first.as_str());
    let token = json(sandbox.request_token_with(&proof).await).await["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {token}");
    let of_api = nonce(&sandbox.call_api_with(&authorization, None).await);

    assert_eq!(sandbox.control_post("/rotate-nonces", "").await.0, 204);
    let stale = "nonce is not a current one of this server";
    let response = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", first.as_str())).await;
    let second = nonce(&response);
    assert_ne!(second, first);
    refused(response, "use_dpop_nonce", stale).await;
    let response = sandbox.request_token_with(&sandbox.token_proof(&key).claim("nonce", second.as_str())).await;
    assert_eq!(response.status(), 200);
    let proof = sandbox.api_proof(&key, &token).claim("nonce", of_api);
    challenged(sandbox.call_api_with(&authorization, Some(&proof)).await, "use_dpop_nonce", stale).await;

    // A reset does not rotate nonces.
    sandbox.control_post("/reset", "").await;
    assert_eq!(nonce(&sandbox.request_token().await.unwrap()), second);
}

#[tokio::test]
async fn each_response_carries_the_nonce_of_its_server() {
    let sandbox = Sandbox::start(&[&NONCES[..], &["--fail-first", "1"]].concat());
    let responses = [
        (503, sandbox.request_token().await.unwrap()),
        (200, sandbox.request_token().await.unwrap()),
        (400, sandbox.post("a=b".into()).await.unwrap()),
        (413, sandbox.post("a".repeat(20_000)).await.unwrap()),
        (405, sandbox.client.get(sandbox.value("TANGO_TOKEN_URL")).send().await.unwrap()),
    ];
    let of_token_endpoint = nonce(&responses[0].1);
    for (status, response) in &responses {
        assert_eq!((response.status().as_u16(), nonce(response)), (*status, of_token_endpoint.clone()));
    }
    let token = format!("Bearer {}", sandbox.token().await);
    let responses = [
        (200, sandbox.call("/accounts", Some(&token)).await),
        (401, sandbox.call("/accounts", None).await),
        (404, sandbox.call("/unknown", None).await),
    ];
    let of_api = nonce(&responses[0].1);
    assert_ne!(of_api, of_token_endpoint);
    for (status, response) in &responses {
        assert_eq!((response.status().as_u16(), nonce(response)), (*status, of_api.clone()));
    }
    sandbox.script("[{}]").await;
    assert_eq!(header(&sandbox.request_token().await.unwrap(), "dpop-nonce"), "");
}

#[tokio::test]
async fn strict_requires_a_proof_with_each_request() {
    let sandbox = Sandbox::start(&["--dpop", "strict", "--error-format", "empty"]);
    refused(sandbox.request_token().await.unwrap(), "invalid_dpop_proof", "a DPoP proof is required").await;
    let key = Key::new("EdDSA");
    let token = sandbox.bound_token(&key).await;
    let response = sandbox.call_api_with(&format!("DPoP {token}"), Some(&sandbox.api_proof(&key, &token))).await;
    assert_eq!(response.status(), 200);

    let response = sandbox.call_api_with(&format!("DPoP {token}"), None).await;
    challenged(response, "invalid_dpop_proof", "a DPoP proof is required").await;
    let response = sandbox.call("/accounts", None).await;
    let challenge = format!(r#"DPoP algs="{}""#, ALGORITHMS.join(" "));
    assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, challenge.as_str()));
    // A missing proof does not count as a refused one.
    assert_eq!(sandbox.control_get("/stats").await["dpop_proofs_refused"], 0);
}

#[tokio::test]
async fn proof_is_ignored_when_dpop_is_off() {
    let sandbox = Sandbox::start(&["--dpop", "off", "--dpop-nonce", "required"]);
    let response = sandbox.token_request().header("DPoP", "malformed").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "dpop-nonce")), (200, ""));
    let response = json(response).await;
    assert_eq!((&response["token_type"], &claims(&response)["cnf"]), (&object!("Bearer"), &Value::Null));

    let token = response["access_token"].as_str().unwrap();
    let request = sandbox.client.get(sandbox.accounts_url()).header("Authorization", format!("Bearer {token}"));
    assert_eq!(request.header("DPoP", "malformed").send().await.unwrap().status(), 200);
    let response = sandbox.call("/accounts", Some(&format!("DPoP {token}"))).await;
    assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, "Bearer"));
}

#[tokio::test]
async fn downgrade_issues_a_bearer_token_for_a_valid_proof() {
    let sandbox = Sandbox::start(&["--dpop-downgrade"]);
    let key = Key::new("ES256");
    let bad = sandbox.request_token_with(&sandbox.token_proof(&key).without("jti")).await;
    refused(bad, "invalid_dpop_proof", "jti is missing or empty").await;
    let response = json(sandbox.request_token_with(&sandbox.token_proof(&key)).await).await;
    assert_eq!((&response["token_type"], &claims(&response)["cnf"]), (&object!("Bearer"), &Value::Null));
    let token = format!("Bearer {}", response["access_token"].as_str().unwrap());
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
    assert_eq!(sandbox.control_get("/stats").await["dpop_proofs_accepted"], 1);
}

#[tokio::test]
async fn log_has_the_reason_and_no_proof() {
    let sandbox = Sandbox::start(&NONCES);
    let key = Key::new("ES256");
    let (challenged, wrong) = (sandbox.token_proof(&key), sandbox.token_proof(&key).claim("htm", "PUT"));
    let nonce = nonce(&sandbox.request_token_with(&challenged).await);
    sandbox.request_token_with(&wrong).await;
    let (_, log) = sandbox.end();
    assert!(log.contains(": a nonce is required\n"), "{log}");
    assert!(log.contains(": htm is not the method of the request\n"), "{log}");
    let proof = challenged.sign();
    for part in proof.split('.').chain([nonce.as_str()]) {
        assert!(!log.contains(part), "{log}");
    }
}
