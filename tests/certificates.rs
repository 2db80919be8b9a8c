//! When certificates are read: for each connection, and only then.

mod support;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use support::fresh_directory;
use support::redis::Redis;
use support::sandbox::Sandbox;
use tango_token::{Client, Config, Status};

/// Copies the authority of a server, for a test to change.
fn authority_of(sandbox: &Sandbox, name: &str) -> PathBuf {
    let path = fresh_directory(name).join("authority.pem");
    std::fs::copy(sandbox.variable("TANGO_CA_FILE"), &path).unwrap();
    path
}

fn with_directory(sandbox: &Sandbox, directory: &Path, ca_file: &Path) -> Config {
    let mut config = sandbox.config();
    config.cache(format!("file:{}", directory.display())).ca_file(ca_file);
    config
}

#[test]
fn replaced_authority_is_used_by_the_next_connection() {
    let (old, new) = (Sandbox::start(&[]), Sandbox::start(&[]));
    let authority = authority_of(&old, "replaced-authority");
    let mut config = new.config();
    config.ca_file(&authority);
    let client = Client::new(&config).unwrap();
    let error = client.acquire().unwrap_err();
    assert_eq!(error.status(), Status::TlsFailed, "{error}");

    std::fs::copy(new.variable("TANGO_CA_FILE"), &authority).unwrap();
    // Waiting does not correct a file, so the error names no time; the first back-off is at most a second.
    assert_eq!(error.retry_after(), None);
    thread::sleep(Duration::from_secs(1));
    client.acquire().unwrap();
}

#[test]
fn client_that_finds_its_token_in_the_cache_reads_no_certificate() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("token-without-certificates");
    let authority = authority_of(&sandbox, "removed-authority");
    let config = with_directory(&sandbox, &directory, &authority);
    let first = Client::new(&config).unwrap().acquire().unwrap();
    let second = Client::new(&config).unwrap();
    let third = Client::new(&with_directory(&sandbox, &fresh_directory("no-token"), &authority)).unwrap();
    std::fs::remove_file(&authority).unwrap();

    assert_eq!(second.acquire().unwrap().value(), first.value());
    let error = third.acquire().unwrap_err();
    assert_eq!(error.status(), Status::InvalidConfiguration, "{error}");
    assert!(error.message().starts_with(&format!("ca_file {}: ", authority.display())), "{error}");
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn file_of_authorities_that_cannot_be_used_is_an_error_when_the_client_is_made() {
    let sandbox = Sandbox::start(&[]);
    let path = fresh_directory("unusable-authority").join("authority.pem");
    for content in ["", "no certificate"] {
        std::fs::write(&path, content).unwrap();
        let mut config = sandbox.config();
        config.ca_file(&path).cache("rediss://127.0.0.1:1").cache_ca_file(&path);
        let error = Client::new(&config).err().unwrap();
        assert_eq!(error.status(), Status::InvalidConfiguration);
        for option in ["ca_file", "cache_ca_file"] {
            assert!(error.message().contains(&format!("{option} {}: ", path.display())), "{error}");
        }
    }
}

#[test]
fn replaced_authority_of_the_cache_is_used_by_the_next_connection() {
    let (sandbox, redis) = (Sandbox::start(&[]), Redis::start_with_tls_and_a_user("replaced:"));
    let authority = authority_of(&sandbox, "replaced-cache-authority");
    let variables = redis.variables("replaced:");
    let [(_, cache), (_, right_authority)] = variables.as_slice() else { panic!("{variables:?}") };
    let mut config = sandbox.config();
    config.cache(cache.as_str()).cache_ca_file(&authority);
    let client = Client::new(&config).unwrap();
    let error = client.acquire().unwrap_err();
    assert_eq!(error.status(), Status::CacheUnavailable, "{error}");

    std::fs::copy(right_authority, &authority).unwrap();
    thread::sleep(error.retry_after().unwrap());
    client.acquire().unwrap();
    assert_eq!(redis.keys("replaced:").len(), 2, "the token and the ledger");
}
