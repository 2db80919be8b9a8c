//! The successful answer (RFC 6749 section 5.1), read by hand: a parser's own error could repeat the token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{Failure, refusal};
use crate::dpop::{Binding, DpopKey};
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::secret::Redactor;
use crate::token::is_presentable;

/// What the server granted.
#[derive(Debug)]
pub(crate) struct TokenResponse {
    pub access_token: SecretString,
    /// The key that it is bound to.
    pub key: Option<DpopKey>,
    pub scope: String,
    pub lifetime: Duration,
    /// A proof was sent, and the server granted a Bearer token nevertheless.
    pub proof_ignored: bool,
}

/// Lives of more than 136 years are taken for what they are, an error.
const LONGEST_LIFETIME: u64 = u32::MAX as u64;

/// Why an answer brought no token.
#[derive(Debug)]
pub(super) enum Problem {
    /// What is wrong with it.
    Malformed(&'static str),
    /// It holds this Bearer token, and a bound one is required.
    Downgraded(Box<TokenResponse>),
}

impl From<&'static str> for Problem {
    fn from(problem: &'static str) -> Self {
        Self::Malformed(problem)
    }
}

/// What the request was, as far as its answer is read by it.
pub(super) struct RequestContext<'a> {
    pub scope: &'a str,
    pub documented_lifetime: Duration,
    /// The key that a proof was made with.
    pub binding: Option<&'a Binding>,
}

pub(super) fn parse(body: &[u8], asked: &RequestContext<'_>) -> Result<TokenResponse, Problem> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err("is not a JSON object".into());
    };
    // First of all, so that it is zeroised whatever else is wrong.
    let access_token = match fields.remove("access_token") {
        Some(Value::String(token)) => SecretString::from(token),
        Some(_) => return Err("has an access_token that is no string".into()),
        None => return Err("has no access_token".into()),
    };
    match access_token.expose_secret() {
        "" => return Err("has an empty access_token".into()),
        token if !is_presentable(token) => {
            return Err("has an access_token with characters that no header can carry".into());
        }
        _ => {}
    }
    let key = bound_to(&fields, &access_token, asked.binding)?;
    let proof_ignored = key.is_none() && asked.binding.is_some();
    let lifetime = lifetime(&fields)?.unwrap_or(asked.documented_lifetime);
    if lifetime.is_zero() {
        return Err("holds a token that has already expired".into());
    }
    let scope = match fields.remove("scope") {
        None | Some(Value::Null) => asked.scope.to_owned(),
        Some(Value::String(scope)) if !scope.contains(char::is_control) => scope,
        Some(_) => return Err("has a scope that is no plain text".into()),
    };
    let response = TokenResponse { access_token, key, scope, lifetime, proof_ignored };
    if proof_ignored && asked.binding.is_some_and(|binding| binding.required) {
        return Err(Problem::Downgraded(Box::new(response)));
    }
    Ok(response)
}

/// The key of a DPoP token, none for a Bearer token. The type is matched without case, and an unknown one must not be
/// used (RFC 6749 section 7.1).
fn bound_to(
    fields: &Map<String, Value>,
    access_token: &SecretString,
    binding: Option<&Binding>,
) -> Result<Option<DpopKey>, Problem> {
    let token_type = fields.get("token_type").and_then(Value::as_str).ok_or("has no token_type")?;
    let is = |name: &str| token_type.eq_ignore_ascii_case(name);
    match binding {
        Some(binding) if is("bearer") && binding.required => Ok(None),
        Some(_) if is("bearer") => {
            tracing::warn!("the server answered a proof with a Bearer token: is DPoP enabled for this platform?");
            Ok(None)
        }
        None if is("bearer") => Ok(None),
        Some(binding) if is("dpop") => match thumbprint_in(access_token.expose_secret()) {
            Some(jkt) if jkt.as_str() != Some(binding.key.thumbprint()) => {
                Err("holds a token that is bound to another key".into())
            }
            _ => Ok(Some(binding.key.clone())),
        },
        None if is("dpop") => Err("holds a DPoP token although no proof was sent".into()),
        _ => Err("has an unknown token_type".into()),
    }
}

/// `cnf.jkt` (RFC 9449 section 6.1), where the token is a JWT that can be read.
fn thumbprint_in(access_token: &str) -> Option<Value> {
    let mut parts = access_token.split('.');
    let (_, Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.get("cnf")?.get("jkt").cloned()
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
pub(super) fn unusable(headers: &HeaderMap, problem: Problem, redactor: &Redactor) -> Failure {
    let answer = ServerResponse {
        http_status: Some(200),
        request_id: refusal::request_id(headers, redactor),
        ..ServerResponse::default()
    };
    let (error, token) = match problem {
        Problem::Malformed(problem) => (
            Error::new(
                Status::MalformedResponse,
                format!("the server's answer {problem}; check that the token URL is right"),
            ),
            None,
        ),
        Problem::Downgraded(token) => (
            Error::new(
                Status::Downgraded,
                "the server responded to a DPoP proof with a Bearer token, which this client does not use; \
                 enable DPoP for this platform, or set dpop to `optional`",
            ),
            Some(token),
        ),
    };
    Failure { token, ..Failure::new(error.with_response(answer), FailureKind::InvalidResponse) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::dpop::Algorithm;

    const DAY: Duration = Duration::from_secs(86_400);

    const CONTEXT: RequestContext = RequestContext { scope: "asked.for", documented_lifetime: DAY, binding: None };

    fn parse_json(body: &Value) -> Result<TokenResponse, Problem> {
        parse(body.to_string().as_bytes(), &CONTEXT)
    }

    fn with(name: &str, value: Value) -> Result<TokenResponse, Problem> {
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

    #[test]
    fn a_token_is_bound_to_the_key_that_proved_itself_and_to_no_other() {
        let key = DpopKey::generate(Algorithm::Es256).unwrap();
        let jwt = |jkt: &str| {
            let claims = URL_SAFE_NO_PAD.encode(json!({"cnf": {"jkt": jkt}}).to_string());
            format!("e30.{claims}.c2ln")
        };
        let answer = |token_type: &str, token: &str, required: bool| {
            let body = json!({"access_token": token, "token_type": token_type});
            let binding = Binding { key: key.clone(), required, is_configured: false };
            parse(body.to_string().as_bytes(), &RequestContext { binding: Some(&binding), ..CONTEXT })
                .map(|issued| issued.key.is_some())
        };
        for required in [false, true] {
            assert_eq!(answer("dpop", "opaque", required).ok(), Some(true));
            assert_eq!(answer("DPoP", &jwt(key.thumbprint()), required).ok(), Some(true));
            assert!(matches!(answer("DPoP", &jwt("another"), required), Err(Problem::Malformed(_))));
            assert!(matches!(answer("MAC", "opaque", required), Err(Problem::Malformed(_))));
        }
        assert_eq!(answer("Bearer", "opaque", false).ok(), Some(false));
        assert!(matches!(answer("bearer", "opaque", true), Err(Problem::Downgraded(token)) if token.proof_ignored));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic_or_repeat_what_it_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, &CONTEXT);
        }

        #[test]
        fn a_token_that_is_accepted_can_be_written_into_a_header(token in ".{0,20}") {
            if let Ok(issued) = with("access_token", json!(token)) {
                prop_assert!(reqwest::header::HeaderValue::from_str(issued.access_token.expose_secret()).is_ok());
            }
        }
    }
}
