//! The control listener: how a test looks into the sandbox and tells it what to do. It listens on loopback only: the
//! recorded requests hold the secrets that clients sent.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::record::Record;
use crate::sandbox::{Sandbox, Statistics};
use crate::script;

const MAX_SCRIPT_BYTES: usize = 1024 * 1024;

/// All routes of the control listener.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .route("/stats", get(stats))
        .route("/requests", get(requests))
        .route("/answers", post(answers).layer(DefaultBodyLimit::max(MAX_SCRIPT_BYTES)))
        .route("/revoke", post(revoke))
        .route("/rotate-nonces", post(rotate_nonces))
        .route("/reset", post(reset))
        .with_state(sandbox)
}

async fn stats(State(sandbox): State<Arc<Sandbox>>) -> Json<Statistics> {
    Json(sandbox.memory().statistics)
}

async fn requests(State(sandbox): State<Arc<Sandbox>>) -> Json<Vec<Record>> {
    Json(sandbox.memory().records.to_vec())
}

async fn answers(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Result<Json<Value>, (StatusCode, String)> {
    let bad_request = |message| (StatusCode::BAD_REQUEST, message);
    let answers = script::parse(&body).map_err(bad_request)?;
    let script = &mut sandbox.memory().script;
    script.append(answers).map_err(bad_request)?;
    Ok(Json(json!({"queued": script.len()})))
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
