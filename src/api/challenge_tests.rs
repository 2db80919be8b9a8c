use http_auth::parser::ChallengeParser;
use proptest::prelude::*;

use super::*;

fn read(header: &str) -> Option<Refusal> {
    Challenges::read(header).refusal
}

fn error(header: &str) -> Option<String> {
    read(header).map(|refusal| refusal.error)
}

#[test]
fn refusals_of_the_rfcs_are_read() {
    for (header, expected) in [
        (
            r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof""#,
            "use_dpop_nonce",
        ),
        (r#"DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256""#, "invalid_token"),
        (
            r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
            "invalid_token",
        ),
        (r#"Bearer, DPoP algs="ES256 PS256", error="use_dpop_nonce""#, "use_dpop_nonce"),
        (r#"Bearer error="invalid_token", DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
        ("dpop ERROR=use_dpop_nonce", "use_dpop_nonce"),
        (r#"Bearer error="invalid_token", error_description="Jeton expiré""#, "invalid_token"),
        (r#"Negotiate YII==, DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
        (r#"Negotiate a/b+c, DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
        (r#"Basic realm="é, \" x", DPoP error="use_dpop_nonce""#, "use_dpop_nonce"),
        (r#"Digest realm="a, b", nonce="c", DPoP error="invalid_dpop_proof""#, "invalid_dpop_proof"),
        // Several blanks, tabs, blanks around the equals sign, empty elements.
        (r#"Bearer  error="invalid_token""#, "invalid_token"),
        ("Bearer   \t realm = \"x\" ,\terror\t=\t\"invalid_token\" ", "invalid_token"),
        (r#", Bearer error="invalid_token""#, "invalid_token"),
        (r#" , ,, Bearer , , error="invalid_token", ,"#, "invalid_token"),
        // The reason is in the second challenge of a scheme.
        (r#"Bearer realm="a", Bearer realm="b", error="invalid_token""#, "invalid_token"),
        ("Bearer, Bearer error=invalid_token", "invalid_token"),
        (r#"Bearer error="invalid_token", Bearer error="insufficient_scope""#, "invalid_token"),
    ] {
        let challenges = Challenges::read(header);
        assert_eq!(challenges.refusal.map(|refusal| refusal.error).as_deref(), Some(expected), "{header}");
        assert!(challenges.is_valid, "{header}");
    }
    let described = read(r#"DPoP error="x", error_description="say \"nonce\", é""#).unwrap();
    assert_eq!(described.description.as_deref(), Some(r#"say "nonce", é"#));
}

#[test]
fn error_of_an_invalid_header_is_read_where_it_can_be_found() {
    for (header, description) in [
        (r#"Bearer realm="x" error="invalid_token""#, None),
        (r#"Bearer realm="x"error="invalid_token"error_description="no""#, Some("no")),
        (r#"Bearer realm="x"; error="invalid_token"; error_description="a; b""#, Some("a; b")),
        (r#"Bearer, error="invalid_token", error_description="no""#, Some("no")),
        (r#"Basic realm="x" Bearer error="invalid_token""#, None),
        (r#"Negotiate Bearer error="invalid_token""#, None),
        ("Bearer error='invalid_token', error_description='No, it expired'", Some("No, it expired")),
        ("Bearer error=invalid_token, error_description=The access token expired", Some("The")),
        ("Bearer error_description=The access token expired, error=invalid_token", Some("The")),
        (
            r#"Bearer error_description="The "aud" claim is wrong", error="invalid_token""#,
            Some(r#"The "aud" claim is wrong"#),
        ),
        (
            r#"Bearer error_description="expected "a", "b", or "c"", error="invalid_token""#,
            Some(r#"expected "a", "b", or "c""#),
        ),
        (r#"Bearer error_description="say "hi", please do", error="invalid_token""#, Some(r#"say "hi", please do"#)),
        (
            r#"Bearer error_description="one "aud" claim, or more", error="invalid_token""#,
            Some(r#"one "aud" claim, or more"#),
        ),
        (r#"Bearer error_description="no "aud=x" here", error="invalid_token""#, Some(r#"no "aud=x" here"#)),
        (r#"Bearer error_description="set "a"="b" first", error="invalid_token""#, Some(r#"set "a"="b" first"#)),
        (r#"Bearer error_description="set "a" = "b" first", error="invalid_token""#, Some(r#"set "a" = "b" first"#)),
        (r#"Bearer error_description="the "aud" claim is=x", error="invalid_token""#, Some(r#"the "aud" claim is=x"#)),
        (
            r#"Bearer error_description="no "good" Bearer token", error="invalid_token""#,
            Some(r#"no "good" Bearer token"#),
        ),
        (r#"Bearer error_description="not "a", b/c, d", error="invalid_token""#, Some(r#"not "a", b/c, d"#)),
        (r#"Bearer error="invalid_token", error_description="cut o"#, Some("cut o")),
        (r#"Bearer error=invalid_token", error_description="no""#, Some("no")),
        (r#"Bearer error="invalid_token", error="invalid_token""#, None),
        (r#"Bearer "x", error="invalid_token""#, None),
        (r#"Bearer realm=x, =, error="invalid_token""#, None),
    ] {
        let expected = Refusal { error: "invalid_token".into(), description: description.map(Into::into) };
        assert_eq!(read(header), Some(expected), "{header}");
    }
}

#[test]
fn apostrophe_that_nothing_closes_belongs_to_the_value() {
    for value in ["'", "'a", "'ab", "'abc", "a'b"] {
        assert_eq!(error(&format!("DPoP error={value}")).as_deref(), Some(value));
        assert_eq!(error(&format!("DPoP error={value} it's")).as_deref(), Some(value));
    }
}

/// Headers in which no error may be found.
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
        "Basic realm=\"x\" error=\"use_dpop_nonce\"",
        "Basic, error=\"use_dpop_nonce\", Bearer",
        "Basic realm=send a Bearer token, error=invalid_token",
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

#[test]
fn header_is_valid_or_not() {
    for valid in ["", ",", "Basic realm=\"x\"", "Negotiate", "Negotiate YII==, NTLM", "Bearer realm=\"x\", scope=\"y\""]
    {
        assert!(Challenges::read(valid).is_valid, "{valid}");
    }
    for invalid in [
        "=",
        "\"",
        "error=x",
        "Bearer realm=\"x",
        "Bearer realm=\"x\" scope=\"y\"",
        "Basic realm=\"x\" Bearer realm=\"y\"",
        "Bearer realm=a b",
        "Bearer error=a, error=b",
        "Bearer realm=ü",
        "Bearer realm=\"a \"b\" c\"",
        "Bearer {\"error\":\"x\"}",
    ] {
        assert!(!Challenges::read(invalid).is_valid, "{invalid}");
    }
}

#[test]
fn header_is_read_up_to_64_kib() {
    let header = |blanks: usize| format!("Bearer {}error=\"invalid_token\"", " ".repeat(blanks));
    let read = Challenges::read(&header(65_536 - 28));
    assert!(read.refusal.is_some() && read.is_valid);
    let cut = Challenges::read(&header(65_536 - 27));
    assert!(cut.refusal.is_none() && !cut.is_valid);
    let wide = format!("Bearer error=invalid_token, error_description=\"{}\"", "é".repeat(MAX_LENGTH));
    assert_eq!(error(&wide).as_deref(), Some("invalid_token"));
}

/// The time of a parser is counted in the bytes that it looks at.
#[test]
fn time_grows_linearly_with_the_header() {
    let steps = |header: &str| {
        let mut cursor = Cursor::new(header);
        Reader::default().read(&mut cursor);
        cursor.steps.get()
    };
    for pattern in [
        ", ",
        ",",
        "=",
        "\"",
        "\\",
        "'",
        "\\\"",
        "a",
        "a ",
        "a=",
        "a=b ",
        "a=\"",
        "\" ",
        "\",",
        "\", a ",
        "\" a ",
        "\"a=",
        "a='",
        "'a",
        "='a, ",
        "x=' a=",
        "Bearer ",
        "Bearer a",
        "Bearer a=\"b\" ",
        "\" Bearer ",
        "DPoP=",
        "é",
        "é\"",
        ";",
        "\t\"",
        "'a=' ",
        "a=''",
        "a='b ",
    ] {
        for (start, end) in [("", ""), ("Bearer error=\"", "\""), ("Bearer a='", ""), ("Bearer a=\"b\" ", "\"")] {
            let header = |length: usize| format!("{start}{}{end}", pattern.repeat(length / pattern.len()));
            let (small, large) = (steps(&header(MAX_LENGTH / 8)), steps(&header(MAX_LENGTH)));
            assert!(large <= 9 * small + 100 && large < 10 * MAX_LENGTH, "{start}{pattern}: {small}, then {large}");
        }
    }
}

/// Returns the refusal that the parser of valid headers finds.
fn read_by_the_library(header: &str) -> Option<Refusal> {
    let challenges: Vec<_> = ChallengeParser::new(header).collect::<Result<_, _>>().expect("the header is valid");
    ["DPoP", "Bearer"].into_iter().find_map(|scheme| {
        let mut same = challenges.iter().filter(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme));
        same.find_map(|challenge| {
            let parameter = |name: &str| {
                let mut found = challenge.params.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
                found.next().map(|(_, value)| value.to_unescaped())
            };
            Some(Refusal { error: parameter("error")?, description: parameter("error_description") })
        })
    })
}

/// Returns valid headers, in the part of the grammar that both parsers accept. No parameter occurs twice.
fn any_valid_header() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["error", "ERROR_DESCRIPTION", "realm", "scope", "algs"]);
    let quoted = "[ -~]{1,12}".prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
    let value = prop_oneof!["[!#$%&*+.^_`|~0-9A-Za-z-]{1,8}", quoted];
    let equals = prop::sample::select(vec!["=", " = ", "\t="]);
    let comma = prop::sample::select(vec![",", ", ", " ,\t", ", , ,"]);
    let parameters = prop::collection::btree_map(name, (equals, value, comma.clone()), 0..4);
    let scheme = prop::sample::select(vec!["Bearer", "DPoP", "bearer", "Basic", "Digest", "DPoP2", "x!"]);
    let challenge = (scheme, parameters, comma).prop_map(|(scheme, parameters, comma)| {
        let mut header = scheme.to_owned();
        for (index, (name, (equals, value, comma))) in parameters.into_iter().enumerate() {
            header.push_str(if index == 0 { " " } else { comma });
            header.extend([name, equals, &value]);
        }
        (header, comma)
    });
    prop::collection::vec(challenge, 1..4).prop_map(|challenges| {
        let mut header = String::new();
        for (challenge, comma) in challenges {
            header.push_str(if header.is_empty() { "" } else { comma });
            header.push_str(&challenge);
        }
        header
    })
}

proptest! {
    #[test]
    fn no_header_makes_the_parser_panic(
        header in "\\PC{0,80}|[DPoPBearr\",'=;\\\\ \t\r\nü]{0,60}|((Bearer|DPoP|error|a| |,|=|\"|'|\\\\){0,20})",
    ) {
        let _ = read(&header);
    }

    #[test]
    fn valid_header_is_read_as_by_the_library(header in any_valid_header()) {
        let challenges = Challenges::read(&header);
        prop_assert_eq!(challenges.refusal, read_by_the_library(&header));
        prop_assert!(challenges.is_valid);
    }

    #[test]
    fn challenge_of_another_scheme_never_counts(
        scheme in "[A-Za-z!~-]{1,8}", before in ".{0,20}", code in "[a-z_]{1,20}",
    ) {
        prop_assume!(Scheme::of(&scheme) == Scheme::Other);
        let quoted = before.replace('\\', "\\\\").replace('"', "\\\"");
        for separator in [", ", " "] {
            let header = format!("{scheme} realm=\"{quoted}\"{separator}error=\"{code}\"");
            prop_assert_eq!(read(&header), None, "{}", header);
        }
    }

    #[test]
    fn challenge_is_found_among_others(before in prop::sample::select(vec!["", "Basic realm=\"x\", ", "Bearer, "]),
        error_code in "[a-z_]{1,20}", description in "[ -~]{0,20}") {
        let quoted = description.replace('\\', "\\\\").replace('"', "\\\"");
        let header = format!("{before}DPoP error=\"{error_code}\", error_description=\"{quoted}\"");
        prop_assert_eq!(read(&header), Some(Refusal { error: error_code, description: Some(description) }));
    }
}
