//! The control API, by which a test reads what the sandbox saw and sets what it does next. It is on loopback only: the
//! recorded requests hold the secrets that clients sent.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use crate::record::RecordedRequest;
use crate::sandbox::{Sandbox, Statistics};
use crate::script;

const MAX_SCRIPT_BYTES: usize = 1024 * 1024;

/// Returns the routes of the control listener.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .route("/stats", get(stats))
        .route("/requests", get(requests))
        .route("/responses", post(responses).layer(DefaultBodyLimit::max(MAX_SCRIPT_BYTES)))
        .route("/connections", post(connections).layer(DefaultBodyLimit::max(MAX_SCRIPT_BYTES)))
        .route("/hold", post(hold))
        .route("/release", post(release))
        .route("/revoke", post(revoke))
        .route("/rotate-nonces", post(rotate_nonces))
        .route("/reset", post(reset))
        .layer(middleware::map_response_with_state(Arc::clone(&sandbox), tell_inspector))
        .with_state(sandbox)
}

/// Shows on the pages of the inspector what a call has changed.
async fn tell_inspector(State(sandbox): State<Arc<Sandbox>>, response: Response) -> Response {
    if let Some(feed) = &sandbox.feed {
        feed.state_changed();
    }
    response
}

async fn stats(State(sandbox): State<Arc<Sandbox>>) -> Json<Statistics> {
    Json(sandbox.state().statistics)
}

async fn requests(State(sandbox): State<Arc<Sandbox>>) -> Json<Vec<RecordedRequest>> {
    Json(sandbox.state().records.to_vec())
}

async fn responses(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Result<Json<Value>, (StatusCode, String)> {
    let bad_request = |message| (StatusCode::BAD_REQUEST, message);
    let responses = script::parse(&body).map_err(bad_request)?;
    let script = &mut sandbox.state().script;
    script.append(responses).map_err(bad_request)?;
    Ok(Json(json!({"queued": script.len()})))
}

async fn connections(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Result<Json<Value>, (StatusCode, String)> {
    let faults = &mut sandbox.state().connection_faults;
    faults.append(&body).map_err(|message| (StatusCode::BAD_REQUEST, message))?;
    Ok(Json(json!({"queued": faults.len()})))
}

async fn hold(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.gate.hold();
    StatusCode::NO_CONTENT
}

async fn release(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.gate.release();
    StatusCode::NO_CONTENT
}

async fn revoke(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.tokens.revoke_all();
    StatusCode::NO_CONTENT
}

async fn rotate_nonces(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.dpop.rotate_nonces(sandbox.clock.now_seconds());
    StatusCode::NO_CONTENT
}

async fn reset(State(sandbox): State<Arc<Sandbox>>) -> StatusCode {
    sandbox.reset();
    StatusCode::NO_CONTENT
}
