//! Proxies between the library and its token endpoint: tunnels, and proxies that make none.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use support::fresh_directory;
use support::proxy::ConnectProxy;
use support::sandbox::Sandbox;
use support::socks::{Manner, SocksProxy};
use support::tls::TlsFront;
use tango_token::{Client, Config, Error, Status};

const OPEN: Manner = Manner { credentials: None, reply: 0 };
const LOCKED: Manner = Manner { credentials: Some(("user", "proxy-password")), reply: 0 };

/// Returns the error of a client that requests its token through this proxy, and checks that it names the proxy and no
/// secret, and that the server got no request.
fn failure(sandbox: &Sandbox, proxy: &str, change: impl FnOnce(&mut Config)) -> Error {
    let mut config = sandbox.config();
    config.proxy(proxy).connect_timeout(Duration::from_millis(500)).total_timeout(Duration::from_secs(2));
    change(&mut config);
    let error = Client::new(&config).unwrap().acquire().expect_err("no token comes through this proxy");
    let address = proxy.rsplit(['@', '/']).next().unwrap();
    let message = error.message();
    assert!(message.contains(&format!("proxy {address}")), "{address}: {message}");
    assert!(!message.contains("proxy-password"), "{message}");
    assert_eq!((sandbox.token_requests(), error.http_status()), (0, None), "{message}");
    error
}

fn unchanged(_: &mut Config) {}

#[test]
fn tunnel_to_a_name_or_an_address_works_as_a_direct_connection() {
    let sandbox = Sandbox::start(&[]);
    let (connect, socks) = (ConnectProxy::start(), SocksProxy::start(LOCKED));
    let path = sandbox.variable("TANGO_TOKEN_URL").split_once("localhost").unwrap().1;
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        for proxy in [
            connect.url("user", "password"),
            format!("socks5h://user:proxy-password@{}", socks.address()),
            format!("socks5://user:proxy-password@{}", socks.address()),
        ] {
            let mut config = sandbox.config();
            sandbox.reset();
            config.token_url(format!("https://{host}{path}")).proxy(proxy.as_str());
            let token = Client::new(&config).unwrap().acquire();
            assert!(token.is_ok(), "{host} through {proxy}: {}", token.err().unwrap());
        }
    }
    assert_eq!(connect.heads().len(), 3);
    let hosts = socks.hosts();
    let local = |host: &str| ["127.0.0.1", "[::1]"].contains(&host);
    assert!(hosts[0] == "localhost" && local(&hosts[1]), "socks5 resolves names, socks5h does not: {hosts:?}");
    assert_eq!(hosts[2..], ["127.0.0.1", "127.0.0.1", "[::1]", "[::1]"]);
}

#[test]
fn proxy_inside_tls_needs_a_trusted_certificate() {
    let sandbox = Sandbox::start(&[]);
    let proxy = ConnectProxy::start();
    let front = TlsFront::start("proxy-inside-tls", proxy.address().parse().unwrap());
    let url = format!("https://user:proxy-password@{}", front.address());
    let untrusted = failure(&sandbox, &url, unchanged);
    assert_eq!(untrusted.status(), Status::TlsFailed, "{untrusted}");
    let plain = failure(&sandbox, &format!("https://{}", proxy.address()), unchanged);
    assert!([Status::TlsFailed, Status::ConnectFailed].contains(&plain.status()), "{plain}");

    let mut config = sandbox.config();
    config.proxy(url).ca_file(both(&front.authority, sandbox.variable("TANGO_CA_FILE")));
    assert!(Client::new(&config).unwrap().acquire().is_ok());
    assert_eq!(proxy.heads().iter().filter(|head| head.starts_with("CONNECT localhost:")).count(), 1);
}

/// Makes a file of two authorities.
fn both(one: &Path, other: &str) -> PathBuf {
    let path = fresh_directory("both-authorities").join("authorities.pem");
    let read = |path: &dyn AsRef<std::path::Path>| std::fs::read_to_string(path).unwrap();
    std::fs::write(&path, read(&one) + &read(&other)).unwrap();
    path
}

#[test]
fn proxy_that_refuses_is_asked_once() {
    let sandbox = Sandbox::start(&[]);
    for (response, message) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"proxy-password\"\r\n\
               content-length: 14\r\n\r\nproxy-password"[..],
            "does not accept the user name and the password in proxy (HTTP 407)",
        ),
        (b"HTTP/1.0 407 No\r\n\r\n", "does not accept the user name and the password in proxy (HTTP 407)"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "does not allow a connection to localhost:"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "(HTTP 404) and may be another kind of server; check"),
        (b"HTTP/1.0 501 Unsupported method ('CONNECT')\r\n\r\n", "(HTTP 501) and may be another kind of server; check"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://portal.example/\r\n\r\n", "(HTTP 302)"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "is not HTTP"),
    ] {
        let proxy = ConnectProxy::responding(response);
        let error = failure(&sandbox, &proxy.url("user", "proxy-password"), unchanged);
        assert!(error.status() == Status::ConnectFailed && error.message().contains(message), "{error}");
        assert_eq!(proxy.heads().len(), 1, "{error}");
    }
}

#[test]
fn proxy_that_refuses_a_password_does_not_get_it_again_within_seconds() {
    let sandbox = Sandbox::start(&[]);
    let proxy = ConnectProxy::responding(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n");
    let error = failure(&sandbox, &proxy.url("user", "proxy-password"), unchanged);
    assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(10)), "{error:?}");
    let error = failure(&sandbox, &format!("http://{}", proxy.address()), unchanged);
    assert!(error.retry_after().is_some_and(|wait| wait <= Duration::from_secs(1)), "{error:?}");
}

#[test]
fn proxy_whose_tunnel_breaks_is_named() {
    let sandbox = Sandbox::start(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 1024];
            let _ = client.read(&mut head);
            let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
        }
    });
    let error = failure(&sandbox, &format!("http://user:proxy-password@{address}"), unchanged);
    assert_eq!(error.status(), Status::ConnectFailed, "{error}");
    assert!(error.message().starts_with("cannot connect to localhost:"), "{error}");
}

#[test]
fn proxy_that_wants_credentials_is_told_from_one_that_refuses_them() {
    let sandbox = Sandbox::start(&[]);
    let proxy = ConnectProxy::responding(b"HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n");
    let error = failure(&sandbox, &format!("http://{}", proxy.address()), unchanged);
    assert!(error.message().contains("wants a user name and a password (HTTP 407)"), "{error}");
    assert!(!proxy.heads()[0].to_lowercase().contains("proxy-authorization"));
}

#[test]
fn proxy_that_cannot_connect_is_asked_again() {
    let sandbox = Sandbox::start(&[]);
    for response in [
        &b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"[..],
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        b"HTTP/1.1 504 Gateway Timeout\r\n\r\n",
    ] {
        let proxy = ConnectProxy::responding(response);
        let error = failure(&sandbox, &proxy.url("user", "proxy-password"), unchanged);
        assert!(error.status() == Status::ConnectFailed, "{error}");
        assert!(error.message().contains("cannot connect to localhost:"), "{error}");
        assert!((2..=5).contains(&proxy.heads().len()), "{error}");
    }
}

#[test]
fn proxy_that_cannot_be_used_is_named_instead_of_the_server() {
    let sandbox = Sandbox::start(&[]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let error = failure(&sandbox, &format!("{scheme}://user:proxy-password@{closed}"), unchanged);
        assert!(error.message().starts_with("cannot connect to the proxy 127.0.0.1:"), "{error}");
        assert_eq!(error.status(), Status::ConnectFailed);
        let error = failure(&sandbox, &format!("{scheme}://no-such-proxy.invalid:3128"), unchanged);
        assert!(error.message().starts_with("cannot connect to the proxy no-such-proxy.invalid:3128: "), "{error}");
    }
}

#[test]
fn proxy_that_hangs_is_named_instead_of_the_server() {
    let sandbox = Sandbox::start(&[]);
    // Connections wait in its queue, and nothing ever responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let error = failure(&sandbox, &format!("{scheme}://user:proxy-password@{address}"), unchanged);
        assert_eq!(error.status(), Status::TimedOut, "{error}");
    }
    let in_all = |config: &mut Config| {
        config.connect_timeout(Duration::from_secs(60)).total_timeout(Duration::from_millis(300));
    };
    let error = failure(&sandbox, &format!("http://{address}"), in_all);
    assert_eq!(error.status(), Status::TimedOut, "{error}");
}

#[test]
fn refusal_of_a_socks_proxy_is_told() {
    let sandbox = Sandbox::start(&[]);
    for (manner, userinfo, message, times) in [
        (LOCKED, "user:wrong@", "does not accept the user name and the password in proxy", 0..=0),
        (LOCKED, "", "wants a user name and a password", 0..=0),
        (Manner { reply: 2, ..OPEN }, "", "does not allow a connection to localhost:", 1..=1),
        (Manner { reply: 5, ..OPEN }, "", "cannot connect to localhost:", 2..=5),
        (Manner { reply: 4, ..LOCKED }, "user:proxy-password@", "cannot connect to localhost:", 2..=5),
    ] {
        let proxy = SocksProxy::start(manner);
        let error = failure(&sandbox, &format!("socks5h://{userinfo}{}", proxy.address()), unchanged);
        assert!(error.status() == Status::ConnectFailed && error.message().contains(message), "{error}");
        assert!(times.contains(&proxy.hosts().len()), "{error}: {:?}", proxy.hosts());
    }
}

#[test]
fn proxy_that_forwards_requests_and_refuses_the_credentials_is_asked_once() {
    let sandbox = Sandbox::start(&[]);
    let proxy = ConnectProxy::responding(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n");
    let error = failure(&sandbox, &proxy.url("user", "proxy-password"), |config| {
        config.token_url("http://auth.example/oauth/token").allow_plain_http(true);
    });
    assert!(error.message().contains("does not accept the user name and the password in proxy"), "{error}");
    let heads = proxy.heads();
    let [head] = heads.as_slice() else { panic!("{heads:?}") };
    assert!(head.starts_with("POST http://auth.example/oauth/token HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic"), "{head}");
}
