//! Peers as they are: what a client gets from servers that are damaged, of another protocol, or not trusted. The
//! servers are real ones, and a client asks each for one token.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, SanType, date_time_ymd};
use rustls::{ServerConfig, version};

use crate::test_peers::{Authority, Peer, read_request};
use crate::{Client, Config, Error, Status, Token};

const JSON: &str = r#"{"access_token":"token-1","token_type":"Bearer","expires_in":86400}"#;
const QUOTA: &str = "Client id has exceeded the daily rate limit";

/// A client of one of the servers.
trait Clients {
    fn config(&self, scheme: &str) -> Config;
    fn acquire(&self) -> Result<Token, Error>;
    fn fails_once(&self, outcome: Result<Token, Error>, status: Status) -> String;
}

impl Clients for Peer {
    fn config(&self, scheme: &str) -> Config {
        let mut config = Config::new();
        config.token_url(format!("{scheme}://localhost:{}/oauth/token", self.port)).proxy("none");
        config.client_id("id").client_secret("the-secret").username("name").password("the-password");
        config.total_timeout(Duration::from_secs(8));
        config
    }

    fn acquire(&self) -> Result<Token, Error> {
        Client::new(&self.config("http")).unwrap().acquire()
    }

    /// Checks that one connection was made, and returns the message.
    fn fails_once(&self, outcome: Result<Token, Error>, status: Status) -> String {
        let error = outcome.map(|token| token.value().to_owned()).unwrap_err();
        assert_eq!((error.status(), self.connections()), (status, 1), "{error}");
        let message = error.message().to_owned();
        assert!(message.chars().all(|c| !c.is_control() && c != '\u{fffd}'), "{message}");
        message
    }
}

fn response(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")
}

fn compressed(status: u16, body: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    [head.into_bytes(), body].concat()
}

#[test]
fn token_of_a_server_that_is_not_quite_correct_is_used() {
    let length = JSON.len();
    let many = "x-gateway: value\r\n".repeat(150);
    for sent in [
        response(&format!("x-policy: one;\r\n  two;\r\n\tthree\r\ncontent-length: {length}\r\n"), JSON),
        response(&format!("x-policy : one\r\ncontent-length : {length}\r\n"), JSON),
        response(&format!("a line without a colon\r\ncontent-length: {length}\r\n"), JSON),
        response(&format!("{many}content-length: {length}\r\n"), JSON),
        response(&format!("content-length: {}\r\n", length + 2), JSON),
        response("transfer-encoding: chunked\r\n", &format!("{length:x}\r\n{JSON}\r\nzz\r\n")),
        response("transfer-encoding: chunked\r\n", &format!("{length:x}\r\n{JSON}")),
        response("connection: close\r\n", JSON),
        format!("HTTP/1.0 200\r\n\r\n{JSON}"),
    ] {
        let peer = Peer::sending(sent.clone());
        let outcome = peer.acquire().map(|token| token.value().to_owned());
        assert_eq!((outcome.as_deref().ok(), peer.connections()), (Some("token-1"), 1), "{outcome:?} after {sent}");
    }
}

#[test]
fn token_before_a_reset_is_used() {
    let peer = Peer::start(|mut stream| {
        // The rest of the request stays unread, so that closing resets the connection.
        stream.read_exact(&mut [0]).unwrap();
        thread::sleep(Duration::from_millis(200));
        stream.write_all(response("content-length: 500\r\n", JSON).as_bytes()).unwrap();
    });
    assert_eq!(peer.acquire().unwrap().value(), "token-1");
}

#[test]
fn token_is_used_although_its_body_never_ends() {
    let peer = Peer::start(|mut stream| {
        read_request(&mut stream);
        stream.write_all(response("content-length: 500\r\n", JSON).as_bytes()).unwrap();
        // Open until the client goes away.
        let _ = stream.read(&mut [0]);
    });
    assert_eq!((peer.acquire().unwrap().value(), peer.connections()), ("token-1", 1));
}

#[test]
fn compressed_responses_are_decoded_and_none_is_asked_for() {
    let (asked, seen) = std::sync::mpsc::channel();
    let peer = Peer::start(move |mut stream| {
        asked.send(read_request(&mut stream)).unwrap();
        stream.write_all(&compressed(200, JSON)).unwrap();
    });
    assert_eq!(peer.acquire().unwrap().value(), "token-1");
    assert!(seen.recv().unwrap().contains("\r\naccept-encoding: identity\r\n"));

    let refusing = Peer::sending(compressed(400, QUOTA));
    assert!(refusing.fails_once(refusing.acquire(), Status::QuotaRefused).contains(QUOTA));
}

#[test]
fn undecodable_coding_is_named_without_its_noise() {
    for (status, expected) in [(200, Status::MalformedResponse), (400, Status::RequestRefused)] {
        let mut sent = format!("HTTP/1.1 {status} X\r\ncontent-encoding: br\r\ncontent-length: 4\r\n\r\n").into_bytes();
        sent.extend([0x0b, 0x80, 0xff, 0x03]);
        let peer = Peer::sending(sent);
        let message = peer.fails_once(peer.acquire(), expected);
        assert!(message.contains("is compressed with br, although the request asked for no compression"), "{message}");
    }
}

#[test]
fn refusal_is_classified_by_what_arrived_of_its_body() {
    let quota = |head: &str, body: &str| format!("HTTP/1.1 400 Bad Request\r\n{head}\r\n{body}");
    let length = QUOTA.len();
    let long = format!("{QUOTA}{}", " ".repeat(100_000));
    for sent in [
        quota("content-length: 500\r\n", QUOTA),
        quota("transfer-encoding: chunked\r\n", &format!("{length:x}\r\n{QUOTA}\r\nzz\r\n")),
        quota(&format!("content-length: {}\r\n", long.len()), &long),
    ] {
        let peer = Peer::sending(sent);
        peer.fails_once(peer.acquire(), Status::QuotaRefused);
    }
}

#[test]
fn response_longer_than_the_limit_is_not_used() {
    let long = format!("{}{}", JSON, " ".repeat(70_000));
    for sent in [response(&format!("content-length: {}\r\n", long.len()), &long).into_bytes(), compressed(200, &long)] {
        let peer = Peer::sending(sent);
        let message = peer.fails_once(peer.acquire(), Status::MalformedResponse);
        assert!(message.contains("is longer than 64 KiB"), "{message}");
    }
}

#[test]
fn response_that_is_not_valid_http_is_not_requested_again() {
    let endless = "x-gateway: value\r\n".repeat(1_100);
    for (sent, part) in [
        (response("transfer-encoding: chunked\r\n", &format!("zz\r\n{JSON}\r\n0\r\n\r\n")), "a part of its body"),
        (response("content-length: 10\r\ncontent-length: 20\r\n", JSON), "contradicts another one"),
        (response("content-length: ten\r\n", JSON), "Content-Length is not a number"),
        (response(&endless, JSON), "has too many lines"),
        ("HTTP/1.1 abc\r\n\r\n".into(), "its status is not a number"),
    ] {
        let peer = Peer::sending(sent);
        let message = peer.fails_once(peer.acquire(), Status::UnexpectedResponse);
        assert!(message.contains("is not valid HTTP") && message.contains(part), "{message}");
    }
}

const FLOOD: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
/// Far more than a client reads, and what lies in the buffers of the system besides.
const FLOOD_LENGTH: usize = 64 * 1024 * 1024;

/// Reads a request and sends responses that announce another one, until the client goes away.
fn flood(stream: &mut (impl Read + Write), ended: &AtomicUsize) {
    let _ = stream.read(&mut [0; 8192]);
    let many = FLOOD.repeat(1_000);
    let is_read = (0..FLOOD_LENGTH / many.len()).all(|_| stream.write_all(many.as_bytes()).is_ok());
    assert!(!is_read, "the client reads everything");
    ended.fetch_add(1, SeqCst);
}

fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not happen within ten seconds");
}

#[test]
fn server_that_floods_is_read_up_to_a_limit_and_not_asked_again() {
    let authority = Authority::new();
    let ended = Arc::new(AtomicUsize::new(0));
    let (plain, secured) = (Arc::clone(&ended), Arc::clone(&ended));
    for (scheme, peer) in [
        ("http", Peer::start(move |mut stream| flood(&mut stream, &plain))),
        ("https", Peer::secured(authority.server(|_| {}), move |mut stream| flood(&mut stream, &secured))),
    ] {
        let outcome = Client::new(peer.config(scheme).ca_file(&authority.ca_file)).unwrap().acquire();
        let message = peer.fails_once(outcome, Status::UnexpectedResponse);
        assert!(
            message.contains("it sent more than 1 MiB without completing a response; check token_url"),
            "{message}"
        );
        assert!(message.contains("may have issued"), "{message}");
    }
    wait_until(|| ended.load(SeqCst) == 2);
}

#[test]
fn proxy_that_floods_is_read_up_to_a_limit() {
    let ended = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ended);
    let proxy = Peer::start(move |mut stream| flood(&mut stream, &counter));
    let mut config = proxy.config("https");
    config.token_url("https://auth.example/token").proxy(format!("http://localhost:{}", proxy.port));
    let message = proxy.fails_once(Client::new(&config).unwrap().acquire(), Status::ConnectFailed);
    assert!(message.contains("it sent more than 1 MiB without completing a response"), "{message}");
    assert!(message.starts_with(&format!("the proxy localhost:{}", proxy.port)), "{message}");
    wait_until(|| ended.load(SeqCst) == 1);
}

/// The limit is for one request, not for one connection, which is used again.
#[test]
fn connection_that_is_used_again_has_the_whole_limit_again() {
    let hints = FLOOD.repeat(700_000 / FLOOD.len());
    let peer = Peer::start(move |mut stream| {
        for (status, body) in [("503 X", ""), ("503 X", ""), ("200 OK", JSON)] {
            read_request(&mut stream);
            let length = body.len();
            let response = format!("{hints}HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    let outcome = peer.acquire().map(|token| token.value().to_owned());
    assert_eq!((outcome.as_deref().ok(), peer.connections()), (Some("token-1"), 1), "{outcome:?}");
}

#[test]
fn peer_without_http_is_named_and_not_asked_again() {
    for (sent, part) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "is not HTTP but `SSH-2.0-OpenSSH_9.2`"),
        (b"<html>hello</html>", "is not HTTP;"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "is not HTTP but `HTTP/2.0 200 OK`"),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", "speaks HTTP/2 only"),
        (b"\x15\x03\x01\0\x02\x02\x16", "expects TLS"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "is not HTTP but `PRI * HTTP/2.0`"),
        (b"\xde\xad\xbe\xef", "is not HTTP;"),
    ] {
        let peer = Peer::sending(sent);
        let message = peer.fails_once(peer.acquire(), Status::UnexpectedResponse);
        assert!(message.contains(part) && !message.contains("may have issued"), "{message}");
    }
}

#[test]
fn peer_that_speaks_first_is_no_http_server() {
    for pause in [0, 0, 0, 20] {
        let peer = Peer::start(move |mut stream| {
            thread::sleep(Duration::from_millis(pause));
            stream.write_all(b"220 mail.example ESMTP\r\n").unwrap();
            read_request(&mut stream);
        });
        let message = peer.fails_once(peer.acquire(), Status::UnexpectedResponse);
        assert!(message.contains("is not HTTP"), "{message}");
    }
}

#[test]
fn connection_that_closes_before_or_within_the_json_is_lost() {
    for sent in
        ["", "HTTP/1.1 200 OK\r\ncontent-", "HTTP/1.1 200 OK\r\ncontent-length: 70\r\n\r\n{\"access_token\":\"tok"]
    {
        let peer = Peer::sending(sent);
        let error = peer.acquire().unwrap_err();
        assert_eq!((error.status(), peer.connections()), (Status::ConnectionLost, 2), "{error}");
    }
}

fn acquire_securely(authority: &Authority, peer: &Peer) -> Result<Token, Error> {
    Client::new(peer.config("https").ca_file(&authority.ca_file)).unwrap().acquire()
}

/// A server with TLS that issues a token.
fn tls_peer(config: Arc<ServerConfig>) -> Peer {
    Peer::secured(config, |mut stream| {
        if read_request(&mut stream).is_empty() {
            // The alert, if there is one.
            let _ = stream.flush();
            let _ = stream.sock.shutdown(Shutdown::Write);
            let _ = stream.sock.read(&mut [0; 4096]);
        } else {
            let sent = response(&format!("content-length: {}\r\n", JSON.len()), JSON);
            stream.write_all(sent.as_bytes()).unwrap();
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    })
}

#[test]
fn trusted_server_issues_a_token() {
    let authority = Authority::new();
    assert_eq!(acquire_securely(&authority, &tls_peer(authority.server(|_| {}))).unwrap().value(), "token-1");
}

#[test]
fn server_that_requires_a_client_certificate_read_no_request() {
    let authority = Authority::new();
    for version in [&version::TLS13, &version::TLS12, &version::TLS13] {
        let peer = tls_peer(authority.strict_server(version));
        let message = peer.fails_once(acquire_securely(&authority, &peer), Status::TlsFailed);
        assert!(message.contains("requires a certificate of the client"), "{message}");
        assert!(!message.contains("may have issued"), "{message}");
    }
}

#[test]
fn untrusted_certificate_is_explained() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let peers = [
        (authority.server(|params| params.not_after = date_time_ymd(2020, 1, 2)), "expired on 2 Jan 2020 00:00 UTC"),
        (authority.server(|params| params.not_before = date_time_ymd(3020, 1, 2)), "not valid before 2 Jan 3020"),
        (
            authority
                .server(|params| params.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())]),
            "is for a.example, and not for localhost; check the host in token_url",
        ),
        (
            authority.server(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "uses the certificate of an authority as its own",
        ),
        (
            authority.server(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "is not made for servers",
        ),
        (stranger.server(|_| {}), "ca_file"),
    ];
    for (server, part) in peers {
        let peer = tls_peer(server);
        let message = peer.fails_once(acquire_securely(&authority, &peer), Status::TlsFailed);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn peers_that_speak_no_tls_or_refuse_the_handshake_are_explained() {
    let authority = Authority::new();
    let alert = |description: u8| vec![0x15, 3, 3, 0, 2, 2, description];
    for (sent, part) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "what it sent is not TLS, and may be plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "what it sent is not TLS"),
        (alert(40), "handshake_failure: it has no secure algorithm in common"),
        (alert(70), "protocol_version: it speaks neither TLS 1.2 nor 1.3"),
        (alert(112), "unrecognized_name: it does not know this host name"),
    ] {
        let peer = Peer::start(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(&sent).unwrap();
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0]);
        });
        let message = peer.fails_once(acquire_securely(&authority, &peer), Status::TlsFailed);
        assert!(message.contains(part), "{message}");
    }
}
