//! Callers that are slow, wrong, or no programs of the user.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::process::Server;
use crate::support::World;

/// More than the server keeps open, and few enough for the limit of open files of a test.
const HALF_OPEN: usize = 600;

#[test]
fn page_in_a_browser_gets_nothing() {
    let world = World::new("serve-browser", &[]);
    for server in [Server::start(&world), Server::start_on_a_port(&world)] {
        let address = &server.address;
        for header in ["Origin: http://localhost", "Origin: null", "Sec-Fetch-Site: cross-site"] {
            assert_eq!(address.get("/token", &[header]).status(), 403, "{header}");
            assert_eq!(address.get("/healthz", &[header]).status(), 403, "{header}");
        }
        for host in ["evil.example", "evil.example:80", "localhost:1", "127.0.0.1", ""] {
            let response = address.send(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n"), &[], "");
            assert!(matches!(response.status(), 400 | 421), "{host}: {response:?}");
        }
        let absolute = "GET http://evil.example/token HTTP/1.1\r\nHost: localhost\r\n";
        assert_eq!(address.send(absolute, &[], "").status(), 421);
    }
    assert_eq!(world.sandbox.token_requests(), 0);
}

#[test]
fn connections_that_send_half_a_request_keep_nobody_out() {
    let world = World::new("serve-half-open", &[]);
    let parts: [&[u8]; 3] = [
        b"",
        b"GET /token HTTP/1.1\r\nHost: loc",
        b"POST /headers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ];
    // On a port the last one would be refused at once, because it has no bearer.
    for (server, parts) in [(Server::start(&world), &parts[..]), (Server::start_on_a_port(&world), &parts[..2])] {
        let mut open = Vec::new();
        for number in 0..HALF_OPEN {
            let mut stream = server.address.connect();
            // The server may have closed it.
            let _ = stream.write_all(parts[number % parts.len()]);
            open.push(stream);
        }
        let start = Instant::now();
        assert_eq!(server.address.get("/healthz", &[]).status(), 200);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let closed = open[0].read(&mut [0; 1]);
        let is_closed = closed.is_ok_and(|length| length == 0);
        assert!(is_closed, "the oldest connection made room");
    }
}

#[test]
fn caller_that_waits_for_a_token_is_not_closed_for_others() {
    let world = World::new("serve-busy", &[]);
    world.sandbox.hold();
    let server = Server::start(&world);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.address.get("/token", &[]));
        world.sandbox.wait_for("token_requests", 1);
        let open: Vec<_> = (0..HALF_OPEN).map(|_| server.address.connect()).collect();
        assert_eq!(server.address.get("/healthz", &[]).status(), 200);
        world.sandbox.release();
        assert_eq!(waiting.join().unwrap().status(), 200);
        drop(open);
    });
}

#[test]
fn request_that_is_too_long_or_wrong_is_refused() {
    let world = World::new("serve-wrong", &[]);
    let server = Server::start(&world);
    let address = &server.address;
    assert!(matches!(address.post("/headers", &"x".repeat(300_000)).status(), 413 | 0));
    for body in ["", "[]", "{", "{\"method\":\"GET\"}", "{\"method\":1,\"url\":\"x\"}"] {
        assert_eq!(address.post("/headers", body).status(), 400, "{body}");
    }
    let long = format!("X: {}", "x".repeat(400_000));
    assert!(matches!(address.get("/token", &[&long]).status(), 431 | 0));
    for (method, path, expected) in
        [("POST", "/token", 405), ("GET", "/headers", 405), ("GET", "/", 404), ("PUT", "/healthz", 405)]
    {
        let response = address.send(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n"), &[], "");
        assert_eq!(response.status(), expected, "{method} {path}");
    }
    assert_eq!(address.send("GET /token HTTP/1.0\r\nHost: localhost\r\n", &[], "").status(), 505);
    assert_eq!(world.sandbox.token_requests(), 0);
}
