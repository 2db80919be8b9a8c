//! A cache that speaks no TLS, is not trusted, or refuses the handshake.

use std::io::{Read, Write};
use std::time::Duration;

use rustls::version;

use crate::test_peers::{Authority, Peer};
use crate::{Client, Config, Status};

/// Returns the message of a client whose cache is this server.
fn refusal(authority: &Authority, cache: &Peer, parameters: &str) -> String {
    let mut config = Config::new();
    config.token_url("http://127.0.0.1:1/").client_id("id").client_secret("the-secret");
    config.username("name").password("the-password").total_timeout(Duration::from_secs(8));
    config.cache(format!("rediss://localhost:{}{parameters}", cache.port)).cache_ca_file(&authority.ca_file);
    let error = Client::new(&config).unwrap().acquire().unwrap_err();
    assert_eq!(error.status(), Status::CacheUnavailable, "{error}");
    assert!(error.message().contains(&format!("localhost:{}: no secure connection: ", cache.port)), "{error}");
    error.message().to_owned()
}

#[test]
fn cache_that_is_not_trusted_or_has_no_tls_is_explained() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let untrusted = Peer::secured(stranger.server(|_| {}), |mut stream| drop(stream.flush()));
    for parameters in ["", "?cluster=true"] {
        let message = refusal(&authority, &untrusted, parameters);
        assert!(message.contains("cache_ca_file has to name a file"), "{message}");
    }

    let plain = Peer::start(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"-ERR Protocol error: unauthenticated multibulk length\r\n");
        let _ = stream.read(&mut [0]);
    });
    let message = refusal(&authority, &plain, "");
    assert!(message.contains("what it sent is not TLS") && message.contains("check the port in cache"), "{message}");
}

#[test]
fn cache_that_requires_a_client_certificate_says_so() {
    let authority = Authority::new();
    for version in [&version::TLS12, &version::TLS13, &version::TLS13, &version::TLS13] {
        let strict = Peer::secured(authority.strict_server(version), |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
        });
        let message = refusal(&authority, &strict, "");
        assert!(message.contains("requires a certificate of the client"), "{message}");
    }
}
