//! A cache that sends more than any response has.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::test_peers::{Authority, Peer};
use crate::{Client, Config, Status};

/// Far more than a client reads, and what lies in the buffers of the system besides.
const FLOOD_LENGTH: usize = 64 * 1024 * 1024;

/// Reads a command and sends a response without an end, until the client goes away.
fn flood(stream: &mut (impl Read + Write), beginning: &str, part: &str, ended: &AtomicUsize) {
    let _ = stream.read(&mut [0; 8192]);
    let many = part.repeat(64 * 1024 / part.len());
    let mut is_read = stream.write_all(beginning.as_bytes()).is_ok();
    for _ in 0..FLOOD_LENGTH / many.len() {
        is_read = is_read && stream.write_all(many.as_bytes()).is_ok();
    }
    assert!(!is_read, "the client reads everything");
    ended.fetch_add(1, SeqCst);
}

#[test]
fn response_without_an_end_is_read_up_to_a_limit() {
    let authority = Authority::new();
    let ended = Arc::new(AtomicUsize::new(0));
    let mut connections = 0;
    for (beginning, part) in [("-ERR ", "y"), ("$500000000\r\n", "x"), ("*1000000000\r\n", ":1\r\n")] {
        let (plain, secured) = (Arc::clone(&ended), Arc::clone(&ended));
        for (scheme, peer) in [
            ("redis", Peer::start(move |mut stream| flood(&mut stream, beginning, part, &plain))),
            (
                "rediss",
                Peer::secured(authority.server(|_| {}), move |mut stream| {
                    flood(&mut stream, beginning, part, &secured);
                }),
            ),
        ] {
            let mut config = Config::new();
            config.token_url("http://127.0.0.1:1/").client_id("id").client_secret("the-secret");
            config.username("name").password("the-password").total_timeout(Duration::from_secs(8));
            config.cache(format!("{scheme}://localhost:{}", peer.port)).cache_ca_file(&authority.ca_file);
            let error = Client::new(&config).unwrap().acquire().unwrap_err();
            assert_eq!(error.status(), Status::CacheUnavailable, "{error}");
            let expected =
                format!("localhost:{}: it sent more than 1 MiB without completing a response; check", peer.port);
            assert!(error.message().contains(&expected), "{error}");
            connections += peer.connections();
        }
    }
    for _ in 0..1_000 {
        if ended.load(SeqCst) == connections {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("connections are open after ten seconds");
}
