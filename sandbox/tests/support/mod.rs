//! A running sandbox, and the client that talks to it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod proof;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};

use jsonwebtoken::dangerous::insecure_decode;
use reqwest::{Certificate, Client, Response, StatusCode};
use serde_json::Value;

/// Ends with the test that started it.
pub struct Sandbox {
    child: Child,
    environment: HashMap<String, String>,
    pub client: Client,
}

impl Sandbox {
    /// Starts the program and waits for its lines.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tango-sandbox"))
            .arg("--until-stdin-closes")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(8);
        let environment: HashMap<_, _> = lines.map(|line| assignment(&line.unwrap())).collect();
        assert_eq!(environment.len(), 8, "the sandbox did not start");
        let ca = Certificate::from_pem(&fs::read(&environment["TANGO_CA_FILE"]).unwrap()).unwrap();
        let client = Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        Self { child, environment, client }
    }

    /// One of the printed values.
    pub fn value(&self, name: &str) -> &str {
        &self.environment[name]
    }

    /// A token request as it should be, for this audience.
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

    /// Asks for a token as one should.
    pub async fn ask(&self) -> Result<Response, reqwest::Error> {
        self.post(encode(&self.form("https://api.tangocard.com/"))).await
    }

    /// A good token.
    pub async fn token(&self) -> String {
        let answer = json(self.ask().await.unwrap()).await;
        answer["access_token"].as_str().unwrap().into()
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
        let answer = self.client.post(url).body(body.to_owned()).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    /// Queues scripted answers.
    pub async fn script(&self, answers: &str) {
        let (status, text) = self.control_post("/answers", answers).await;
        assert_eq!(status, 200, "{text}");
    }

    /// Closes its standard input; gives how it ended and what it logged.
    pub fn end(mut self) -> (ExitStatus, String) {
        drop(self.child.stdin.take());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // `wait` closes standard input. A log that nobody reads must not hold the sandbox back.
        drop(self.child.stderr.take());
        let _ = self.child.wait();
    }
}

/// The JSON of an answer.
pub async fn json(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// What the access token of a token response says.
pub fn claims(token: &Value) -> Value {
    insecure_decode(token["access_token"].as_str().unwrap()).unwrap().claims
}

/// A header of an answer, or nothing.
pub fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Escapes everything that may be escaped.
pub fn encode(form: &[(&str, String)]) -> String {
    let escape = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let pairs: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}

/// Undoes what the sandbox quotes for the shell.
fn assignment(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').unwrap();
    let bare = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    (name.into(), bare.unwrap_or(value).replace(r"'\''", "'"))
}
