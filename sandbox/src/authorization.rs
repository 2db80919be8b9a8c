//! Access tokens at a protected resource: the `Bearer` scheme (RFC 6750) and the `DPoP` scheme (RFC 9449 section 7).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::dpop::{self, ALGS, PresentedToken, Role};
use crate::options::{DpopApiError, DpopMode};
use crate::sandbox::Sandbox;
use crate::tango_error::TangoError;

/// An argument of a handler: the request carries a valid token, and a valid proof if the token needs one.
pub struct Authorized;

impl FromRequestParts<Arc<Sandbox>> for Authorized {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Arc<Sandbox>) -> Result<Self, Response> {
        let mode = sandbox.dpop.mode;
        let (scheme, token) = credentials(&parts.headers)
            .filter(|(scheme, _)| *scheme == Scheme::Bearer || mode != DpopMode::Off)
            .ok_or_else(|| no_token(mode))?;
        let jkt = sandbox
            .tokens
            .verify(token, sandbox.clock.now_seconds())
            .map_err(|error| invalid_token(scheme, error.description()))?;
        // The challenge is for DPoP either way, because the mistake is in the use of keys.
        match (scheme, &jkt) {
            (Scheme::Bearer, Some(_)) => {
                return Err(invalid_token(Scheme::Dpop, "The access token is bound to a key and is no bearer token"));
            }
            (Scheme::Dpop, None) => {
                return Err(invalid_token(Scheme::Dpop, "The access token is a bearer token, bound to no key"));
            }
            (Scheme::Bearer, None) | (Scheme::Dpop, Some(_)) => {}
        }
        let presented = PresentedToken { token, jkt: jkt.as_deref() };
        sandbox
            .check_proof(Role::ResourceServer, parts, Some(presented))
            .map(|_| Self)
            .map_err(|error| invalid_proof(error, sandbox.dpop.api_error))
    }
}

/// Authentication scheme of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Bearer,
    Dpop,
}

impl Scheme {
    /// Returns the registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// Returns scheme and token. The name of a scheme is case-insensitive (RFC 9110 section 11.1).
pub fn credentials(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let space = value.iter().position(|&byte| byte == b' ')?;
    let scheme = match &value[..space] {
        name if name.eq_ignore_ascii_case(b"Bearer") => Scheme::Bearer,
        name if name.eq_ignore_ascii_case(b"DPoP") => Scheme::Dpop,
        _ => return None,
    };
    // A token that is not UTF-8 counts as a malformed token.
    let token = std::str::from_utf8(&value[space..]).unwrap_or("?").trim_matches(' ');
    (!token.is_empty()).then_some((scheme, token))
}

/// Challenges a request without a token. The challenge has no error code (RFC 6750 section 3.1, RFC 9449 section 7.2).
fn no_token(mode: DpopMode) -> Response {
    let challenge = match mode {
        DpopMode::Off => "Bearer".into(),
        DpopMode::Opportunistic => format!(r#"Bearer, DPoP algs="{ALGS}""#),
        DpopMode::Strict => format!(r#"DPoP algs="{ALGS}""#),
    };
    let error = TangoError::new(StatusCode::UNAUTHORIZED, "unauthorized", "an access token is required");
    unauthorized(challenge, error.at("Authorization"))
}

fn invalid_token(scheme: Scheme, description: &'static str) -> Response {
    let error = TangoError::new(StatusCode::UNAUTHORIZED, "token.invalid", description);
    unauthorized(challenge(scheme, "invalid_token", description), error.at("Authorization"))
}

fn invalid_proof(error: dpop::ProofError, wrong_proof: DpopApiError) -> Response {
    let (i18n_key, part) = match error {
        dpop::ProofError::OtherKey => ("token.invalid", "Authorization"),
        dpop::ProofError::UseNonce(_) => ("dpop.nonce.required", "DPoP"),
        dpop::ProofError::Missing | dpop::ProofError::Invalid(_) => ("dpop.proof.invalid", "DPoP"),
    };
    let code = match (&error, wrong_proof) {
        (dpop::ProofError::Invalid(_), DpopApiError::InvalidToken) => "invalid_token",
        _ => error.code(),
    };
    let description = error.description();
    let challenge = challenge(Scheme::Dpop, code, &description);
    unauthorized(challenge, TangoError::new(StatusCode::UNAUTHORIZED, i18n_key, description).at(part))
}

fn challenge(scheme: Scheme, code: &str, description: &str) -> String {
    let error = format!(r#"error="{code}", error_description="{description}""#);
    match scheme {
        Scheme::Bearer => format!("Bearer {error}"),
        Scheme::Dpop => format!(r#"DPoP {error}, algs="{ALGS}""#),
    }
}

fn unauthorized(challenge: String, error: TangoError) -> Response {
    ([(WWW_AUTHENTICATE, challenge)], error).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn parsed(value: &[u8]) -> Option<(Scheme, String)> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())]);
        credentials(&headers).map(|(scheme, token)| (scheme, token.into()))
    }

    #[test]
    fn scheme_is_case_insensitive() {
        assert_eq!(parsed(b"Bearer abc"), Some((Scheme::Bearer, "abc".into())));
        assert_eq!(parsed(b"bEARER  abc"), Some((Scheme::Bearer, "abc".into())));
        assert_eq!(parsed(b"dpop abc "), Some((Scheme::Dpop, "abc".into())));
        assert_eq!(parsed(b"DPoP \xff"), Some((Scheme::Dpop, "?".into())));
    }

    #[test]
    fn other_scheme_carries_no_token() {
        for value in ["Bearer", "Bearer ", "Basic YTpi", "Bearerabc", "DPoP", ""] {
            assert_eq!(parsed(value.as_bytes()), None, "{value}");
        }
        assert_eq!(credentials(&HeaderMap::new()), None);
    }
}
