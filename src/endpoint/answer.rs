//! The successful answer (RFC 6749 section 5.1), read by hand: a parser's own error could repeat the token.

use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{Failure, refusal};
use crate::cause::Cause;
use crate::error::{Answer, Error, Status};
use crate::secret::Redactor;

/// What the server granted.
pub(crate) struct Issued {
    pub access_token: SecretString,
    pub scope: String,
    pub lifetime: Duration,
}

/// Lives of more than 136 years are taken for what they are, an error.
const LONGEST_LIFETIME: u64 = u32::MAX as u64;

pub(super) fn parse(body: &[u8], requested_scope: &str, documented: Duration) -> Result<Issued, &'static str> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else { return Err("is not a JSON object") };
    // First of all, so that it is zeroised whatever else is wrong.
    let access_token = match fields.remove("access_token") {
        Some(Value::String(token)) => SecretString::from(token),
        Some(_) => return Err("has an access_token that is no string"),
        None => return Err("has no access_token"),
    };
    // It is going to be written into a header: VCHAR only (RFC 6749 appendix A.12).
    match access_token.expose_secret() {
        "" => return Err("has an empty access_token"),
        token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return Err("has an access_token with characters that no header can carry");
        }
        _ => {}
    }
    check_token_type(&fields)?;
    let lifetime = lifetime(&fields)?.unwrap_or(documented);
    if lifetime.is_zero() {
        return Err("holds a token that has already expired");
    }
    let scope = match fields.remove("scope") {
        None | Some(Value::Null) => requested_scope.to_owned(),
        Some(Value::String(scope)) if !scope.contains(char::is_control) => scope,
        Some(_) => return Err("has a scope that is no plain text"),
    };
    Ok(Issued { access_token, scope, lifetime })
}

/// Matched without case; an unknown type must not be used (RFC 6749 section 7.1).
fn check_token_type(fields: &Map<String, Value>) -> Result<(), &'static str> {
    match fields.get("token_type").and_then(Value::as_str) {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("dpop") => Err("holds a DPoP token although no proof was sent"),
        Some(_) => Err("has an unknown token_type"),
        None => Err("has no token_type"),
    }
}

/// A non-negative integer, or a string of digits as in Tango's own examples.
fn lifetime(fields: &Map<String, Value>) -> Result<Option<Duration>, &'static str> {
    let seconds = match fields.get("expires_in") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
    };
    match seconds {
        Some(seconds) if seconds <= LONGEST_LIFETIME => Ok(Some(Duration::from_secs(seconds))),
        _ => Err("has an expires_in that is no number of seconds"),
    }
}

/// HTTP 200 without a usable token: one was probably issued, so that asking again at once could cost another.
pub(super) fn malformed(headers: &HeaderMap, problem: &str, redactor: &Redactor) -> Failure {
    let answer =
        Answer { http_status: Some(200), request_id: refusal::request_id(headers, redactor), ..Answer::default() };
    let message = format!("the server's answer {problem}; check that the token URL is right");
    Failure { error: Error::new(Status::MalformedAnswer, message).with_answer(answer), cause: Cause::Unreadable }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn parse_json(body: &Value) -> Result<Issued, &'static str> {
        parse(body.to_string().as_bytes(), "asked.for", DAY)
    }

    fn with(name: &str, value: Value) -> Result<Issued, &'static str> {
        let mut body = json!({"access_token": "abc", "scope": "raas.all", "expires_in": 60, "token_type": "Bearer"});
        body[name] = value;
        parse_json(&body)
    }

    #[test]
    fn the_documented_answer_is_read() {
        let issued = with("added_some_day", json!({"x": [1]})).unwrap();
        assert_eq!(issued.access_token.expose_secret(), "abc");
        assert_eq!((issued.scope.as_str(), issued.lifetime), ("raas.all", Duration::from_secs(60)));
    }

    #[test]
    fn what_is_missing_has_the_documented_value() {
        let issued = parse_json(&json!({"access_token": "abc", "token_type": "bEaReR"})).unwrap();
        assert_eq!((issued.scope.as_str(), issued.lifetime), ("asked.for", DAY));
        assert_eq!(with("expires_in", Value::Null).unwrap().lifetime, DAY);
    }

    #[test]
    fn expires_in_is_a_number_of_seconds_or_an_error() {
        for (value, seconds) in [(json!(1), 1), (json!("86400"), 86_400), (json!("007"), 7)] {
            assert_eq!(with("expires_in", value).unwrap().lifetime.as_secs(), seconds);
        }
        let huge = "99999999999999999999999999";
        for value in [
            json!(-1),
            json!(1.5),
            json!(60.0),
            json!(u64::MAX),
            json!("60s"),
            json!(" 60"),
            json!("+60"),
            json!("-60"),
            json!("6.0"),
            json!(""),
            json!(huge),
            json!(true),
            json!([60]),
            json!({}),
            json!(0),
            json!("0"),
        ] {
            assert!(with("expires_in", value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused() {
        for value in [json!(""), json!("a b"), json!("a\nb"), json!("a\u{0}"), json!("ä"), json!("a\u{7f}"), json!(1)]
        {
            assert!(with("access_token", value.clone()).is_err(), "{value}");
        }
        for value in [json!("MAC"), json!("dpop"), json!(""), json!(1), Value::Null] {
            assert!(with("token_type", value.clone()).is_err(), "{value}");
        }
        for value in [json!("a\u{0}b"), json!(["a"])] {
            assert!(with("scope", value.clone()).is_err(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic_or_repeat_what_it_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, "s", DAY);
        }

        #[test]
        fn a_token_that_is_accepted_can_be_written_into_a_header(token in ".{0,20}") {
            if let Ok(issued) = with("access_token", json!(token)) {
                prop_assert!(reqwest::header::HeaderValue::from_str(issued.access_token.expose_secret()).is_ok());
            }
        }
    }
}
