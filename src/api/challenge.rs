//! `WWW-Authenticate` (RFC 9110 section 11.6.1): the reason why an API rejects a token or a proof.

use http_auth::parser::ChallengeParser;

/// The reason of a 401 response, with the error codes of RFC 6750 section 3.1 and RFC 9449 section 7.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub error: String,
    pub description: Option<String>,
}

/// Returns the refusal in the challenges of all headers, joined by commas: that of a DPoP challenge if there is one
/// with an error, else that of a Bearer challenge. Other schemes and malformed challenges are ignored.
pub(crate) fn refusal(www_authenticate: &str) -> Option<Refusal> {
    // Quoted strings may contain non-ASCII characters (RFC 9110 section 5.6.4), which the parser does not accept.
    let header = www_authenticate.replace(|letter: char| !letter.is_ascii(), "?");
    let of = |scheme: &str| challenge_starts(&header).find_map(|rest| refusal_at(rest, scheme));
    of("DPoP").or_else(|| of("Bearer"))
}

/// Returns each place where a challenge can begin: the start, and after each comma outside of quotes.
fn challenge_starts(header: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let commas = header.match_indices(move |c: char| {
        let ends_here = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        ends_here
    });
    std::iter::once(header).chain(commas.map(|(comma, _)| &header[comma + 1..]))
}

/// Returns the refusal in the first challenge, if it has this scheme.
fn refusal_at(rest: &str, scheme: &str) -> Option<Refusal> {
    let challenge = ChallengeParser::new(rest.trim_start()).next()?.ok()?;
    if !challenge.scheme.eq_ignore_ascii_case(scheme) {
        return None;
    }
    let parameter = |name: &str| {
        let mut same = challenge.params.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        // A parameter that occurs twice is invalid (RFC 9110 section 11.2).
        same.next().filter(|_| same.next().is_none()).map(|(_, value)| value.to_unescaped())
    };
    Some(Refusal { error: parameter("error")?, description: parameter("error_description") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(header: &str) -> Option<String> {
        refusal(header).map(|refusal| refusal.error)
    }

    #[test]
    fn refusals_of_the_rfcs_are_read() {
        for (header, expected) in [
            (
                r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof""#,
                "use_dpop_nonce",
            ),
            (
                r#"DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256""#,
                "invalid_token",
            ),
            (
                r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
                "invalid_token",
            ),
            (r#"Bearer, DPoP algs="ES256 PS256", error="use_dpop_nonce""#, "use_dpop_nonce"),
            (r#"Bearer error="invalid_token", DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
            ("dpop ERROR=use_dpop_nonce", "use_dpop_nonce"),
            (r#"Bearer error="invalid_token", error_description="Jeton expiré""#, "invalid_token"),
            (r#"Negotiate YII==, DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
            (r#"Basic realm="é, \" x", DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
            (r#"Digest realm="a, b", nonce="c", DPoP error="invalid_dpop_proof""#, "invalid_dpop_proof"),
        ] {
            assert_eq!(error(header).as_deref(), Some(expected), "{header}");
        }
        let described = refusal(r#"DPoP error="x", error_description="say \"nonce\"""#).unwrap();
        assert_eq!(described.description.as_deref(), Some(r#"say "nonce""#));
    }

    /// Forty malformed or misleading headers, in which no error may be found.
    #[test]
    fn malformed_headers_contain_no_refusal() {
        for header in [
            "",
            " ",
            ",",
            ",,,",
            "=",
            "\"",
            "DPoP",
            "DPoP ",
            "DPoP,",
            "DPoP ,",
            "DPoP =",
            "DPoP error",
            "DPoP error=",
            "DPoP error=\"",
            "DPoP error=\"use_dpop_nonce",
            "DPoP error=\"use_dpop_nonce\\",
            "DPoP error='use_dpop_nonce",
            "DPoPerror=use_dpop_nonce",
            "error=\"use_dpop_nonce\"",
            "error=use_dpop_nonce",
            "Basic error=\"use_dpop_nonce\"",
            "Basic realm=\"DPoP error=use_dpop_nonce\"",
            "DPoP x=\"error=use_dpop_nonce\"",
            "DPoP-error use_dpop_nonce",
            "DPoP error=a, error=b",
            "DPoP error=\"a\", ERROR=\"b\"",
            "Bearer error=a, error=use_dpop_nonce",
            "DPoP\terror",
            "DPoP\0error=\"use_dpop_nonce\"",
            "DPoP error\0=\"x\"",
            "\u{feff}DPoP error=x",
            "ДPoP error=\"x\"",
            "DPoP errör=\"use_dpop_nonce\"",
            "DPoP error:use_dpop_nonce",
            "DPoP {\"error\":\"use_dpop_nonce\"}",
            "Negotiate YII==",
            "NTLM",
            "DPoP nonce=\"abc\"",
            "DPoP algs=\"ES256\"",
            "Bearer realm=\"x\", scope=\"y\"",
        ] {
            let known = ["use_dpop_nonce", "invalid_token", "invalid_dpop_proof"];
            assert!(error(header).is_none_or(|code| !known.contains(&code.as_str())), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in "\\PC{0,80}|[DPoPBearr\",=\\\\ \t\r\n]{0,60}") {
            let _ = refusal(&header);
        }

        #[test]
        fn challenge_is_found_among_others(before in prop::sample::select(vec!["", "Basic realm=\"x\", ", "Bearer, "]),
            error_code in "[a-z_]{1,20}", description in "[ -~]{0,20}") {
            let quoted = description.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("{before}DPoP error=\"{error_code}\", error_description=\"{quoted}\"");
            prop_assert_eq!(refusal(&header), Some(Refusal { error: error_code, description: Some(description) }));
        }
    }
}
