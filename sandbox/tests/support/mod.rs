//! A running sandbox, and a client for it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod proof;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use jsonwebtoken::dangerous::insecure_decode;
use reqwest::{Certificate, Client, Response, StatusCode};
use serde_json::Value;

/// A server that ends with the test that started it.
pub struct Sandbox {
    child: Child,
    variables: HashMap<String, String>,
    pub client: Client,
}

impl Sandbox {
    /// Starts the program and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tango-sandbox"))
            .args(["--until-stdin-closes", "--format", "json"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let variables: HashMap<String, String> = serde_json::from_str(&line).expect("the sandbox starts");
        let client = client(&fs::read(&variables["TANGO_CA_FILE"]).unwrap());
        Self { child, variables, client }
    }

    /// One of the printed variables.
    pub fn value(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// A valid token request for this audience.
    pub fn form(&self, audience: &str) -> Vec<(&'static str, String)> {
        let value = |name| self.value(name).to_owned();
        vec![
            ("client_id", value("TANGO_CLIENT_ID")),
            ("client_secret", value("TANGO_CLIENT_SECRET")),
            ("username", value("TANGO_USERNAME")),
            ("password", value("TANGO_PASSWORD")),
            ("scope", "raas.all".into()),
            ("audience", audience.into()),
            ("grant_type", "password".into()),
        ]
    }

    /// Sends a body to the token endpoint as a form.
    pub async fn post(&self, body: String) -> Result<Response, reqwest::Error> {
        let request = self.client.post(self.value("TANGO_TOKEN_URL")).body(body);
        request.header("Content-Type", "application/x-www-form-urlencoded").send().await
    }

    /// Sends a valid token request.
    pub async fn request_token(&self) -> Result<Response, reqwest::Error> {
        self.post(encode(&self.form("https://api.tangocard.com/"))).await
    }

    /// A valid token.
    pub async fn token(&self) -> String {
        let response = json(self.request_token().await.unwrap()).await;
        response["access_token"].as_str().unwrap().into()
    }

    /// Calls the API, with an `Authorization` or without.
    pub async fn call(&self, path: &str, authorization: Option<&str>) -> Response {
        let request = self.client.get(format!("{}{path}", self.value("TANGO_API_URL")));
        match authorization {
            Some(value) => request.header("Authorization", value).send().await.unwrap(),
            None => request.send().await.unwrap(),
        }
    }

    /// Reads from the control listener.
    pub async fn control_get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.value("TANGO_SANDBOX_CONTROL_URL"));
        json(self.client.get(url).send().await.unwrap()).await
    }

    /// Writes to the control listener.
    pub async fn control_post(&self, path: &str, body: &str) -> (StatusCode, String) {
        let url = format!("{}{path}", self.value("TANGO_SANDBOX_CONTROL_URL"));
        let response = self.client.post(url).body(body.to_owned()).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Queues scripted responses.
    pub async fn script(&self, responses: &str) {
        let (status, message) = self.control_post("/responses", responses).await;
        assert_eq!(status, 200, "{message}");
    }

    /// Waits until a statistic has reached a number.
    pub async fn wait_for(&self, statistic: &str, number: u64) {
        while self.control_get("/stats").await[statistic].as_u64().unwrap() < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Closes its standard input; returns its exit status and its log.
    pub fn end(mut self) -> (ExitStatus, String) {
        drop(self.child.stdin.take());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // `wait` closes standard input. The sandbox must not block on a log that the test does not read.
        drop(self.child.stderr.take());
        let _ = self.child.wait();
    }
}

/// The JSON of a response.
pub async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// The claims of the access token in a token response.
pub fn claims(token: &Value) -> Value {
    insecure_decode(token["access_token"].as_str().unwrap()).unwrap().claims
}

/// A header of a response, or an empty string.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Encodes a form, with every byte of its values escaped.
pub fn encode(form: &[(&str, String)]) -> String {
    let escape = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let pairs: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}

/// A client that trusts only this certificate.
pub fn client(ca_pem: &[u8]) -> Client {
    Client::builder().tls_certs_only([Certificate::from_pem(ca_pem).unwrap()]).no_proxy().build().unwrap()
}

/// For names of files that no other test uses.
pub fn random_number() -> u128 {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    u128::from_be_bytes(bytes)
}
