//! Comparison of URIs after normalisation by syntax and by scheme (RFC 3986 sections 6.2.2 and 6.2.3).

/// Returns the normal form of an absolute `http` or `https` URI without query and fragment, which `htu` has to be, and
/// `None` for every other string.
pub fn normalised(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    if rest.contains(|character: char| !character.is_ascii_graphic() || "?#\\\"<>^`{|}".contains(character)) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority_without(default_port, authority)?;
    let path = without_dot_segments(&with_plain_escapes(path)?);
    Some(format!("{scheme}://{authority}{path}"))
}

/// Returns the host in lower case, and the port unless it is the default.
fn authority_without(default_port: u16, authority: &str) -> Option<String> {
    // The colons of an IPv6 address are inside its brackets.
    let after_address = authority.rfind(']').unwrap_or(0);
    let colon = authority[after_address..].find(':').map_or(authority.len(), |colon| after_address + colon);
    let (host, port) = authority.split_at(colon);
    if host.is_empty() || host.contains('@') {
        return None;
    }
    let host = host.to_ascii_lowercase();
    match port.trim_start_matches(':') {
        "" if port.len() <= 1 => Some(host),
        digits if port.len() == digits.len() + 1 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port: u16 = digits.parse().ok()?;
            Some(if port == default_port { host } else { format!("{host}:{port}") })
        }
        _ => None,
    }
}

/// Writes escapes in upper case, and decodes those of unreserved characters. `%2F` is not a `/`.
fn with_plain_escapes(path: &str) -> Option<String> {
    let mut pieces = path.split('%');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let character = char::from(u8::from_str_radix(digits, 16).ok()?);
        if character.is_ascii_alphanumeric() || "-._~".contains(character) {
            plain.push(character);
        } else {
            plain.push('%');
            plain.push_str(&digits.to_ascii_uppercase());
        }
        plain.push_str(&piece[2..]);
    }
    Some(plain)
}

/// Removes dot segments (RFC 3986 section 5.2.4) from a path that is empty or begins with `/`. An empty path is `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let dots = matches!(segment, "." | "..");
        if segment == ".." {
            kept.pop();
        }
        if !dots {
            kept.push(segment);
        } else if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_uris_have_one_normal_form() {
        for (uri, normal) in [
            ("https://localhost:8443/oauth/token", "https://localhost:8443/oauth/token"),
            ("HTTPS://LocalHost:8443/oauth/Token", "https://localhost:8443/oauth/Token"),
            ("https://a.example:443/x", "https://a.example/x"),
            ("https://a.example:0443/x", "https://a.example/x"),
            ("https://a.example:/x", "https://a.example/x"),
            ("http://a.example:80/x", "http://a.example/x"),
            ("http://a.example:443/x", "http://a.example:443/x"),
            ("https://a.example", "https://a.example/"),
            ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
            ("https://[::1]:8443/", "https://[::1]:8443/"),
            ("https://a/%7euser/%e4%2f", "https://a/~user/%E4%2F"),
            ("https://a/b/./c/../d", "https://a/b/d"),
            ("https://a/../b/..", "https://a/"),
            ("https://a/b/.", "https://a/b/"),
            ("https://a/b/%2E%2e/c", "https://a/c"),
            ("https://a//b/", "https://a//b/"),
        ] {
            assert_eq!(normalised(uri).as_deref(), Some(normal), "{uri}");
        }
    }

    #[test]
    fn other_string_has_no_normal_form() {
        for uri in [
            "",
            "/oauth/token",
            "localhost/x",
            "ftp://a/x",
            "https:///x",
            "https://:443/x",
            "https://user@a/x",
            "https://a:b/x",
            "https://a:+1/x",
            "https://a::1/x",
            "https://a:70000/x",
            "https://a/x?y=1",
            "https://a/x#y",
            "https://a/x?",
            "https://a/x y",
            "https://a/ü",
            "https://a/%2",
            "https://a/%+1",
        ] {
            assert_eq!(normalised(uri), None, "{uri}");
        }
    }
}
