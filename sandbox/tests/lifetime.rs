//! How the server starts and ends, and the files that it writes.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Method;

use support::Sandbox;

#[tokio::test]
async fn end_of_standard_input_ends_the_server() {
    let sandbox = Sandbox::start(&[]);
    let ca_file = sandbox.value("TANGO_CA_FILE").to_owned();
    let secrets = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"].map(|name| sandbox.value(name).to_owned());

    let token = sandbox.token().await;
    sandbox.call("/accounts", Some(&format!("Bearer {token}"))).await;
    let delete = sandbox.client.request(Method::DELETE, sandbox.value("TANGO_TOKEN_URL"));
    delete.header("DPoP", "dpop-proof").send().await.unwrap();
    sandbox.post("a=b".into()).await.unwrap();

    let (status, log) = sandbox.end();
    assert!(status.success());
    assert!(!Path::new(&ca_file).exists());
    assert_eq!(log.lines().count(), 4, "{log}");
    assert!(log.contains(" POST /oauth/token 200 ") && log.contains(" ms: client_id is missing\n"), "{log}");
    for secret in secrets.iter().map(String::as_str).chain([token.as_str(), "dpop-proof"]) {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn log_file_takes_the_log_from_standard_error() {
    let directory = Directory::new();
    let log_file = directory.path("sandbox.log");
    fs::write(&log_file, "a line of an earlier run\n").unwrap();
    let sandbox = Sandbox::start(&["--log-file", &log_file]);
    sandbox.token().await;
    assert_eq!(sandbox.end().1, "");
    let log = fs::read_to_string(&log_file).unwrap();
    assert!(log.lines().count() == 1 && log.contains(" POST /oauth/token 200 "), "{log}");
}

#[cfg(unix)]
#[test]
fn env_file_takes_the_variables_from_standard_output() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let env_file = directory.path("tango.env");
    fs::write(&env_file, "an earlier run").unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_tango-sandbox"))
        .args(["--until-stdin-closes", "--dir", &directory.0, "--env-file", &env_file])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let variables = loop {
        match fs::read_to_string(&env_file) {
            Ok(variables) if variables != "an earlier run" => break variables,
            _ => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    };
    assert!(variables.starts_with("TANGO_TOKEN_URL=https://localhost:"), "{variables}");
    assert!(variables.contains(&format!("\nTANGO_CA_FILE={}/ca.pem\n", directory.0)), "{variables}");
    assert!(variables.contains("\nTANGO_CLIENT_SECRET='s3cret+&=% ü'\nTANGO_USERNAME="), "{variables}");
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory.path("ca.pem")), mode(&env_file)), (0o644, 0o600));
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 2, "no temporary file, no key");

    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
    let mut printed = String::new();
    server.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
    assert!(!Path::new(&env_file).exists());
}

#[test]
fn shell_format_is_the_default() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_tango-sandbox"))
        .arg("--until-stdin-closes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().take(9);
    let names: Vec<_> = lines.map(|line| line.unwrap().split_once('=').unwrap().0.to_owned()).collect();
    assert_eq!(
        names.join(" "),
        "TANGO_TOKEN_URL TANGO_API_URL TANGO_CA_FILE TANGO_CLIENT_ID TANGO_CLIENT_SECRET TANGO_USERNAME TANGO_PASSWORD \
         TANGO_PROXY TANGO_SANDBOX_CONTROL_URL"
    );
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

#[test]
fn server_that_cannot_start_says_why() {
    let directory = Directory::new();
    let file = directory.path("file");
    fs::write(&file, "").unwrap();
    let started = Command::new(env!("CARGO_BIN_EXE_tango-sandbox")).args(["--dir", &file]).output().unwrap();
    assert_eq!((started.status.code(), started.stdout.len()), (Some(1), 0));
    let message = String::from_utf8(started.stderr).unwrap();
    assert!(message.starts_with(&format!("tango-sandbox: cannot make {file}: ")), "{message}");
}

/// A temporary directory, removed at the end of the test.
struct Directory(String);

impl Directory {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("tango-sandbox-test-{:032x}", support::random_number()));
        fs::create_dir(&directory).unwrap();
        Self(directory.to_str().unwrap().into())
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
