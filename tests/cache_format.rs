//! Checks docs/cache-format.md with an implementation that shares no code with this one.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::fresh_directory;
use support::python::output_of;
use support::sandbox::Sandbox;
use tango_token::{Client, Config, DpopKey, DpopMode};

fn config(sandbox: &Sandbox, directory: &Path) -> Config {
    let mut config = sandbox.config();
    config.cache(format!("file:{}", directory.display())).dpop(DpopMode::Required);
    config
}

fn entry(directory: &Path, kind: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == kind)).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|start| u8::from_str_radix(&hex[start..start + 2], 16).unwrap()).collect()
}

#[test]
fn records_are_exchanged_with_an_independent_implementation() {
    let sandbox = Sandbox::start(&["--dpop", "strict"]);
    let directory = fresh_directory("cache-format");
    let token = Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap();

    let record = fs::read(entry(&directory, "record")).unwrap();
    let input = json!({
        "token_url": sandbox.variable("TANGO_TOKEN_URL"),
        "client_id": sandbox.variable("TANGO_CLIENT_ID"),
        "username": sandbox.variable("TANGO_USERNAME"),
        "scope": "raas.all",
        "audience": "https://api.tangocard.com/",
        "token_type": "DPoP",
        "client_secret": sandbox.variable("TANGO_CLIENT_SECRET"),
        "record": hex(&record),
    });
    let output = output_of("cache.py", &input);
    let name = entry(&directory, "record").file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(output["name"], name);
    let read = &output["record"];
    assert_eq!((read["access_token"].as_str(), read["token_type"].as_str()), (Some(token.value()), Some("DPoP")));
    assert_eq!(read["dpop_jkt"].as_str(), Some(token.dpop_key().unwrap().thumbprint()));
    let private_key =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", read["dpop_key"].as_str().unwrap());
    assert_eq!(DpopKey::from_pem(&private_key, None).unwrap().thumbprint(), token.dpop_key().unwrap().thumbprint());
    assert_eq!(read["expires_ms"].as_i64().unwrap() - read["requested_ms"].as_i64().unwrap(), 86_400_000);

    let ledger: Value = serde_json::from_slice(&fs::read(entry(&directory, "ledger")).unwrap()).unwrap();
    assert_eq!(
        (&ledger["format"], &ledger["failures"], &ledger["in_flight_since_ms"]),
        (&json!(1), &json!(0), &Value::Null)
    );
    assert_eq!(ledger["last_issue_ms"], read["requested_ms"]);

    let again = bytes(output["again"].as_str().unwrap());
    assert_ne!(again, record);
    fs::write(entry(&directory, "record"), again).unwrap();
    let found = Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap();
    assert_eq!(found.value(), token.value());
    assert_eq!(sandbox.token_requests(), 1);
}
