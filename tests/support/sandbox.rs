//! Starts `tango-sandbox` for a test, and calls its control API.

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

/// A server that ends with its test.
pub struct Sandbox {
    process: Child,
    /// The variables that a program needs to use the server.
    pub variables: HashMap<String, String>,
}

impl Sandbox {
    pub fn start(options: &[&str]) -> Self {
        let mut process = Command::new(binary())
            .args(["--until-stdin-closes", "--format", "json"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, variables: serde_json::from_str(&line).expect("the sandbox starts") }
    }

    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// Gives a command the variables of this server, and no other `TANGO_` variable.
    pub fn configure(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TANGO_")) {
            command.env_remove(name);
        }
        command.envs(&self.variables);
    }

    /// The same for a program in Rust.
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

    /// Every request that the server got, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        serde_json::from_value(self.control("GET", "/requests", "")).unwrap()
    }

    /// Waits until a statistic has reached a number.
    pub fn wait_for(&self, name: &str, count: u64) {
        wait_until(&format!("{count} {name}"), || self.statistic(name) >= count);
    }

    /// Clears counters, records, scripted responses and the quota.
    pub fn reset(&self) {
        self.control("POST", "/reset", "");
    }

    /// Holds every response until [`Sandbox::release`].
    pub fn hold(&self) {
        self.control("POST", "/hold", "");
    }

    pub fn release(&self) {
        self.control("POST", "/release", "");
    }

    pub fn rotate_nonces(&self) {
        self.control("POST", "/rotate-nonces", "");
    }

    pub fn revoke(&self) {
        self.control("POST", "/revoke", "");
    }

    /// Resets the server, then queues these responses.
    pub fn script(&self, responses: &Value) {
        self.reset();
        self.control("POST", "/responses", &responses.to_string());
    }

    /// Queues faults of the next connections.
    pub fn fail_connections(&self, faults: &Value) {
        self.control("POST", "/connections", &faults.to_string());
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
        // The end of its standard input ends the server, which removes its files.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Returns the sandbox that `TANGO_SANDBOX` names, or else that of this checkout.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(binary) = std::env::var_os("TANGO_SANDBOX") {
            return binary.into();
        }
        succeed(Command::new("make").arg("sandbox").current_dir(root()));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        target.join("release/tango-sandbox")
    })
}
