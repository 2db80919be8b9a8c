//! Checks docs/cache-format.md with an implementation that shares no code with this one.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::fresh_directory;
use support::python::output_of;
use support::sandbox::Sandbox;
use tango_token::{Client, Config, DpopKey, DpopMode, Status};

fn config(sandbox: &Sandbox, directory: &Path) -> Config {
    let mut config = sandbox.config();
    config.cache(format!("file:{}", directory.display())).dpop(DpopMode::Required);
    config
}

fn entry(directory: &Path, kind: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == kind)).unwrap()
}

fn ledger(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(entry(directory, "ledger")).unwrap()).unwrap()
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
    for (documented, kind) in [("name", "record"), ("ledger", "ledger"), ("lock", "lock")] {
        assert_eq!(output[documented], entry(&directory, kind).file_name().unwrap().to_str().unwrap());
    }
    let read = &output["record"];
    assert_eq!((read["access_token"].as_str(), read["token_type"].as_str()), (Some(token.value()), Some("DPoP")));
    assert_eq!(read["dpop_jkt"].as_str(), Some(token.dpop_key().unwrap().thumbprint()));
    let private_key =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", read["dpop_key"].as_str().unwrap());
    assert_eq!(DpopKey::from_pem(&private_key, None).unwrap().thumbprint(), token.dpop_key().unwrap().thumbprint());
    assert_eq!(read["expires_ms"].as_i64().unwrap() - read["requested_ms"].as_i64().unwrap(), 86_400_000);

    assert_eq!(read["proof_ignored"], false);

    let ledger = ledger(&directory);
    let section = &ledger["identities"][output["sections"]["required"].as_str().unwrap()];
    assert_eq!(
        (&ledger["format"], &section["failures"], &ledger["in_flight_since_ms"]),
        (&json!(2), &json!(0), &Value::Null)
    );
    assert_eq!((&ledger["last_issue_ms"], &section["last_issue_ms"]), (&read["requested_ms"], &read["requested_ms"]));

    let again = bytes(output["again"].as_str().unwrap());
    assert_ne!(again, record);
    fs::write(entry(&directory, "record"), again).unwrap();
    let found = Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap();
    assert_eq!(found.value(), token.value());
    assert_eq!(sandbox.token_requests(), 1);
}

/// What a later version or another identity of the client has written stays in the ledger.
#[test]
fn unknown_fields_and_sections_of_other_identities_are_written_back() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let directory = fresh_directory("cache-format-fields");
    Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap();
    let mut changed = ledger(&directory);
    changed["from_a_later_version"] = json!({"x": 1});
    changed["identities"]["another"] = json!({"failures": 3, "more": "y"});
    let own: Vec<_> =
        changed["identities"].as_object().unwrap().keys().cloned().filter(|key| key != "another").collect();
    changed["identities"][&own[0]]["more"] = json!("z");
    fs::write(entry(&directory, "ledger"), changed.to_string()).unwrap();
    fs::remove_file(entry(&directory, "record")).unwrap();

    Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap();
    let written = ledger(&directory);
    assert_eq!((written["issues"].as_u64(), sandbox.token_requests()), (Some(2), 2));
    assert_eq!(written["from_a_later_version"], json!({"x": 1}));
    assert_eq!(written["identities"]["another"], changed["identities"]["another"]);
    assert_eq!(written["identities"][&own[0]]["more"], "z");
}

/// A fleet in which some processes are older: their ledger holds a refusal by the daily limit.
#[test]
fn ledger_of_format_1_is_read() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("cache-format-1");
    Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap();
    let written = ledger(&directory);
    let now = written["changed_ms"].as_i64().unwrap();
    let old = json!({
        "format": 1, "clock": written["clock"], "changed_ms": now, "last_issue_ms": now, "issues": 1, "failures": 1,
        "cool_down_until_ms": now + 7_000_000, "failure": {"status": 8, "message": "the daily limit of tokens"},
    });
    fs::write(entry(&directory, "ledger"), old.to_string()).unwrap();
    fs::remove_file(entry(&directory, "record")).unwrap();
    let refused = Client::new(&config(&sandbox, &directory)).unwrap().acquire().unwrap_err();
    assert_eq!((refused.status(), sandbox.token_requests()), (Status::QuotaRefused, 1), "{refused}");
    assert!(refused.retry_after().unwrap().as_secs() > 6_900);
}
