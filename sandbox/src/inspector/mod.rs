//! The inspector: a page that shows each request and the checks of its proof, switches faults on and off, and explains
//! a proof or a token. It is on loopback only, shows no secret, and changes nothing without the key of the page.

mod decoded;
mod explain;
mod guard;
mod observation;
mod page;
mod state;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::random;
use crate::sandbox::Sandbox;
use crate::switches::SwitchChange;

pub use observation::Observation;

use guard::Guard;

const MAX_BODY_BYTES: usize = 64 * 1024;
/// The clocks and nonces on a page are as old as this at most, even if nothing happens.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// Between two reports of the state, so that a thousand requests in a second do not make a thousand reports.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// What the handlers share.
struct Inspector {
    sandbox: Arc<Sandbox>,
    /// `host:port` of the TLS listener.
    authority: String,
}

type Shared = State<Arc<Inspector>>;

/// Returns the routes of the inspector's listener, which has this port.
pub fn router(sandbox: &Arc<Sandbox>, authority: &str, port: u16) -> Router {
    let guard = Arc::new(Guard { port, key: random::id() });
    let inspector = Arc::new(Inspector { sandbox: Arc::clone(sandbox), authority: authority.into() });
    let changes = Router::new()
        .route("/switches", post(switches))
        .route("/actions", post(actions))
        .route("/explain", post(explain_text))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&guard), guard::require_key));
    Router::new()
        .merge(page::routes(&guard.key))
        .route("/events", get(events))
        .merge(changes)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(guard, guard::protect))
        .with_state(inspector)
}

/// Tells the open pages about each change of the state, as long as the runtime lives.
pub async fn report_changes(sandbox: Arc<Sandbox>, authority: String) {
    let Some(feed) = &sandbox.feed else { return };
    loop {
        feed.wait_for_change(LONGEST_SILENCE).await;
        feed.publish_state(&state::describe(&sandbox, &authority).to_string());
        tokio::time::sleep(REPORT_INTERVAL).await;
    }
}

async fn events(State(inspector): Shared) -> Response {
    let state = state::describe(&inspector.sandbox, &inspector.authority).to_string();
    let stream = inspector.sandbox.feed.as_ref().and_then(|feed| feed.open_page(&state));
    match stream {
        Some(stream) => ([(CONTENT_TYPE, "text/event-stream")], Body::new(stream)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many pages of the inspector are open").into_response(),
    }
}

type Refused = (StatusCode, String);

/// Reads the JSON of a request. The error does not repeat it.
fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|_| (StatusCode::BAD_REQUEST, format!("the body is not {what} in JSON")))
}

async fn switches(State(inspector): Shared, body: Bytes) -> Result<Json<Value>, Refused> {
    let change: SwitchChange = parse(&body, "a change of switches")?;
    inspector.sandbox.switch(&change);
    Ok(inspector.changed())
}

/// Something that happens once.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    RevokeTokens,
    RotateNonces,
    ClearQuota,
    Reset,
}

#[derive(Deserialize)]
struct ActionRequest {
    action: Action,
}

async fn actions(State(inspector): Shared, body: Bytes) -> Result<Json<Value>, Refused> {
    let ActionRequest { action } = parse(&body, "an action")?;
    let sandbox = &inspector.sandbox;
    match action {
        Action::RevokeTokens => sandbox.tokens.revoke_all(),
        Action::RotateNonces => sandbox.dpop.rotate_nonces(sandbox.clock.now_seconds()),
        Action::ClearQuota => sandbox.state().quota.clear(),
        Action::Reset => {
            sandbox.reset();
            sandbox.gate.release();
        }
    }
    Ok(inspector.changed())
}

async fn explain_text(State(inspector): Shared, body: Bytes) -> Result<Json<Value>, Refused> {
    let question: explain::Question = parse(&body, "a proof or a token")?;
    Ok(Json(explain::explain(&inspector.sandbox, &question)))
}

impl Inspector {
    /// Returns the new state to the page that changed it, and tells the others.
    fn changed(&self) -> Json<Value> {
        if let Some(feed) = &self.sandbox.feed {
            feed.state_changed();
        }
        Json(state::describe(&self.sandbox, &self.authority))
    }
}
