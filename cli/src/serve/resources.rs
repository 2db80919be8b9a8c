//! What the server offers: `/token`, `/headers`, `/observe` and `/healthz`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::ALLOW;
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};
use tango_token::{Authorization, Client, Observation, Verdict};
use tokio::time::timeout;

use super::connections::Slot;
use super::guard::Guard;
use super::response::{Refused, Response, Served, failed, json_response, library_error, with_header};

/// Enough for a URL of 64 KiB, and for headers that an API sent.
const MAX_BODY: usize = 256 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of headers that `/observe` can still refer to. Further ones replace the oldest.
const MAX_AUTHORIZATIONS: usize = 1024;

/// The client, and the headers that it made for callers.
pub struct Resources {
    client: Client,
    authorizations: Mutex<VecDeque<(String, Authorization)>>,
}

impl Resources {
    pub fn new(client: Client) -> Self {
        Self { client, authorizations: Mutex::default() }
    }

    pub async fn respond(&self, request: Request<Incoming>, guard: &Guard, slot: &Slot) -> Served {
        Ok(self.respond_or_refuse(request, guard, slot).await.unwrap_or_else(|refused| *refused))
    }

    async fn respond_or_refuse(
        &self,
        request: Request<Incoming>,
        guard: &Guard,
        slot: &Slot,
    ) -> Result<Response, Refused> {
        let (parts, body) = request.into_parts();
        guard.check_source(&parts)?;
        let (method, path) = (&parts.method, parts.uri.path());
        if path == "/healthz" {
            only(&[Method::GET, Method::HEAD], method)?;
            return Ok(json_response(StatusCode::OK, &json!({"status": "ok"})));
        }
        guard.check_caller(&parts)?;
        match path {
            "/token" => {
                only(&[Method::GET], method)?;
                let _busy = slot.busy();
                self.token().await
            }
            "/headers" => {
                only(&[Method::POST], method)?;
                let fields = read(body).await?;
                let _busy = slot.busy();
                self.headers(&fields).await
            }
            "/observe" => {
                only(&[Method::POST], method)?;
                let fields = read(body).await?;
                let _busy = slot.busy();
                self.observe(&fields).await
            }
            _ => Err(failed(
                StatusCode::NOT_FOUND,
                "invalid_request",
                "there are /token, /headers, /observe and /healthz",
            )),
        }
    }

    async fn token(&self) -> Result<Response, Refused> {
        let token = self.client.acquire_async().await.map_err(|error| library_error(&error))?;
        // RFC 6749 section 5.1.
        let body = json!({
            "access_token": token.value(),
            "token_type": token.token_type(),
            "expires_in": token.expires_in().as_secs(),
            "scope": token.scope(),
        });
        Ok(json_response(StatusCode::OK, &body))
    }

    async fn headers(&self, fields: &Map<String, Value>) -> Result<Response, Refused> {
        let (method, url) = (required(fields, "method")?, required(fields, "url")?);
        let authorization = self.client.authorize_async(method, url).await.map_err(|error| library_error(&error))?;
        Ok(json_response(StatusCode::OK, &self.keep(authorization)?))
    }

    async fn observe(&self, fields: &Map<String, Value>) -> Result<Response, Refused> {
        let id = required(fields, "id")?;
        let http_status = fields.get("http_status").and_then(Value::as_u64).and_then(|status| status.try_into().ok());
        let http_status = http_status.ok_or_else(|| invalid("http_status has to be the status of the response"))?;
        let response = Observation {
            http_status,
            dpop_nonce: optional(fields, "dpop_nonce")?,
            www_authenticate: optional(fields, "www_authenticate")?,
            date: optional(fields, "date")?,
        };
        let authorization = self.take(id).ok_or_else(|| {
            failed(
                StatusCode::GONE,
                "invalid_request",
                "there are no headers with this id, or they were observed before",
            )
        })?;
        match self.client.observe(&authorization, &response) {
            Ok(Verdict::Done) => Ok(json_response(StatusCode::OK, &json!({"verdict": "done"}))),
            Ok(Verdict::Retry) => {
                let again = self.client.authorize_again_async(&authorization).await;
                let mut body = self.keep(again.map_err(|error| library_error(&error))?)?;
                body["verdict"] = "retry".into();
                Ok(json_response(StatusCode::OK, &body))
            }
            Err(error) => {
                let refused = json!({"verdict": "give_up", "error_description": error.message()});
                Ok(json_response(StatusCode::OK, &refused))
            }
        }
    }

    /// Keeps an authorization for `/observe`, and returns its headers.
    fn keep(&self, authorization: Authorization) -> Result<Value, Refused> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| {
            failed(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the system has no random numbers")
        })?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        let mut headers = json!({"Authorization": authorization.authorization()});
        if let Some(proof) = authorization.dpop() {
            headers["DPoP"] = proof.into();
        }
        let mut kept = self.authorizations();
        if kept.len() == MAX_AUTHORIZATIONS {
            kept.pop_front();
        }
        kept.push_back((id.clone(), authorization));
        Ok(json!({"id": id, "headers": headers}))
    }

    fn take(&self, id: &str) -> Option<Authorization> {
        let mut kept = self.authorizations();
        let place = kept.iter().position(|(known, _)| known == id)?;
        kept.remove(place).map(|(_, authorization)| authorization)
    }

    fn authorizations(&self) -> MutexGuard<'_, VecDeque<(String, Authorization)>> {
        self.authorizations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn only(allowed: &[Method], method: &Method) -> Result<(), Refused> {
    if allowed.contains(method) {
        return Ok(());
    }
    let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let refused = failed(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", &format!("use {allowed}"));
    Err(with_header(refused, ALLOW, &allowed))
}

/// Reads a body, which has to be a JSON object.
async fn read(body: Incoming) -> Result<Map<String, Value>, Refused> {
    let too_late = || failed(StatusCode::REQUEST_TIMEOUT, "invalid_request", "the body did not arrive in time");
    let body = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await.map_err(|_| too_late())?;
    let body =
        body.map_err(|_| failed(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is longer than 256 KiB"))?;
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(invalid("the body has to be a JSON object")),
    }
}

fn required<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refused> {
    optional(fields, name)?.ok_or_else(|| invalid(&format!("{name} is missing")))
}

fn optional<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refused> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(string)) => Ok(Some(string)),
        Some(_) => Err(invalid(&format!("{name} has to be a string"))),
    }
}

fn invalid(description: &str) -> Refused {
    failed(StatusCode::BAD_REQUEST, "invalid_request", description)
}
