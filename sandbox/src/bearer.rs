//! Bearer token usage at a protected resource (RFC 6750).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::access_token::InvalidToken;
use crate::sandbox::Sandbox;
use crate::tango_error::TangoError;

/// Proof, as an argument of a handler, that the request carries a good token.
pub struct Authorized;

impl FromRequestParts<Arc<Sandbox>> for Authorized {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Arc<Sandbox>) -> Result<Self, Response> {
        // A request without a token is told how to authenticate, and no error code (RFC 6750 section 3.1).
        let token = token(&parts.headers)
            .ok_or_else(|| unauthorized("Bearer".into(), "unauthorized", "a bearer token is required"))?;
        sandbox.tokens.verify(token, sandbox.clock.now_seconds()).map(|()| Self).map_err(|error| invalid_token(&error))
    }
}

/// The credentials of the `Bearer` scheme, whose name is matched without case (RFC 9110 section 11.1).
fn token(headers: &HeaderMap) -> Option<&str> {
    // A token that is not ASCII is a token too, though a malformed one.
    let value = headers.get(AUTHORIZATION).map(|value| std::str::from_utf8(value.as_bytes()).unwrap_or("Bearer ?"))?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

fn invalid_token(error: &InvalidToken) -> Response {
    let description = error.description();
    let challenge = format!(r#"Bearer error="invalid_token", error_description="{description}""#);
    unauthorized(challenge, "token.invalid", description)
}

fn unauthorized(challenge: String, i18n_key: &'static str, message: &'static str) -> Response {
    let error = TangoError::new(StatusCode::UNAUTHORIZED, i18n_key, message).at("Authorization");
    ([(WWW_AUTHENTICATE, challenge)], error).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn parsed(value: &str) -> Option<String> {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        token(&HeaderMap::from_iter([(AUTHORIZATION, value)])).map(String::from)
    }

    #[test]
    fn the_scheme_has_no_case() {
        assert_eq!(parsed("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(parsed("bEARER  abc").as_deref(), Some("abc"));
    }

    #[test]
    fn other_schemes_carry_no_bearer_token() {
        for value in ["Bearer", "Bearer ", "Basic YTpi", "Bearerabc", ""] {
            assert_eq!(parsed(value), None, "{value}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
