//! A sandbox process for one test, which ends with the test.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tango_token::Config;

use super::fleet::wait_until;
use super::{root, succeed};

pub struct Sandbox {
    process: Child,
    /// The variables that it prints, with which a program uses it.
    pub variables: HashMap<String, String>,
}

impl Sandbox {
    pub fn start(options: &[&str]) -> Self {
        let process = Command::new(binary())
            .arg("--until-stdin-closes")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut sandbox = Self { process, variables: HashMap::new() };
        for line in BufReader::new(sandbox.process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let (name, value) = line.split_once('=').unwrap();
            sandbox.variables.insert(name.to_owned(), unquoted(value));
            if name == "TANGO_SANDBOX_CONTROL_URL" {
                return sandbox;
            }
        }
        panic!("the sandbox ended before it was ready");
    }

    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The same variables as a configuration.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.token_url(self.variable("TANGO_TOKEN_URL")).api_url(self.variable("TANGO_API_URL"));
        config.ca_file(self.variable("TANGO_CA_FILE")).proxy("none");
        config.client_id(self.variable("TANGO_CLIENT_ID")).client_secret(self.variable("TANGO_CLIENT_SECRET"));
        config.username(self.variable("TANGO_USERNAME")).password(self.variable("TANGO_PASSWORD"));
        config
    }

    pub fn token_requests(&self) -> u64 {
        self.statistic("token_requests")
    }

    pub fn statistic(&self, name: &str) -> u64 {
        self.control("GET", "/stats", "")[name].as_u64().unwrap()
    }

    /// The requests that it received, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        serde_json::from_value(self.control("GET", "/requests", "")).unwrap()
    }

    /// Waits until a statistic has reached this number.
    pub fn wait_for(&self, name: &str, count: u64) {
        wait_until(&format!("{count} {name}"), || self.statistic(name) >= count);
    }

    /// Resets its statistics, records, script and quota.
    pub fn reset(&self) {
        self.control("POST", "/reset", "");
    }

    pub fn rotate_nonces(&self) {
        self.control("POST", "/rotate-nonces", "");
    }

    pub fn revoke(&self) {
        self.control("POST", "/revoke", "");
    }

    /// Resets it and scripts its responses to the next token requests.
    pub fn script(&self, responses: &Value) {
        self.reset();
        self.control("POST", "/answers", &responses.to_string());
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.variable("TANGO_SANDBOX_CONTROL_URL").strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n").unwrap();
        write!(stream, "content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{response}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It exits and removes its files when its standard input is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        succeed(Command::new("make").arg("sandbox").current_dir(root()));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        target.join("release/tango-sandbox")
    })
}

/// Removes the POSIX shell quoting that the sandbox uses.
fn unquoted(value: &str) -> String {
    match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        Some(quoted) => quoted.replace(r"'\''", "'"),
        None => value.to_owned(),
    }
}
