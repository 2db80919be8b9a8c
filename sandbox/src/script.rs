//! Scripted responses: a test queues them, and the TLS listener sends them instead of its own.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::pause;
use crate::fault::{self, Interruption};
use crate::paths;

const MAX_QUEUED: usize = 1_000;
const MAX_DELAY_MS: u64 = 600_000;

/// How a response fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    /// The connection is closed without a byte.
    Close,
    /// The connection is closed in the middle of the body.
    Truncate,
    /// Nothing is sent until the client goes away.
    Hang,
}

/// A response as `POST /responses` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    path: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    #[serde(default)]
    body: String,
    raw: Option<String>,
    #[serde(default)]
    delay_ms: u64,
    fault: Option<Fault>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a header is a string or an array of strings")]
enum Values {
    One(String),
    Many(Vec<String>),
}

/// A response whose description was checked.
#[derive(Debug)]
pub struct ScriptedResponse {
    path: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// The whole response, instead of status, headers and body.
    raw: Option<Bytes>,
    delay: Duration,
    fault: Option<Fault>,
}

/// Reads a JSON array of responses. The error names the response, counted from 1, and what is wrong with it.
pub fn parse(json: &[u8]) -> Result<Vec<ScriptedResponse>, String> {
    let descriptions: Vec<Value> =
        serde_json::from_slice(json).map_err(|error| format!("not a JSON array of responses: {error}"))?;
    let responses = descriptions.into_iter().zip(1..).map(|(description, number)| {
        serde_json::from_value::<Description>(description)
            .map_err(|error| error.to_string())
            .and_then(ScriptedResponse::try_from)
            .map_err(|error| format!("response {number}: {error}"))
    });
    responses.collect()
}

impl TryFrom<Description> for ScriptedResponse {
    type Error = String;

    fn try_from(description: Description) -> Result<Self, String> {
        let path = description.path.unwrap_or_else(|| paths::TOKEN.into());
        if !path.starts_with('/') {
            return Err("path does not begin with /".into());
        }
        let status = status(description.status.unwrap_or(200))?;
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodiless && (!description.body.is_empty() || description.fault == Some(Fault::Truncate)) {
            return Err(format!("status {} has no body", status.as_u16()));
        }
        let raw = description.raw.as_deref().map(fault::bytes).transpose()?;
        let has_parts = description.status.is_some() || !description.headers.is_empty() || !description.body.is_empty();
        if raw.is_some() && (has_parts || !matches!(description.fault, None | Some(Fault::Hang))) {
            return Err("raw is the whole response, and its only fault is hang".into());
        }
        if description.delay_ms > MAX_DELAY_MS {
            return Err(format!("delay_ms is above {MAX_DELAY_MS}"));
        }
        Ok(Self {
            path,
            status,
            headers: headers(description.headers)?,
            body: description.body.into(),
            raw,
            delay: Duration::from_millis(description.delay_ms),
            fault: description.fault,
        })
    }
}

fn status(code: u16) -> Result<StatusCode, String> {
    match StatusCode::from_u16(code) {
        Ok(status) if (200..600).contains(&code) => Ok(status),
        _ => Err("status is not from 200 to 599".into()),
    }
}

fn headers(described: BTreeMap<String, Values>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in described {
        let values = match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        };
        let header = HeaderName::try_from(&name).map_err(|_| format!("{name:?} is not a header name"))?;
        if header == CONTENT_LENGTH || header == TRANSFER_ENCODING {
            return Err(format!("{header} follows from body and fault"));
        }
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| format!("header {header} has a value with control characters"))?;
            headers.append(&header, value);
        }
    }
    Ok(headers)
}

impl ScriptedResponse {
    /// Returns the response or fails as described. It has exactly the described headers, and those of its framing.
    pub async fn play(self) -> Response {
        pause(self.delay).await;
        if let Some(bytes) = self.raw {
            return Interruption::Raw { bytes, stays_open: self.fault.is_some() }.into_response();
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        match self.fault {
            None => *response.body_mut() = self.body.into(),
            Some(Fault::Truncate) => fault::truncate(&mut response, self.body),
            Some(Fault::Close) => return Interruption::Close.into_response(),
            // The connection drops this future when its client goes away.
            Some(Fault::Hang) => std::future::pending().await,
        }
        response
    }
}

/// The responses that have not been sent yet.
#[derive(Default)]
pub struct Script(VecDeque<ScriptedResponse>);

impl Script {
    /// Appends all responses, or none if there is no room for all.
    pub fn append(&mut self, responses: Vec<ScriptedResponse>) -> Result<(), String> {
        if self.0.len() + responses.len() > MAX_QUEUED {
            return Err(format!("more than {MAX_QUEUED} responses would be queued"));
        }
        self.0.extend(responses);
        Ok(())
    }

    /// Returns how many responses are queued.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the first response for `path`.
    pub fn take(&mut self, path: &str) -> Option<ScriptedResponse> {
        let position = self.0.iter().position(|response| response.path == path)?;
        self.0.remove(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str) -> ScriptedResponse {
        parse(format!("[{json}]").as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn empty_description_has_the_defaults() {
        let response = one("{}");
        assert_eq!(response.path, "/oauth/token");
        assert_eq!(response.status, 200);
        assert!(response.headers.is_empty() && response.body.is_empty() && response.delay.is_zero());
        assert_eq!(response.fault, None);
    }

    #[test]
    fn every_field_is_read() {
        let response = one(r#"{"path": "/x", "status": 599, "headers": {"A": "1", "b": ["2", "ü"]}, "body": "c",
                             "delay_ms": 5, "fault": "truncate"}"#);
        assert_eq!((response.path.as_str(), response.status.as_u16()), ("/x", 599));
        assert_eq!(response.headers["a"], "1");
        assert_eq!(response.headers.get_all("b").iter().count(), 2);
        assert_eq!((&response.body[..], response.delay), (&b"c"[..], Duration::from_millis(5)));
        assert_eq!(response.fault, Some(Fault::Truncate));
    }

    #[test]
    fn invalid_description_is_reported() {
        for (json, message) in [
            ("{}", "not a JSON array"),
            ("[1]", "response 1: invalid type"),
            (r#"[{}, {"stauts": 200}]"#, "response 2: unknown field `stauts`"),
            (r#"[{"status": 199}]"#, "response 1: status is not from 200 to 599"),
            (r#"[{"status": 600}]"#, "response 1: status is not from 200 to 599"),
            (r#"[{"status": 70000}]"#, "response 1: invalid value"),
            (r#"[{"path": "x"}]"#, "response 1: path does not begin with /"),
            (r#"[{"fault": "burn"}]"#, "response 1: unknown variant `burn`"),
            (r#"[{"delay_ms": -1}]"#, "response 1: invalid value"),
            (r#"[{"delay_ms": 600001}]"#, "response 1: delay_ms is above 600000"),
            (r#"[{"headers": {"a b": "1"}}]"#, r#"response 1: "a b" is not a header name"#),
            (r#"[{"headers": {"a": 1}}]"#, "response 1: a header is a string or an array of strings"),
            (r#"[{"headers": {"a": "1\n"}}]"#, "response 1: header a has a value with control characters"),
            (r#"[{"headers": {"Content-Length": "1"}}]"#, "response 1: content-length follows"),
            (r#"[{"raw": "€"}]"#, "response 1: raw has a character above U+00FF"),
            (r#"[{"raw": "x", "status": 200}]"#, "response 1: raw is the whole response"),
            (r#"[{"raw": "x", "fault": "close"}]"#, "response 1: raw is the whole response"),
            (r#"[{"status": 204, "body": "x"}]"#, "response 1: status 204 has no body"),
        ] {
            let error = parse(json.as_bytes()).unwrap_err();
            assert!(error.starts_with(message), "{json}: {error}");
        }
    }

    #[test]
    fn responses_are_taken_in_order_and_by_path() {
        let mut script = Script::default();
        let responses = parse(br#"[{"body": "1"}, {"path": "/x", "body": "2"}, {"body": "3"}]"#).unwrap();
        script.append(responses).unwrap();
        let mut take = |path| script.take(path).map(|response| response.body);
        assert_eq!(take("/x").unwrap(), "2");
        assert_eq!(take("/x"), None);
        assert_eq!(take("/oauth/token").unwrap(), "1");
        assert_eq!(take("/oauth/token").unwrap(), "3");
        assert_eq!(take("/oauth/token"), None);
    }

    #[test]
    fn full_queue_takes_all_responses_or_none() {
        let mut script = Script::default();
        let many = |count: usize| parse(format!("[{}]", vec!["{}"; count].join(",")).as_bytes()).unwrap();
        script.append(many(MAX_QUEUED - 1)).unwrap();
        assert!(script.append(many(2)).is_err());
        assert_eq!(script.len(), MAX_QUEUED - 1);
        script.append(many(1)).unwrap();
    }
}
