//! What happens to every request of the TLS listener, whatever its path: count, read, record, answer, log.

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
use tokio::time::{sleep, timeout};

use crate::dpop::{DPOP_NONCE, Server};
use crate::fault::CloseConnection;
use crate::log::{Line, Reason};
use crate::record::Record;
use crate::sandbox::{Sandbox, Statistics};
use crate::tango_error::TangoError;
use crate::{api, random, token_endpoint};

const MAX_BODY_BYTES: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes of the TLS listener.
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
    let (parts, body) = request.into_parts();
    let (path, request_id) = (parts.uri.path().to_owned(), random::id());
    let mut line = Line::begin(&parts.method, &path, &request_id);
    count(&parts, &mut sandbox.memory().statistics);

    let mut answer = match read(body).await {
        Err(error) => error.into_response(),
        Ok(body) => {
            let scripted = {
                let mut memory = sandbox.memory();
                memory.records.push(Record::new(&parts, &body));
                memory.script.take(&path)
            };
            if let Some(scripted) = scripted {
                line.expect("scripted, and the client went away");
                let answer = scripted.play().await;
                let closes = answer.extensions().get::<CloseConnection>().is_some();
                line.end((!closes).then(|| answer.status()), Some(Reason("scripted".into())));
                return answer;
            }
            pause(sandbox.behaviour.latency()).await;
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
    };
    finish(&mut answer, &path, &request_id, &sandbox);
    line.end(Some(answer.status()), answer.extensions_mut().remove());
    answer
}

/// A timer of length zero would still cost a tick of a millisecond.
pub async fn pause(duration: Duration) {
    if !duration.is_zero() {
        sleep(duration).await;
    }
}

fn count(parts: &Parts, statistics: &mut Statistics) {
    let path = parts.uri.path();
    if parts.method == Method::POST && path == token_endpoint::PATH {
        statistics.token_requests += 1;
    } else if matches!(Server::of(path), Some(Server::Api)) {
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

/// Adds what every answer carries, and writes the body of an error.
fn finish(answer: &mut Response, path: &str, request_id: &str, sandbox: &Sandbox) {
    let now = sandbox.clock.now();
    if let Some(error) = answer.extensions_mut().remove::<TangoError>() {
        let (head, body) = Json(error.body(path, request_id, now)).into_response().into_parts();
        *answer.body_mut() = body;
        answer.headers_mut().extend(head.headers);
    }
    let nonce = Server::of(path).and_then(|server| sandbox.dpop.nonce(server, sandbox.clock.now_seconds()));
    if let Some(nonce) = nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
        answer.headers_mut().insert(DPOP_NONCE, nonce);
        // A nonce from a cache would be a stale one (RFC 9449 section 8).
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in [(X_REQUEST_ID, request_id), (DATE, &httpdate::fmt_http_date(now))] {
        // Hexadecimal digits and an HTTP-date are always valid.
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    }
}
