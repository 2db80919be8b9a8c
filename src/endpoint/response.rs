//! The successful response (RFC 6749 section 5.1). It is not deserialized by serde, whose errors could repeat the
//! token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{Failure, refusal};
use crate::dpop::{Binding, DpopKey};
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::policy::MAX_LIFETIME;
use crate::secret::Redactor;
use crate::token::is_presentable;

/// The token that the server issued.
#[derive(Debug)]
pub(crate) struct TokenResponse {
    pub access_token: SecretString,
    /// The key that the token is bound to.
    pub key: Option<DpopKey>,
    pub scope: String,
    pub lifetime: Duration,
    /// A proof was sent, and the server granted a Bearer token nevertheless.
    pub proof_ignored: bool,
}

/// The reason why a response contains no usable token.
#[derive(Debug)]
pub(super) enum Problem {
    /// The response is not a valid one; the string says why.
    Malformed(&'static str),
    /// The response has this Bearer token, but a bound one is required.
    Downgraded(Box<TokenResponse>),
}

impl From<&'static str> for Problem {
    fn from(problem: &'static str) -> Self {
        Self::Malformed(problem)
    }
}

/// The parts of the request that are needed to read its response.
pub(super) struct RequestContext<'a> {
    pub scope: &'a str,
    pub documented_lifetime: Duration,
    /// The key of the proof, if one was sent.
    pub binding: Option<&'a Binding>,
}

/// Reads the body of a response with status 200.
pub(super) fn parse(body: &[u8], context: &RequestContext<'_>) -> Result<TokenResponse, Problem> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err("is not a JSON object".into());
    };
    // Read first, so that the token is zeroised if a later field is invalid.
    let access_token = match fields.remove("access_token") {
        Some(Value::String(token)) => SecretString::from(token),
        Some(_) => return Err("has an access_token that is not a string".into()),
        None => return Err("has no access_token".into()),
    };
    match access_token.expose_secret() {
        "" => return Err("has an empty access_token".into()),
        token if !is_presentable(token) => {
            return Err("has an access_token with characters that a header cannot contain".into());
        }
        _ => {}
    }
    let key = bound_to(&fields, &access_token, context.binding)?;
    let proof_ignored = key.is_none() && context.binding.is_some();
    let lifetime = lifetime(&fields)?.unwrap_or(context.documented_lifetime);
    if lifetime.is_zero() {
        return Err("contains a token that has already expired".into());
    }
    let scope = match fields.remove("scope") {
        None | Some(Value::Null) => context.scope.to_owned(),
        Some(Value::String(scope)) if !scope.contains(char::is_control) => scope,
        Some(_) => return Err("has a scope that is not a plain string".into()),
    };
    let response = TokenResponse { access_token, key, scope, lifetime, proof_ignored };
    if proof_ignored && context.binding.is_some_and(|binding| binding.required) {
        return Err(Problem::Downgraded(Box::new(response)));
    }
    Ok(response)
}

/// Returns the key of a DPoP token, or `None` for a Bearer token. The type is compared without case, and a token of an
/// unknown type must not be used (RFC 6749 section 7.1).
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
            tracing::warn!(
                "the server issued a Bearer token although a DPoP proof was sent; enable DPoP for this platform"
            );
            Ok(None)
        }
        None if is("bearer") => Ok(None),
        Some(binding) if is("dpop") => match thumbprint_in(access_token.expose_secret()) {
            Some(jkt) if jkt.as_str() != Some(binding.key.thumbprint()) => {
                Err("contains a token that is bound to another key".into())
            }
            _ => Ok(Some(binding.key.clone())),
        },
        None if is("dpop") => Err("contains a DPoP token although no proof was sent".into()),
        _ => Err("has an unknown token_type".into()),
    }
}

/// Returns `cnf.jkt` (RFC 9449 section 6.1) if the token is a readable JWT.
fn thumbprint_in(access_token: &str) -> Option<Value> {
    let mut parts = access_token.split('.');
    let (_, Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.get("cnf")?.get("jkt").cloned()
}

/// Reads `expires_in`: a non-negative integer, or a string of digits as in Tango's examples.
fn lifetime(fields: &Map<String, Value>) -> Result<Option<Duration>, &'static str> {
    let seconds = match fields.get("expires_in") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    };
    match seconds {
        Some(seconds) => Ok(Some(believed(Duration::from_secs(seconds)))),
        None => Err("has an expires_in that is not a number of seconds"),
    }
}

/// Returns a lifetime that the shared cache accepts as well.
fn believed(lifetime: Duration) -> Duration {
    if lifetime > MAX_LIFETIME {
        let days = MAX_LIFETIME.as_secs() / (24 * 3600);
        tracing::warn!("the server gave the token a lifetime of {} s; it is used for {days} days", lifetime.as_secs());
    }
    lifetime.min(MAX_LIFETIME)
}

/// Returns the failure of a response with status 200 but without a usable token. The server probably issued one, so
/// an immediate retry could use up another.
pub(super) fn unusable(headers: &HeaderMap, problem: Problem, redactor: &Redactor) -> Failure {
    let response = ServerResponse {
        http_status: Some(200),
        request_id: refusal::request_id(headers, redactor),
        ..ServerResponse::default()
    };
    let (error, token) = match problem {
        Problem::Malformed(problem) => (
            Error::new(
                Status::MalformedResponse,
                format!("the response of the token endpoint {problem}; check token_url"),
            ),
            None,
        ),
        Problem::Downgraded(token) => (
            Error::new(
                Status::Downgraded,
                "the server issued a Bearer token although a DPoP proof was sent, and this client does not use it; \
                 enable DPoP for this platform, or set dpop to `optional`",
            ),
            Some(token),
        ),
    };
    Failure { token, ..Failure::new(error.with_response(response), FailureKind::InvalidResponse) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::dpop::Algorithm;

    const DAY: Duration = Duration::from_secs(86_400);

    const CONTEXT: RequestContext =
        RequestContext { scope: "requested.scope", documented_lifetime: DAY, binding: None };

    fn parse_json(body: &Value) -> Result<TokenResponse, Problem> {
        parse(body.to_string().as_bytes(), &CONTEXT)
    }

    fn with(name: &str, value: Value) -> Result<TokenResponse, Problem> {
        let mut body = json!({"access_token": "abc", "scope": "raas.all", "expires_in": 60, "token_type": "Bearer"});
        body[name] = value;
        parse_json(&body)
    }

    #[test]
    fn documented_response_is_read() {
        let response = with("added_some_day", json!({"x": [1]})).unwrap();
        assert_eq!(response.access_token.expose_secret(), "abc");
        assert_eq!((response.scope.as_str(), response.lifetime), ("raas.all", Duration::from_secs(60)));
    }

    #[test]
    fn missing_fields_have_documented_defaults() {
        let response = parse_json(&json!({"access_token": "abc", "token_type": "bEaReR"})).unwrap();
        assert_eq!((response.scope.as_str(), response.lifetime), ("requested.scope", DAY));
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
    fn lifetime_beyond_the_limit_of_the_shared_cache_is_capped() {
        for long in [json!(MAX_LIFETIME.as_secs() + 1), json!(u64::MAX), json!(u64::MAX.to_string())] {
            assert_eq!(with("expires_in", long).unwrap().lifetime, MAX_LIFETIME);
        }
    }

    #[test]
    fn invalid_fields_are_refused() {
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
    fn token_is_bound_to_the_key_of_the_proof_only() {
        let key = DpopKey::generate(Algorithm::Es256).unwrap();
        let jwt = |jkt: &str| {
            let claims = URL_SAFE_NO_PAD.encode(json!({"cnf": {"jkt": jkt}}).to_string());
            format!("e30.{claims}.c2ln")
        };
        let is_bound = |token_type: &str, token: &str, required: bool| {
            let body = json!({"access_token": token, "token_type": token_type});
            let binding = Binding { key: key.clone(), required, is_configured: false };
            parse(body.to_string().as_bytes(), &RequestContext { binding: Some(&binding), ..CONTEXT })
                .map(|response| response.key.is_some())
        };
        for required in [false, true] {
            assert_eq!(is_bound("dpop", "opaque", required).ok(), Some(true));
            assert_eq!(is_bound("DPoP", &jwt(key.thumbprint()), required).ok(), Some(true));
            assert!(matches!(is_bound("DPoP", &jwt("another"), required), Err(Problem::Malformed(_))));
            assert!(matches!(is_bound("MAC", "opaque", required), Err(Problem::Malformed(_))));
        }
        assert_eq!(is_bound("Bearer", "opaque", false).ok(), Some(false));
        assert!(matches!(is_bound("bearer", "opaque", true), Err(Problem::Downgraded(token)) if token.proof_ignored));
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
        fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, &CONTEXT);
        }

        #[test]
        fn error_for_an_unusable_response_never_repeats_the_token(body in any_body_with_the_token()) {
            if let Err(problem) = parse(body.to_string().as_bytes(), &CONTEXT) {
                let described = format!("{problem:?}");
                let error = unusable(&HeaderMap::new(), problem, &Redactor::new([])).error;
                let shown = format!("{described} {error} {error:?}");
                prop_assert!(!shown.contains(PLANTED), "{}", shown);
            }
        }

        #[test]
        fn accepted_token_can_be_written_into_a_header(token in ".{0,20}") {
            if let Ok(response) = with("access_token", json!(token)) {
                prop_assert!(http::header::HeaderValue::from_str(response.access_token.expose_secret()).is_ok());
            }
        }
    }
}
