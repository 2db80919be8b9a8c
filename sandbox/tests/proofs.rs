//! Proofs of possession (`DPoP`, RFC 9449), seen from the clients of both servers.

mod support;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json as object};

use support::proof::{ALGORITHMS, Key, Proof};
use support::{Sandbox, claims, encode, header, json};

const DAY: &str = "https://api.tangocard.com/";
const NO_QUOTA: [&str; 2] = ["--quota-window-seconds", "0"];
const NONCES: [&str; 4] = ["--quota-window-seconds", "0", "--dpop-nonce", "required"];

impl Sandbox {
    /// A good proof for a token request.
    fn token_proof<'a>(&self, key: &'a Key) -> Proof<'a> {
        key.proof("POST", self.value("TANGO_TOKEN_URL"))
    }

    fn token_request(&self) -> RequestBuilder {
        let request = self.client.post(self.value("TANGO_TOKEN_URL")).body(encode(&self.form(DAY)));
        request.header("Content-Type", "application/x-www-form-urlencoded")
    }

    async fn ask_with(&self, proof: &Proof<'_>) -> Response {
        self.token_request().header("DPoP", proof.sign()).send().await.unwrap()
    }

    /// A good token that is bound to `key`, from a sandbox without nonces.
    async fn bound_token(&self, key: &Key) -> String {
        let answer = json(self.ask_with(&self.token_proof(key)).await).await;
        assert_eq!(answer["token_type"], "DPoP", "{answer}");
        answer["access_token"].as_str().unwrap().into()
    }

    fn accounts_url(&self) -> String {
        format!("{}/accounts", self.value("TANGO_API_URL"))
    }

    /// A good proof for an API request with `token`.
    fn api_proof<'a>(&self, key: &'a Key, token: &str) -> Proof<'a> {
        key.proof("GET", &self.accounts_url()).with_token(token)
    }

    async fn call_with(&self, authorization: &str, proof: Option<&Proof<'_>>) -> Response {
        let request = self.client.get(self.accounts_url()).header("Authorization", authorization);
        match proof {
            Some(proof) => request.header("DPoP", proof.sign()).send().await.unwrap(),
            None => request.send().await.unwrap(),
        }
    }
}

/// The token endpoint refuses with this error.
async fn refused(answer: Response, code: &str, description: &str) {
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (400, "application/json"), "{description}");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(json(answer).await, object!({"error": code, "error_description": description}));
}

/// The API challenges with this error.
async fn challenged(answer: Response, code: &str, description: &str) {
    let algs = ALGORITHMS.join(" ");
    let challenge = format!(r#"DPoP error="{code}", error_description="{description}", algs="{algs}""#);
    assert_eq!((answer.status().as_u16(), header(&answer, "www-authenticate")), (401, challenge.as_str()));
    let error = json(answer).await;
    let (key, part) = match code {
        "invalid_token" => ("token.invalid", "Authorization"),
        "use_dpop_nonce" => ("dpop.nonce.required", "DPoP"),
        _ => ("dpop.proof.invalid", "DPoP"),
    };
    assert_eq!((&error["i18nKey"], &error["errors"][0]["path"]), (&object!(key), &object!(part)));
    assert_eq!(error["message"], description);
}

fn nonce(answer: &Response) -> String {
    let values: Vec<_> = answer.headers().get_all("dpop-nonce").iter().collect();
    assert_eq!(values.len(), 1);
    values[0].to_str().unwrap().into()
}

#[tokio::test]
async fn each_algorithm_binds_a_token_that_the_api_accepts() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    for alg in ALGORITHMS {
        let key = Key::new(alg);
        let answer = sandbox.ask_with(&sandbox.token_proof(&key)).await;
        assert_eq!(answer.status(), 200, "{alg}");
        assert_eq!(header(&answer, "dpop-nonce"), "");
        let answer = json(answer).await;
        assert_eq!(answer["token_type"], "DPoP");
        assert_eq!(claims(&answer)["cnf"], object!({"jkt": key.thumbprint()}), "{alg}");

        let token = answer["access_token"].as_str().unwrap();
        for scheme in ["DPoP", "dpop"] {
            let proof = sandbox.api_proof(&key, token);
            assert_eq!(sandbox.call_with(&format!("{scheme} {token}"), Some(&proof)).await.status(), 200, "{alg}");
        }
    }
    let stats = sandbox.control_get("/stats").await;
    assert_eq!((&stats["dpop_proofs_accepted"], &stats["dpop_proofs_refused"]), (&object!(15), &object!(0)));
}

#[tokio::test]
async fn without_a_proof_the_token_is_a_bearer_token() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    let answer = json(sandbox.ask().await.unwrap()).await;
    assert_eq!((&answer["token_type"], &claims(&answer)["cnf"]), (&object!("Bearer"), &Value::Null));
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(sandbox.call_with(&format!("Bearer {token}"), None).await.status(), 200);

    // Nothing requires a proof with it; one that comes is checked.
    let key = Key::new("ES256");
    let proof = sandbox.api_proof(&key, token);
    assert_eq!(sandbox.call_with(&format!("Bearer {token}"), Some(&proof)).await.status(), 200);
    let replayed = sandbox.call_with(&format!("Bearer {token}"), Some(&proof)).await;
    challenged(replayed, "invalid_dpop_proof", "jti was used before").await;

    let unbound = sandbox.call_with(&format!("DPoP {token}"), Some(&sandbox.api_proof(&key, token))).await;
    challenged(unbound, "invalid_token", "The access token is a bearer token, bound to no key").await;
}

/// Makes a good proof a bad one.
type Mistake = fn(Proof<'_>) -> Proof<'_>;

/// What is wrong wherever it is sent, and what is said about it.
const MISTAKES: [(Mistake, &str); 27] = [
    (|proof| proof.header("typ", "JWT"), "typ is not dpop+jwt"),
    (|proof| proof.header("typ", Value::Null), "typ is not dpop+jwt"),
    (|proof| proof.header("alg", "none"), "alg is not one of ES256 ES384 EdDSA RS256 PS256"),
    (|proof| proof.header("alg", "HS256"), "alg is not one of ES256 ES384 EdDSA RS256 PS256"),
    (|proof| proof.header("alg", "ES512"), "alg is not one of ES256 ES384 EdDSA RS256 PS256"),
    (|proof| proof.header("alg", "ES384"), "jwk is not an EC key on P-384, which alg asks for"),
    (|proof| proof.header("alg", "EdDSA"), "jwk is not an OKP key on Ed25519, which alg asks for"),
    (|proof| proof.header("alg", "RS256"), "jwk is not an RSA key, which alg asks for"),
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
async fn the_token_endpoint_names_each_mistake() {
    // The quota is on: what is refused must not spend it.
    let sandbox = Sandbox::start(&[]);
    let key = Key::new("ES256");
    for (mistake, description) in MISTAKES {
        refused(sandbox.ask_with(&mistake(sandbox.token_proof(&key))).await, "invalid_dpop_proof", description).await;
    }
    let twice = sandbox.token_request();
    let twice = twice.header("DPoP", sandbox.token_proof(&key).sign()).header("DPoP", sandbox.token_proof(&key).sign());
    refused(twice.send().await.unwrap(), "invalid_dpop_proof", "there is more than one DPoP header").await;
    for garbled in ["", "a.b.c", "\u{fc}"] {
        let answer = sandbox.token_request().header("DPoP", garbled).send().await.unwrap();
        refused(answer, "invalid_dpop_proof", "the proof is not a JWT").await;
    }
    let stats = sandbox.control_get("/stats").await;
    assert_eq!(stats["dpop_proofs_refused"], MISTAKES.len() + 4);
    assert_eq!((&stats["dpop_proofs_accepted"], &stats["quota_refusals"]), (&object!(0), &object!(0)));
    sandbox.bound_token(&key).await;
}

#[tokio::test]
async fn the_api_names_each_mistake() {
    let sandbox = Sandbox::start(&[]);
    let key = Key::new("ES256");
    let token = sandbox.bound_token(&key).await;
    let authorization = format!("DPoP {token}");
    let ath: [(Mistake, &str); 2] = [
        (|proof| proof.without("ath"), "ath is missing"),
        (|proof| proof.with_token("another"), "ath is not the hash of the access token"),
    ];
    for (mistake, description) in MISTAKES.into_iter().chain(ath) {
        let answer = sandbox.call_with(&authorization, Some(&mistake(sandbox.api_proof(&key, &token)))).await;
        challenged(answer, "invalid_dpop_proof", description).await;
    }
    let twice = sandbox.client.get(sandbox.accounts_url()).header("Authorization", &authorization);
    let proof = || sandbox.api_proof(&key, &token).sign();
    let twice = twice.header("DPoP", proof()).header("DPoP", proof()).send().await.unwrap();
    challenged(twice, "invalid_dpop_proof", "there is more than one DPoP header").await;

    challenged(sandbox.call_with(&authorization, None).await, "invalid_dpop_proof", "a DPoP proof is required").await;
    let other = Key::new("ES256");
    let other = sandbox.call_with(&authorization, Some(&sandbox.api_proof(&other, &token))).await;
    challenged(other, "invalid_token", "the access token is bound to another key than that of the proof").await;
    let bearer = sandbox.call_with(&format!("Bearer {token}"), Some(&sandbox.api_proof(&key, &token))).await;
    challenged(bearer, "invalid_token", "The access token is bound to a key and is no bearer token").await;
    assert_eq!(sandbox.control_get("/stats").await["dpop_proofs_refused"], MISTAKES.len() + 4);

    assert_eq!(sandbox.control_post("/revoke", "").await.0, 204);
    let revoked = sandbox.call_with(&authorization, Some(&sandbox.api_proof(&key, &token))).await;
    challenged(revoked, "invalid_token", "The access token was revoked").await;
}

#[tokio::test]
async fn each_algorithm_has_signatures_that_are_wrong() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    for alg in ALGORITHMS {
        let key = Key::new(alg);
        // The same header over other claims: what was signed is not what is sent.
        let (good, other) = (sandbox.token_proof(&key).sign(), sandbox.token_proof(&key).sign());
        let (message, _) = good.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        let answer = sandbox.token_request().header("DPoP", format!("{message}.{signature}")).send().await.unwrap();
        refused(answer, "invalid_dpop_proof", "the signature is wrong").await;
    }
}

#[tokio::test]
async fn htu_is_compared_in_its_normal_form() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    let key = Key::new("ES256");
    let loud = sandbox.value("TANGO_TOKEN_URL").replace("https://localhost", "HTTPS://LOCALHOST");
    assert_eq!(sandbox.ask_with(&key.proof("POST", &loud)).await.status(), 200);

    let named = sandbox.token_request().header("Host", "Tango.Example");
    let proof = key.proof("POST", "https://tango.example:443/oauth/./token");
    assert_eq!(named.header("DPoP", proof.sign()).send().await.unwrap().status(), 200);

    // The query of a request is no part of it.
    let token = sandbox.bound_token(&key).await;
    let request = sandbox.client.get(format!("{}?page=1", sandbox.accounts_url()));
    let request = request.header("Authorization", format!("DPoP {token}"));
    let answer = request.header("DPoP", sandbox.api_proof(&key, &token).sign()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_proof_is_good_once() {
    let sandbox = Sandbox::start(&NO_QUOTA);
    let key = Key::new("ES256");
    let proof = sandbox.token_proof(&key);
    assert_eq!(sandbox.ask_with(&proof).await.status(), 200);
    refused(sandbox.ask_with(&proof).await, "invalid_dpop_proof", "jti was used before").await;
    // Another proof with the same `jti` is a replay, too, and a reset forgets none.
    sandbox.control_post("/reset", "").await;
    refused(sandbox.ask_with(&proof.aged(1)).await, "invalid_dpop_proof", "jti was used before").await;

    let token = sandbox.bound_token(&key).await;
    let proof = sandbox.api_proof(&key, &token);
    assert_eq!(sandbox.call_with(&format!("DPoP {token}"), Some(&proof)).await.status(), 200);
    let replayed = sandbox.call_with(&format!("DPoP {token}"), Some(&proof)).await;
    challenged(replayed, "invalid_dpop_proof", "jti was used before").await;
}

#[tokio::test]
async fn iat_is_compared_with_the_clock_of_the_server() {
    for offset in [3_600, -3_600] {
        let sandbox = Sandbox::start(&["--clock-offset-seconds", &offset.to_string()]);
        let key = Key::new("ES256");
        let side = if offset > 0 { "behind" } else { "ahead of" };
        let why = format!("iat is more than 60 s {side} the server's clock");
        refused(sandbox.ask_with(&sandbox.token_proof(&key)).await, "invalid_dpop_proof", &why).await;

        let answer = sandbox.ask_with(&sandbox.token_proof(&key).aged(-offset)).await;
        let token = json(answer).await["access_token"].as_str().unwrap().to_owned();
        let authorization = format!("DPoP {token}");
        let answer = sandbox.call_with(&authorization, Some(&sandbox.api_proof(&key, &token))).await;
        challenged(answer, "invalid_dpop_proof", &why).await;
        let corrected = sandbox.api_proof(&key, &token).aged(-offset);
        assert_eq!(sandbox.call_with(&authorization, Some(&corrected)).await.status(), 200);
    }
}

#[tokio::test]
async fn the_token_endpoint_asks_for_its_nonce() {
    // The quota is on: a challenge must not spend it.
    let sandbox = Sandbox::start(&NONCES[2..]);
    let key = Key::new("ES256");
    let proof = sandbox.token_proof(&key);
    let challenge = sandbox.ask_with(&proof).await;
    let nonce_given = nonce(&challenge);
    refused(challenge, "use_dpop_nonce", "a nonce is required").await;
    // The answer to it is a new proof, not the old one with a nonce.
    let patched = sandbox.ask_with(&proof.claim("nonce", nonce_given.as_str())).await;
    refused(patched, "invalid_dpop_proof", "jti was used before").await;

    let unknown = sandbox.ask_with(&sandbox.token_proof(&key).claim("nonce", "x")).await;
    refused(unknown, "use_dpop_nonce", "nonce is not a current one of this server").await;

    let answer = sandbox.ask_with(&sandbox.token_proof(&key).claim("nonce", nonce_given.as_str())).await;
    assert_eq!((answer.status().as_u16(), nonce(&answer)), (200, nonce_given));
    assert_eq!(json(answer).await["token_type"], "DPoP");
    let stats = sandbox.control_get("/stats").await;
    assert_eq!((&stats["nonce_challenges"], &stats["dpop_proofs_refused"]), (&object!(2), &object!(1)));
    assert_eq!(stats["dpop_proofs_accepted"], 1);
}

#[tokio::test]
async fn the_api_asks_for_a_nonce_of_its_own() {
    let sandbox = Sandbox::start(&NONCES);
    let key = Key::new("ES256");
    let of_token_endpoint = nonce(&sandbox.ask().await.unwrap());
    let proof = sandbox.token_proof(&key).claim("nonce", of_token_endpoint.as_str());
    let token = json(sandbox.ask_with(&proof).await).await["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {token}");
    let call = async |nonce: &str| {
        let proof = sandbox.api_proof(&key, &token).claim("nonce", nonce);
        sandbox.call_with(&authorization, Some(&proof)).await
    };

    let challenge = sandbox.call_with(&authorization, Some(&sandbox.api_proof(&key, &token))).await;
    let of_api = nonce(&challenge);
    assert_eq!(header(&challenge, "cache-control"), "no-store");
    challenged(challenge, "use_dpop_nonce", "a nonce is required").await;
    let stale = "nonce is not a current one of this server";
    challenged(call(&of_token_endpoint).await, "use_dpop_nonce", stale).await;
    let answer = call(&of_api).await;
    assert_eq!((answer.status().as_u16(), nonce(&answer)), (200, of_api.clone()));
    let crossed = sandbox.ask_with(&sandbox.token_proof(&key).claim("nonce", of_api)).await;
    refused(crossed, "use_dpop_nonce", stale).await;
}

#[tokio::test]
async fn rotation_makes_the_nonces_of_both_servers_stale() {
    let sandbox = Sandbox::start(&NONCES);
    let key = Key::new("ES256");
    let first = nonce(&sandbox.ask().await.unwrap());
    let proof = sandbox.token_proof(&key).claim("nonce", first.as_str());
    let token = json(sandbox.ask_with(&proof).await).await["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {token}");
    let of_api = nonce(&sandbox.call_with(&authorization, None).await);

    assert_eq!(sandbox.control_post("/rotate-nonces", "").await.0, 204);
    let stale = "nonce is not a current one of this server";
    let answer = sandbox.ask_with(&sandbox.token_proof(&key).claim("nonce", first.as_str())).await;
    let second = nonce(&answer);
    assert_ne!(second, first);
    refused(answer, "use_dpop_nonce", stale).await;
    let answer = sandbox.ask_with(&sandbox.token_proof(&key).claim("nonce", second.as_str())).await;
    assert_eq!(answer.status(), 200);
    let proof = sandbox.api_proof(&key, &token).claim("nonce", of_api);
    challenged(sandbox.call_with(&authorization, Some(&proof)).await, "use_dpop_nonce", stale).await;

    // A reset is none.
    sandbox.control_post("/reset", "").await;
    assert_eq!(nonce(&sandbox.ask().await.unwrap()), second);
}

#[tokio::test]
async fn each_answer_of_a_server_carries_its_nonce() {
    let sandbox = Sandbox::start(&[&NONCES[..], &["--fail-first", "1"]].concat());
    let answers = [
        (503, sandbox.ask().await.unwrap()),
        (200, sandbox.ask().await.unwrap()),
        (400, sandbox.post("a=b".into()).await.unwrap()),
        (413, sandbox.post("a".repeat(20_000)).await.unwrap()),
        (405, sandbox.client.get(sandbox.value("TANGO_TOKEN_URL")).send().await.unwrap()),
    ];
    let of_token_endpoint = nonce(&answers[0].1);
    for (status, answer) in &answers {
        assert_eq!((answer.status().as_u16(), nonce(answer)), (*status, of_token_endpoint.clone()));
    }
    let token = format!("Bearer {}", sandbox.token().await);
    let answers = [
        (200, sandbox.call("/accounts", Some(&token)).await),
        (401, sandbox.call("/accounts", None).await),
        (404, sandbox.call("/unknown", None).await),
    ];
    let of_api = nonce(&answers[0].1);
    assert_ne!(of_api, of_token_endpoint);
    for (status, answer) in &answers {
        assert_eq!((answer.status().as_u16(), nonce(answer)), (*status, of_api.clone()));
    }
    sandbox.script("[{}]").await;
    assert_eq!(header(&sandbox.ask().await.unwrap(), "dpop-nonce"), "");
}

#[tokio::test]
async fn strict_wants_a_proof_with_each_request() {
    let sandbox = Sandbox::start(&["--dpop", "strict", "--error-format", "empty"]);
    refused(sandbox.ask().await.unwrap(), "invalid_dpop_proof", "a DPoP proof is required").await;
    let key = Key::new("EdDSA");
    let token = sandbox.bound_token(&key).await;
    let answer = sandbox.call_with(&format!("DPoP {token}"), Some(&sandbox.api_proof(&key, &token))).await;
    assert_eq!(answer.status(), 200);

    let answer = sandbox.call_with(&format!("DPoP {token}"), None).await;
    challenged(answer, "invalid_dpop_proof", "a DPoP proof is required").await;
    let answer = sandbox.call("/accounts", None).await;
    let challenge = format!(r#"DPoP algs="{}""#, ALGORITHMS.join(" "));
    assert_eq!((answer.status().as_u16(), header(&answer, "www-authenticate")), (401, challenge.as_str()));
    // What is missing is no proof that was refused.
    assert_eq!(sandbox.control_get("/stats").await["dpop_proofs_refused"], 0);
}

#[tokio::test]
async fn off_ignores_proofs() {
    let sandbox = Sandbox::start(&["--dpop", "off", "--dpop-nonce", "required"]);
    let answer = sandbox.token_request().header("DPoP", "garbled").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "dpop-nonce")), (200, ""));
    let answer = json(answer).await;
    assert_eq!((&answer["token_type"], &claims(&answer)["cnf"]), (&object!("Bearer"), &Value::Null));

    let token = answer["access_token"].as_str().unwrap();
    let request = sandbox.client.get(sandbox.accounts_url()).header("Authorization", format!("Bearer {token}"));
    assert_eq!(request.header("DPoP", "garbled").send().await.unwrap().status(), 200);
    let answer = sandbox.call("/accounts", Some(&format!("DPoP {token}"))).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "www-authenticate")), (401, "Bearer"));
}

#[tokio::test]
async fn a_downgrade_answers_a_good_proof_with_a_bearer_token() {
    let sandbox = Sandbox::start(&["--dpop-downgrade"]);
    let key = Key::new("ES256");
    let bad = sandbox.ask_with(&sandbox.token_proof(&key).without("jti")).await;
    refused(bad, "invalid_dpop_proof", "jti is missing or empty").await;
    let answer = json(sandbox.ask_with(&sandbox.token_proof(&key)).await).await;
    assert_eq!((&answer["token_type"], &claims(&answer)["cnf"]), (&object!("Bearer"), &Value::Null));
    let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    assert_eq!(sandbox.call("/accounts", Some(&token)).await.status(), 200);
    assert_eq!(sandbox.control_get("/stats").await["dpop_proofs_accepted"], 1);
}

#[tokio::test]
async fn the_log_says_why_and_holds_no_proof() {
    let sandbox = Sandbox::start(&NONCES);
    let key = Key::new("ES256");
    let (challenged, wrong) = (sandbox.token_proof(&key), sandbox.token_proof(&key).claim("htm", "PUT"));
    let nonce = nonce(&sandbox.ask_with(&challenged).await);
    sandbox.ask_with(&wrong).await;
    let (_, log) = sandbox.end();
    assert!(log.contains(": a nonce is required\n"), "{log}");
    assert!(log.contains(": htm is not the method of the request\n"), "{log}");
    let proof = challenged.sign();
    for part in proof.split('.').chain([nonce.as_str()]) {
        assert!(!log.contains(part), "{log}");
    }
}
