use super::*;

fn shown(beginning: &[u8]) -> String {
    let url = Url::parse("http://localhost:22/oauth/token").unwrap();
    let failure = not_http(beginning, &url, &Redactor::new([]));
    assert_eq!((failure.error.status(), failure.kind), (Status::UnexpectedResponse, FailureKind::Refused));
    failure.error.message().to_owned()
}

#[test]
fn peer_without_http_is_told_as_such_with_its_first_line() {
    for (beginning, message) in [
        (
            &b"SSH-2.0-OpenSSH_9.2\r\nmore"[..],
            "what the server localhost:22 sent is not HTTP but `SSH-2.0-OpenSSH_9.2`; check",
        ),
        (
            b"220 mail.example ESMTP ready\r\n",
            "what the server localhost:22 sent is not HTTP but `220 mail.example ESMTP ready`;",
        ),
        (b"\xff\xfe\x00binary", "what the server localhost:22 sent is not HTTP; check"),
        (b"", "what the server localhost:22 sent is not HTTP; check"),
        (&[0x15, 3, 1, 0, 2, 2, 22], "the server localhost:22 expects TLS, and token_url is without"),
        (&[0, 0, 18, 4, 0, 0, 0, 0, 0], "the server localhost:22 speaks HTTP/2 only"),
    ] {
        let shown = shown(beginning);
        assert!(shown.starts_with(message), "{shown}");
    }
}

#[test]
fn first_line_that_may_have_a_token_is_not_shown() {
    for beginning in [
        &br#"{"access_token":"planted"}"#[..],
        b"client_secret=planted",
        b"the planted-token-with-many-characters",
        b"<planted/>",
    ] {
        assert!(!shown(beginning).contains("planted"));
    }
}
