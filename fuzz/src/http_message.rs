//! Responses as text: a status line, headers, an empty line, and the body.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Reads a response. What is wrong with its head is left out.
pub fn read(data: &[u8]) -> (u16, HeaderMap, &[u8]) {
    let (head, body) = match data.windows(2).position(|window| window == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (&b""[..], data),
    };
    let mut lines = head.split(|&byte| byte == b'\n');
    let status = lines.next().and_then(status).unwrap_or(200);
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            headers.append(name, value);
        }
    }
    (status, headers, body)
}

fn status(line: &[u8]) -> Option<u16> {
    let word = line.split(|&byte| byte == b' ').nth(1)?;
    str::from_utf8(word).ok()?.parse().ok().filter(|status| (200..1000).contains(status))
}
