//! An authorization server on loopback, whose response depends on the path of the request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

/// The port of the server, which runs until the process ends.
pub static PORT: LazyLock<u16> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let port = listener.local_addr().expect("a bound socket").port();
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            thread::spawn(move || respond(stream));
        }
    });
    port
});

/// The paths that the server knows.
pub const PATHS: [&str; 10] =
    ["bearer", "dpop", "short", "slow", "nonce", "refused", "quota", "busy", "garbage", "close"];

fn respond(mut stream: TcpStream) {
    let Some(path) = request(&mut stream) else { return };
    let (status, headers, body) = match path.as_str() {
        "bearer" => ("200 OK", "", r#"{"access_token":"bearer-token","token_type":"Bearer","expires_in":86400}"#),
        "dpop" => ("200 OK", "DPoP-Nonce: nonce-1\r\n", r#"{"access_token":"dpop-token","token_type":"DPoP"}"#),
        "short" => ("200 OK", "", r#"{"access_token":"short-token","token_type":"Bearer","expires_in":1}"#),
        "slow" => {
            thread::sleep(Duration::from_millis(20));
            ("200 OK", "", r#"{"access_token":"slow-token","token_type":"Bearer","expires_in":300}"#)
        }
        "nonce" => ("400 Bad Request", "DPoP-Nonce: nonce-2\r\n", r#"{"error":"use_dpop_nonce"}"#),
        "refused" => {
            ("401 Unauthorized", "X-REQUEST-ID: 7\r\n", r#"{"error":"invalid_client","error_description":"no"}"#)
        }
        "quota" => ("400 Bad Request", "", r#"{"i18nKey":"limit","message":"you exceeded the daily rate limit"}"#),
        "busy" => ("503 Service Unavailable", "Retry-After: 1\r\n", "<html><title>busy</title></html>"),
        "garbage" => ("200 OK", "Date: never\r\n", "{\"access_token\": "),
        _ => return,
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    // A client may have given up.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// Reads a request, and returns its path without the slash.
fn request(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).ok().filter(|&length| length > 0)?;
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() >= announced.unwrap_or(0) {
            return Some(head.split(' ').nth(1)?.trim_start_matches('/').to_owned());
        }
    }
}
