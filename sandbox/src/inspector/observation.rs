//! One request as the page shows it, from its arrival to its response. No secret, and no header that could be one.

use std::sync::Arc;
use std::time::Instant;

use axum::http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, RETRY_AFTER,
    USER_AGENT, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::decoded;
use super::state::system_ms;
use crate::authorization::credentials;
use crate::dpop::{DPOP, DPOP_NONCE, DecodedProof, Examination, PresentedToken, ProofSlot, Role};
use crate::fault::Interruption;
use crate::form::Form;
use crate::log::Reason;
use crate::options::{Credentials, DpopMode};
use crate::paths;
use crate::sandbox::Sandbox;
use crate::token_endpoint::IssuedToken;

/// Headers whose values are shown. Of all others, the name is.
const SHOWN_HEADERS: [HeaderName; 11] = [
    ACCEPT,
    CACHE_CONTROL,
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DATE,
    DPOP_NONCE,
    HOST,
    RETRY_AFTER,
    USER_AGENT,
    WWW_AUTHENTICATE,
];
/// Parameters of the form that are not secret, unless a client sends a secret in the wrong one.
const SHOWN_PARAMETERS: [&str; 5] = ["client_id", "username", "scope", "audience", "grant_type"];

/// Describes a request to the pages. Like the line of the log, it is complete even if the client goes away.
pub struct Observation {
    sandbox: Arc<Sandbox>,
    number: u64,
    started: Instant,
    request: Parts,
    slot: ProofSlot,
    entry: Map<String, Value>,
}

impl Observation {
    /// Begins to observe a request, if the inspector is on, and shows that it has arrived.
    pub fn begin(sandbox: &Arc<Sandbox>, request: &mut Parts) -> Option<Self> {
        let number = sandbox.feed.as_ref()?.next_number();
        let slot = ProofSlot::default();
        request.extensions.insert(slot.clone());
        let server = Role::of(request.uri.path()).map(Role::name);
        let fields = [
            ("number", number.into()),
            ("arrived_ms", system_ms().into()),
            ("server_seconds", sandbox.clock.now_seconds().into()),
            ("method", request.method.as_str().into()),
            ("path", decoded::cut(request.uri.path()).into()),
            ("has_query", request.uri.query().is_some().into()),
            ("server", server.into()),
            ("headers", headers(&request.headers)),
        ];
        let entry = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (sandbox, request) = (Arc::clone(sandbox), request.clone());
        let observation = Self { sandbox, number, started: Instant::now(), request, slot, entry };
        observation.publish();
        Some(observation)
    }

    /// Adds the form of a token request.
    pub fn body(&mut self, body: &[u8]) {
        if self.request.uri.path() != paths::TOKEN || body.is_empty() {
            return;
        }
        let form = match Form::decode(body) {
            Ok(form) => {
                form.pairs().iter().map(|(name, value)| parameter(&self.sandbox.credentials, name, value)).collect()
            }
            Err(error) => json!([{"name": "(no form)", "hidden": error.to_string()}]),
        };
        self.entry.insert("form".into(), form);
        self.publish();
    }

    /// Shows the response.
    pub fn end(mut self, response: &Response, reason: Option<&Reason>) {
        let interruption = response.extensions().get::<Interruption>();
        let issued = response.extensions().get::<IssuedToken>();
        let response = json!({
            "status": interruption.is_none().then(|| response.status().as_u16()),
            "phrase": response.status().canonical_reason(),
            "reason": reason.map(|Reason(reason)| reason.as_ref()),
            "interruption": interruption.map(|interruption| match interruption {
                Interruption::Close => "The connection was closed without a response",
                Interruption::Raw { .. } => "Raw bytes were sent instead of a response",
            }),
            "headers": headers(response.headers()),
            "issued": issued.map(|IssuedToken(token)| decoded::token(&self.sandbox, token)),
            "milliseconds": self.started.elapsed().as_secs_f64() * 1e3,
        });
        self.entry.insert("response".into(), response);
        // Dropping it adds token and proof, and publishes it.
    }

    fn token(&self) -> Option<Value> {
        let (scheme, token) = self.presented_token()?;
        let mut described = decoded::token(&self.sandbox, token);
        described["scheme"] = scheme.into();
        Some(described)
    }

    fn presented_token(&self) -> Option<(&'static str, &str)> {
        let (scheme, token) = credentials(&self.request.headers)?;
        Some((scheme.name(), token))
    }

    /// Describes the proof and its checks. A server that stopped before the proof did not make them, but they are made
    /// for the page, because they help anyway.
    fn proof(&self) -> Value {
        let (note, examination) = match self.slot.examination() {
            Some(examination) => (None, Some(examination.clone())),
            None if self.sandbox.dpop.mode == DpopMode::Off => (Some("ignored"), self.look_at_proof()),
            None => (Some("not reached"), self.look_at_proof()),
        };
        let Some(examination) = examination else { return Value::Null };
        let header = self.request.headers.get(DPOP).and_then(|value| value.to_str().ok());
        json!({
            "decoded": header.and_then(DecodedProof::decode).as_ref().map(decoded::proof),
            "thumbprint": examination.thumbprint,
            "checks": decoded::checks(&examination),
            "note": note,
        })
    }

    fn look_at_proof(&self) -> Option<Examination> {
        let role = Role::of(self.request.uri.path())?;
        let now = self.sandbox.clock.now_seconds();
        let token = self.presented_token().filter(|_| matches!(role, Role::ResourceServer));
        let jkt = token.and_then(|(_, token)| self.sandbox.tokens.verify(token, now).ok().flatten());
        let presented = token.map(|(_, token)| PresentedToken { token, jkt: jkt.as_deref() });
        self.sandbox.dpop.look_at(role, &self.request, presented, now)
    }

    fn publish(&self) {
        if let (Some(feed), Ok(entry)) = (&self.sandbox.feed, serde_json::to_string(&self.entry)) {
            feed.publish_request(self.number, entry);
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let (token, proof) = (self.token(), self.proof());
        self.entry.insert("token".into(), token.into());
        self.entry.insert("proof".into(), proof);
        self.entry.entry("response").or_insert_with(|| json!({"interruption": "The client went away"}));
        self.publish();
    }
}

/// Shows a parameter of the form, or says of a hidden one whether it is right.
fn parameter(known: &Credentials, name: &str, value: &str) -> Value {
    let is_secret = |text: &str| text == known.client_secret || text == known.password;
    let right = |expected: &str| if value == expected { "the right value" } else { "a wrong value" };
    let shown_if = |expected: &str| value == expected && !is_secret(value);
    let name = if is_secret(name) { "" } else { name };
    match name {
        "client_secret" => json!({"name": name, "hidden": right(&known.client_secret)}),
        "password" => json!({"name": name, "hidden": right(&known.password)}),
        _ if is_secret(value) => json!({"name": shown_name(name), "hidden": "a secret in the wrong parameter"}),
        // A wrong one may be the secret of another system.
        "client_id" if !shown_if(&known.client_id) => json!({"name": name, "hidden": "a wrong value"}),
        "username" if !shown_if(&known.username) => json!({"name": name, "hidden": "a wrong value"}),
        _ if SHOWN_PARAMETERS.contains(&name) => json!({"name": name, "value": decoded::cut(value)}),
        _ => json!({"name": shown_name(name), "hidden": "not a parameter that this server knows"}),
    }
}

/// Returns the name of an unknown parameter, unless it may be a body of another kind, with everything in it.
fn shown_name(name: &str) -> &str {
    let is_name = (1..=30).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { name } else { "(another name)" }
}

/// Lists headers. Tokens and proofs are shortened, and values that might be secret are hidden.
fn headers(headers: &HeaderMap) -> Value {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        match name {
            _ if SHOWN_HEADERS.contains(name) => json!({"name": name.as_str(), "value": decoded::cut(&text)}),
            name if *name == DPOP => json!({"name": name.as_str(), "value": decoded::shortened(&text)}),
            name if *name == AUTHORIZATION => match credentials(headers) {
                Some((scheme, token)) => {
                    let value = format!("{} {}", scheme.name(), decoded::shortened(token));
                    json!({"name": name.as_str(), "value": value})
                }
                None => json!({"name": name.as_str(), "hidden": "another scheme than Bearer and DPoP"}),
            },
            name if name == "x-request-id" => json!({"name": name.as_str(), "value": text}),
            _ => json!({"name": name.as_str(), "hidden": "value not shown"}),
        }
    };
    headers.iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_that_might_be_secret_is_hidden() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.SECRET.SECRET"),
            ("dpop", "eyJ0eXAiOiJkcG9w.SECRET.SECRET"),
            ("cookie", "id=SECRET"),
            ("x-api-key", "SECRET"),
            ("user-agent", "curl/8"),
        ] {
            given.append(name, HeaderValue::from_static(value));
        }
        let shown = headers(&given);
        assert!(!shown.to_string().contains("SECRET"), "{shown}");
        assert_eq!(shown[0], json!({"name": "authorization", "value": "Bearer eyJhbGci…"}));
        assert_eq!(shown[4], json!({"name": "user-agent", "value": "curl/8"}));
        assert_eq!(shown.as_array().unwrap().len(), 5);
    }

    #[test]
    fn secret_is_hidden_wherever_it_is_in_the_form() {
        let line: crate::options::CommandLine =
            clap::Parser::parse_from(["tango-sandbox", "--client-secret", "SECRET1", "--password", "SECRET2"]);
        let known = line.serve.server.credentials;
        for (name, value) in [
            ("client_secret", "SECRET1"),
            ("client_secret", "SECRET3"),
            ("password", "SECRET2"),
            ("client_id", "SECRET1"),
            ("client_id", "SECRET3"),
            ("username", "SECRET2"),
            ("username", "SECRET3"),
            ("SECRET1", "a"),
            ("secret", "SECRET3"),
            ("{\"password\": \"SECRET2\"}", ""),
        ] {
            let shown = parameter(&known, name, value);
            assert!(!shown.to_string().contains("SECRET"), "{shown}");
        }
        assert_eq!(parameter(&known, "password", "SECRET2")["hidden"], "the right value");
        assert_eq!(parameter(&known, "password", "SECRET1")["hidden"], "a wrong value");
        assert_eq!(parameter(&known, "client_id", "sandbox-client")["value"], "sandbox-client");
        assert_eq!(parameter(&known, "scope", "a"), json!({"name": "scope", "value": "a"}));
    }

    #[test]
    fn credentials_of_another_scheme_are_hidden() {
        let headers = headers(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Basic U0VDUkVU"))]));
        assert!(!headers.to_string().contains("U0VDUkVU"), "{headers}");
    }
}
