use http::StatusCode;
use http::header::HeaderMap;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dpop::{Algorithm, Binding};
use crate::endpoint::outcome;
use crate::secret::Redactor;

const DAY: Duration = Duration::from_secs(86_400);

pub(in crate::endpoint) fn context(redactor: &Redactor) -> RequestContext<'_> {
    let (server, scope) = ("auth.example:443", "requested.scope");
    RequestContext { server, scope, documented_lifetime: DAY, binding: None, redactor }
}

fn read_with(body: &[u8], binding: Option<&Binding>) -> Result<TokenResponse, Failure> {
    let redactor = Redactor::new([]);
    let context = RequestContext { binding, ..context(&redactor) };
    outcome::read(StatusCode::OK, &HeaderMap::new(), body, 0, &context)
}

fn read(body: impl AsRef<[u8]>) -> Result<TokenResponse, Failure> {
    read_with(body.as_ref(), None)
}

fn with(name: &str, value: Value) -> Result<TokenResponse, Failure> {
    let mut body = json!({"access_token": "abc", "scope": "raas.all", "expires_in": 60, "token_type": "Bearer"});
    body[name] = value;
    read(body.to_string())
}

fn is_malformed(result: Result<TokenResponse, Failure>) -> bool {
    result.is_err_and(|failure| failure.error.status() == Status::MalformedResponse)
}

#[test]
fn documented_response_is_read() {
    let response = with("added_some_day", json!({"x": [1]})).unwrap();
    assert_eq!(response.access_token.expose_secret(), "abc");
    assert_eq!((response.scope.as_str(), response.lifetime), ("raas.all", Duration::from_secs(60)));
}

#[test]
fn missing_fields_have_documented_defaults() {
    for body in [json!({"access_token": "abc", "token_type": "bEaReR"}), json!({"access_token": "abc"})] {
        let response = read(body.to_string()).unwrap();
        assert_eq!((response.scope.as_str(), response.lifetime), ("requested.scope", DAY));
    }
}

#[test]
fn token_with_an_unusable_optional_field_is_kept() {
    for (name, value) in [
        ("expires_in", json!("never")),
        ("expires_in", json!(-1)),
        ("expires_in", json!([])),
        ("scope", json!(5)),
        ("scope", json!("a\u{0}b")),
        ("token_type", Value::Null),
    ] {
        assert_eq!(with(name, value.clone()).unwrap().access_token.expose_secret(), "abc", "{name} {value}");
    }
}

#[test]
fn expired_token_is_refused() {
    assert!(is_malformed(with("expires_in", json!(0))));
    assert!(is_malformed(with("expires_in", json!("0.0"))));
}

#[test]
fn token_that_no_header_can_contain_is_refused() {
    for value in [json!("a b"), json!("a\nb"), json!("a\u{0}"), json!("ä"), json!("a\u{7f}"), json!(1), json!(["a"])] {
        assert!(is_malformed(with("access_token", value.clone())), "{value}");
    }
    for value in [json!(""), json!(" \n"), Value::Null] {
        assert!(is_malformed(with("access_token", value.clone())), "{value}");
    }
}

#[test]
fn blanks_around_a_token_are_no_part_of_it() {
    for padded in [" abc", "abc\r\n", "\t abc \n"] {
        assert_eq!(with("access_token", json!(padded)).unwrap().access_token.expose_secret(), "abc", "{padded:?}");
    }
}

#[test]
fn token_is_read_from_json_in_any_condition() {
    let json = r#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 60}"#;
    let utf16: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        format!("\u{feff}{json}").into_bytes(),
        format!("\r\n{json}\0").into_bytes(),
        format!("{json}\n<!-- took 3 ms -->").into_bytes(),
        utf16,
        br#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 60, "note": "caf\xe9"}"#.to_vec(),
        br#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 060, "x": NaN, /* y */}"#.to_vec(),
        br#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 60, "note": "\ud83d"}"#.to_vec(),
        br#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 60, "note": "cut o"#.to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let response = read(body).unwrap_or_else(|failure| panic!("{shown}: {}", failure.error));
        assert_eq!((response.access_token.expose_secret(), response.lifetime.as_secs()), ("abc", 60), "{shown}");
    }
}

#[test]
fn part_of_a_token_and_a_token_in_another_place_are_none() {
    for body in [
        r#"{"token_type": "Bearer", "access_token": "ab"#,
        r#"{"data": {"access_token": "abc", "token_type": "Bearer"}}"#,
        r#"[{"access_token": "abc", "token_type": "Bearer"}]"#,
        "access_token=abc&token_type=bearer",
        "\"abc\"",
        "abc",
        "",
    ] {
        assert!(is_malformed(read(body)), "{body}");
    }
}

#[test]
fn last_of_two_fields_with_one_name_counts() {
    let body = r#"{"access_token": "a", "access_token": "b", "token_type": "mac", "token_type": "Bearer"}"#;
    assert_eq!(read(body).unwrap().access_token.expose_secret(), "b");
}

#[test]
fn page_in_place_of_a_token_is_named() {
    let error = read("<!DOCTYPE html><title>hush-hush</title>").unwrap_err().error;
    assert_eq!(
        error.message(),
        "the response of the server auth.example:443 is an HTML page, perhaps from a proxy; check token_url"
    );
}

#[test]
fn bearer_token_is_kept_for_others_where_a_bound_one_is_required() {
    let key = DpopKey::generate(Algorithm::Es256).unwrap();
    let body = json!({"access_token": "opaque", "token_type": "Bearer"}).to_string();
    for required in [false, true] {
        let binding = Binding { key: key.clone(), required, is_configured: false };
        match read_with(body.as_bytes(), Some(&binding)) {
            Ok(response) => assert!(!required && response.proof_ignored && response.key.is_none()),
            Err(failure) => {
                assert!(required && failure.token.is_some_and(|token| token.proof_ignored));
                assert_eq!(failure.error.status(), Status::Downgraded);
            }
        }
    }
}

const PLANTED: &str = "planted-token";

/// Returns values of every JSON type, most of which contain the token.
fn any_value() -> impl Strategy<Value = Value> {
    let string = "[aé\n]{0,2}".prop_map(|rest| Value::from(format!("{PLANTED}{rest}")));
    prop_oneof![
        6 => string.clone(),
        1 => prop::collection::vec(string.clone(), 0..3).prop_map(Value::from),
        1 => string.prop_map(|string| json!({ PLANTED: string })),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => prop::sample::select(vec![json!(null), json!(true), json!(""), json!({}), json!("Bearer")]),
    ]
}

/// Returns responses with the token, of which one field was removed or replaced.
fn any_body_with_the_token() -> impl Strategy<Value = Value> {
    let field = prop::sample::select(vec!["access_token", "token_type", "expires_in", "scope"]);
    (field, prop::option::weighted(0.9, any_value())).prop_map(|(field, value)| {
        let mut body =
            json!({"access_token": PLANTED, "token_type": "Bearer", "expires_in": 60, "refresh_token": PLANTED});
        let fields = body.as_object_mut().unwrap();
        match value {
            Some(value) => fields.insert(field.into(), value),
            None => fields.remove(field),
        };
        body
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(body);
    }

    #[test]
    fn error_for_an_unusable_response_never_repeats_the_token(body in any_body_with_the_token(), cut in 0..200_usize) {
        let body = body.to_string();
        for body in [&body, &body[..body.floor_char_boundary(cut)]] {
            match read(body) {
                Ok(response) => prop_assert!(!response.scope.contains(PLANTED)),
                Err(Failure { error, .. }) => {
                    let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains(PLANTED), "{}", shown);
                }
            }
        }
    }

    #[test]
    fn accepted_token_can_be_written_into_a_header(token in ".{0,20}") {
        if let Ok(response) = with("access_token", json!(token)) {
            prop_assert!(http::header::HeaderValue::from_str(response.access_token.expose_secret()).is_ok());
        }
    }

    #[test]
    fn response_that_is_cut_off_has_the_whole_token_or_none(cut in 0..200_usize) {
        let body = json!({"access_token": PLANTED, "token_type": "Bearer", "expires_in": 86_400}).to_string();
        if let Ok(response) = read(&body[..cut.min(body.len())]) {
            prop_assert_eq!(response.access_token.expose_secret(), PLANTED);
            prop_assert_eq!(response.lifetime.as_secs(), 86_400);
        }
    }
}
