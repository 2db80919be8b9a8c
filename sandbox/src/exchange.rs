//! Handling that every request of the TLS listener shares: count, read, record, respond, log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, DATE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::clock::pause;
use crate::dpop::{DPOP_NONCE, Role};
use crate::fault::Interruption;
use crate::inspector::Observation;
use crate::log::{LogLine, Reason};
use crate::record::RecordedRequest;
use crate::sandbox::{Sandbox, Statistics};
use crate::switches::SLOW_MS;
use crate::tango_error::TangoError;
use crate::{api, paths, random, token_endpoint};

const MAX_BODY_BYTES: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the routes of the TLS listener.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .merge(token_endpoint::routes())
        .merge(api::routes())
        .fallback(|| async { TangoError::new(StatusCode::NOT_FOUND, "path.not.found", "there is no such path") })
        .method_not_allowed_fallback(|| async {
            TangoError::new(StatusCode::METHOD_NOT_ALLOWED, "method.not.allowed", "this path has no such method")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&sandbox), exchange))
        .with_state(sandbox)
}

async fn exchange(State(sandbox): State<Arc<Sandbox>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let (path, request_id) = (parts.uri.path().to_owned(), random::id());
    let mut line = LogLine::begin(&parts.method, &path, &request_id);
    let mut observation = Observation::begin(&sandbox, &mut parts);
    count(&parts, &mut sandbox.state().statistics);

    let mut response = match read(body).await {
        Err(error) => error.into_response(),
        Ok(body) => {
            let scripted = {
                let mut state = sandbox.state();
                state.records.push(RecordedRequest::new(&parts, &body));
                let scripted = state.script.take(&path);
                scripted.or_else(|| Role::of(&path).and_then(|role| state.switches.response(role)))
            };
            if let Some(observation) = &mut observation {
                observation.body(&body);
            }
            if let Some(scripted) = scripted {
                line.expect("scripted, and the client went away");
                let response = scripted.play().await;
                sandbox.gate.pass().await;
                let closes = response.extensions().get::<Interruption>().is_some();
                let reason = Some(Reason("scripted".into()));
                if let Some(observation) = observation {
                    observation.end(&response, reason.as_ref());
                }
                line.end((!closes).then(|| response.status()), reason);
                return response;
            }
            pause(latency(&sandbox)).await;
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
    };
    sandbox.gate.pass().await;
    finish(&mut response, &path, &request_id, &sandbox);
    let reason = response.extensions_mut().remove();
    if let Some(observation) = observation {
        observation.end(&response, reason.as_ref());
    }
    line.end(Some(response.status()), reason);
    response
}

/// Returns the pause before a response that is not scripted.
fn latency(sandbox: &Sandbox) -> Duration {
    let switched = if sandbox.state().switches.slow { SLOW_MS } else { 0 };
    sandbox.behaviour.latency() + Duration::from_millis(switched.into())
}

fn count(parts: &Parts, statistics: &mut Statistics) {
    let path = parts.uri.path();
    if parts.method == Method::POST && path == paths::TOKEN {
        statistics.token_requests += 1;
    } else if matches!(Role::of(path), Some(Role::ResourceServer)) {
        statistics.api_requests += 1;
    }
}

async fn read(body: Body) -> Result<Bytes, TangoError> {
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TangoError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body.too.large",
            format!("the body is larger than {MAX_BODY_BYTES} bytes"),
        )),
        Ok(Err(_)) => Err(TangoError::new(StatusCode::BAD_REQUEST, "body.unreadable", "the body cannot be read")),
        Err(_) => Err(TangoError::new(StatusCode::REQUEST_TIMEOUT, "body.timeout", "the body did not arrive in time")),
    }
}

/// Adds the headers that every response carries, and writes the body of an error.
fn finish(response: &mut Response, path: &str, request_id: &str, sandbox: &Sandbox) {
    let now = sandbox.clock.now();
    if let Some(error) = response.extensions_mut().remove::<TangoError>() {
        let (head, body) = Json(error.body(path, request_id, now)).into_response().into_parts();
        *response.body_mut() = body;
        response.headers_mut().extend(head.headers);
    }
    let nonce = Role::of(path).and_then(|role| sandbox.dpop.nonce(role, sandbox.clock.now_seconds()));
    if let Some(nonce) = nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
        response.headers_mut().insert(DPOP_NONCE, nonce);
        // A nonce from a cache would be stale (RFC 9449 section 8).
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in [(X_REQUEST_ID, request_id), (DATE, &httpdate::fmt_http_date(now))] {
        // Hexadecimal digits and an HTTP-date are always valid.
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
}
