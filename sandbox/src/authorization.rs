//! Access tokens at a protected resource: the `Bearer` scheme (RFC 6750) and the `DPoP` scheme (RFC 9449 section 7).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::dpop::{self, ALGS, Presented, Server};
use crate::options::DpopMode;
use crate::sandbox::Sandbox;
use crate::tango_error::TangoError;

/// Proof, as an argument of a handler, that the request carries a good token, and a good proof where one is needed.
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
        // Whichever is wrong, the challenge is one for DPoP: this is a matter of keys.
        match (scheme, &jkt) {
            (Scheme::Bearer, Some(_)) => {
                return Err(invalid_token(Scheme::Dpop, "The access token is bound to a key and is no bearer token"));
            }
            (Scheme::Dpop, None) => {
                return Err(invalid_token(Scheme::Dpop, "The access token is a bearer token, bound to no key"));
            }
            (Scheme::Bearer, None) | (Scheme::Dpop, Some(_)) => {}
        }
        let presented = Presented { token, jkt: jkt.as_deref() };
        sandbox.check_proof(Server::Api, parts, Some(presented)).map(|_| Self).map_err(invalid_proof)
    }
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Dpop,
}

/// The credentials of a scheme that takes tokens; its name is matched without case (RFC 9110 section 11.1).
fn credentials(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let space = value.iter().position(|&byte| byte == b' ')?;
    let scheme = match &value[..space] {
        name if name.eq_ignore_ascii_case(b"Bearer") => Scheme::Bearer,
        name if name.eq_ignore_ascii_case(b"DPoP") => Scheme::Dpop,
        _ => return None,
    };
    // A token that is not UTF-8 is a token too, though a malformed one.
    let token = std::str::from_utf8(&value[space..]).unwrap_or("?").trim_matches(' ');
    (!token.is_empty()).then_some((scheme, token))
}

/// A request without a token is told how to authenticate, and no error code (RFC 6750 section 3.1, RFC 9449
/// section 7.2).
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

fn invalid_proof(refusal: dpop::Refusal) -> Response {
    let (i18n_key, part) = match refusal {
        dpop::Refusal::OtherKey => ("token.invalid", "Authorization"),
        dpop::Refusal::UseNonce(_) => ("dpop.nonce.required", "DPoP"),
        dpop::Refusal::Missing | dpop::Refusal::Invalid(_) => ("dpop.proof.invalid", "DPoP"),
    };
    let (code, description) = (refusal.code(), refusal.description());
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
    fn the_scheme_has_no_case() {
        assert_eq!(parsed(b"Bearer abc"), Some((Scheme::Bearer, "abc".into())));
        assert_eq!(parsed(b"bEARER  abc"), Some((Scheme::Bearer, "abc".into())));
        assert_eq!(parsed(b"dpop abc "), Some((Scheme::Dpop, "abc".into())));
        assert_eq!(parsed(b"DPoP \xff"), Some((Scheme::Dpop, "?".into())));
    }

    #[test]
    fn other_schemes_carry_no_token() {
        for value in ["Bearer", "Bearer ", "Basic YTpi", "Bearerabc", "DPoP", ""] {
            assert_eq!(parsed(value.as_bytes()), None, "{value}");
        }
        assert_eq!(credentials(&HeaderMap::new()), None);
    }
}
