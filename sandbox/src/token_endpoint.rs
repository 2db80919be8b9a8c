//! `POST /oauth/token`: the resource owner password credentials grant (RFC 6749 section 4.3) as Tango uses it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use serde::Serialize;
use serde_json::json;

use crate::dpop::{self, Role};
use crate::form::Form;
use crate::log::Reason;
use crate::options::{Credentials, ErrorFormat};
use crate::paths;
use crate::sandbox::Sandbox;
use crate::tango_error::TangoError;

const SCOPE: &str = "raas.all";
/// Name of the client in the quota error.
const CLIENT_NAME: &str = "sandbox";

/// Returns the route of the token endpoint.
pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route(paths::TOKEN, post(token))
}

/// The successful response (RFC 6749 section 5.1).
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    scope: &'static str,
    expires_in: u32,
    token_type: &'static str,
}

/// Extension of a response: the token in it.
#[derive(Clone)]
pub struct IssuedToken(pub String);

/// The error response to a request.
struct ErrorResponse {
    status: StatusCode,
    error: ErrorCode,
    reason: Cow<'static, str>,
}

/// The code of an error, which decides how it can be written.
enum ErrorCode {
    /// The `error` of RFC 6749 section 5.2, written as `--error-format` says.
    OAuth(&'static str),
    /// The `error` of RFC 9449, always JSON: a client has to tell a nonce challenge from every other error.
    Dpop(&'static str),
    /// OAuth has no code for it, and Tango writes it as text.
    Quota,
}

impl ErrorResponse {
    fn bad_request(code: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: ErrorCode::OAuth(code), reason: reason.into() }
    }

    fn unauthorized(code: &'static str, reason: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: ErrorCode::OAuth(code), reason: reason.into() }
    }

    fn quota(client_id: &str) -> Self {
        let reason = format!("Client {CLIENT_NAME} {client_id} has exceeded the daily rate limit");
        Self { status: StatusCode::BAD_REQUEST, error: ErrorCode::Quota, reason: reason.into() }
    }

    fn dpop(error: dpop::ProofError) -> Self {
        let code = ErrorCode::Dpop(error.code());
        Self { status: StatusCode::BAD_REQUEST, error: code, reason: error.description() }
    }

    fn into_response(self, format: ErrorFormat) -> Response {
        let reason = self.reason.as_ref();
        let body = match (self.error, format) {
            (ErrorCode::OAuth(code), ErrorFormat::Json) | (ErrorCode::Dpop(code), _) => {
                Json(json!({"error": code, "error_description": reason})).into_response()
            }
            (ErrorCode::OAuth(_), ErrorFormat::Empty) => String::new().into_response(),
            _ => reason.to_owned().into_response(),
        };
        (self.status, Extension(Reason(self.reason)), [(CACHE_CONTROL, "no-store")], body).into_response()
    }
}

async fn token(State(sandbox): State<Arc<Sandbox>>, request: Parts, body: Bytes) -> Response {
    let ordinal = {
        let mut state = sandbox.state();
        state.unscripted_token_requests += 1;
        state.unscripted_token_requests
    };
    if sandbox.behaviour.fails(ordinal) {
        return TangoError::new(StatusCode::SERVICE_UNAVAILABLE, "service.unavailable", "try again later")
            .into_response();
    }
    match grant(&sandbox, &request, &body) {
        Ok(grant) => issue(&sandbox, grant),
        Err(error) => error.into_response(sandbox.behaviour.error_format),
    }
}

/// An audience in one of its spellings, and the lifetime of its tokens.
struct Audience {
    identifier: &'static str,
    lifetime_seconds: u32,
}

const AUDIENCES: [Audience; 4] = [
    Audience { identifier: "https://api.tangocard.com/", lifetime_seconds: 86_400 },
    Audience { identifier: "https://api.tangocard.com", lifetime_seconds: 86_400 },
    Audience { identifier: "api.bhn.com/fiveminute", lifetime_seconds: 300 },
    Audience { identifier: "tango-api.bhn.com/fiveminute", lifetime_seconds: 300 },
];

/// The token that a request is granted.
struct Grant {
    audience: &'static Audience,
    /// Thumbprint of the key that the token is bound to.
    jkt: Option<String>,
}

/// Checks the form, its parameters, the credentials, the proof and the quota, in this order. A request that passes has
/// spent the quota.
fn grant(sandbox: &Sandbox, request: &Parts, body: &[u8]) -> Result<Grant, ErrorResponse> {
    if !is_form(&request.headers) {
        return Err(ErrorResponse::bad_request(
            "invalid_request",
            "Content-Type is not application/x-www-form-urlencoded",
        ));
    }
    let form = Form::decode(body).map_err(|error| ErrorResponse::bad_request("invalid_request", error.to_string()))?;
    let required = |name: &str| {
        form.required(name).map_err(|why| ErrorResponse::bad_request("invalid_request", format!("{name} is {why}")))
    };
    let given = GivenCredentials {
        client_id: required("client_id")?,
        client_secret: required("client_secret")?,
        username: required("username")?,
        password: required("password")?,
    };
    let (scope, audience, grant_type) = (required("scope")?, required("audience")?, required("grant_type")?);
    if grant_type != "password" {
        return Err(ErrorResponse::bad_request("unsupported_grant_type", "grant_type is not password"));
    }
    if scope != SCOPE {
        return Err(ErrorResponse::bad_request("invalid_scope", "scope is not raas.all"));
    }
    let audience = AUDIENCES
        .iter()
        .find(|known| known.identifier == audience)
        .ok_or_else(|| ErrorResponse::bad_request("invalid_request", "audience is unknown"))?;
    given.check(&sandbox.credentials)?;
    let thumbprint = sandbox.check_proof(Role::AuthorizationServer, request, None).map_err(ErrorResponse::dpop)?;

    let mut state = sandbox.state();
    state.quota.take(Instant::now()).map_err(|_| {
        state.statistics.quota_refusals += 1;
        ErrorResponse::quota(given.client_id)
    })?;
    let jkt = sandbox.dpop.binding(thumbprint).filter(|_| !state.switches.downgrade);
    Ok(Grant { audience, jkt })
}

/// Returns whether the media type is that of a form; its parameters, such as a charset, make no difference.
fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Credentials as the request gave them.
struct GivenCredentials<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    username: &'a str,
    password: &'a str,
}

impl GivenCredentials<'_> {
    /// Compares everything before it returns, so that the time reveals nothing.
    fn check(&self, known: &Credentials) -> Result<(), ErrorResponse> {
        let client = same(self.client_id, &known.client_id) & same(self.client_secret, &known.client_secret);
        let owner = same(self.username, &known.username) & same(self.password, &known.password);
        if !client {
            return Err(ErrorResponse::unauthorized("invalid_client", "client_id or client_secret is wrong"));
        }
        if !owner {
            return Err(ErrorResponse::unauthorized("invalid_grant", "username or password is wrong"));
        }
        Ok(())
    }
}

/// Compares in constant time. Digests hide the length as well.
fn same(given: &str, known: &str) -> bool {
    let digest = |value: &str| digest(&SHA256, value.as_bytes());
    verify_slices_are_equal(digest(given).as_ref(), digest(known).as_ref()).is_ok()
}

fn issue(sandbox: &Sandbox, Grant { audience, jkt }: Grant) -> Response {
    let token_type = if jkt.is_some() { "DPoP" } else { "Bearer" };
    let lifetime = sandbox.behaviour.token_lifetime_seconds.unwrap_or(audience.lifetime_seconds);
    let (client_id, now) = (&sandbox.credentials.client_id, sandbox.clock.now_seconds());
    let Ok(access_token) = sandbox.tokens.issue(audience.identifier, client_id, now, lifetime, jkt) else {
        return TangoError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal.error", "the token cannot be signed")
            .into_response();
    };
    sandbox.state().statistics.tokens_issued += 1;
    let issued = Extension(IssuedToken(access_token.clone()));
    let token = TokenResponse { access_token, scope: SCOPE, expires_in: lifetime, token_type };
    (issued, [(CACHE_CONTROL, "no-store")], Json(token)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn media_type_may_have_parameters() {
        let form = |value| is_form(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]));
        assert!(form("application/x-www-form-urlencoded"));
        assert!(form("Application/X-WWW-Form-URLEncoded ; charset=utf-8"));
        assert!(!form("application/x-www-form-urlencodedx"));
        assert!(!form("application/json"));
        assert!(!is_form(&HeaderMap::new()));
    }
}
