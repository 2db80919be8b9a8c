//! Scripted answers: what a test wants the TLS listener to say next, instead of what it would say.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use crate::exchange::pause;
use crate::fault::{self, CloseConnection};
use crate::token_endpoint;

const MAX_QUEUED: usize = 1_000;
const MAX_DELAY_MS: u64 = 600_000;

/// How an answer breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    /// The connection is closed without a byte.
    Close,
    /// The connection is closed in the middle of the body.
    Truncate,
    /// Nothing, until the client goes away.
    Hang,
}

/// An answer as `POST /answers` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    path: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    #[serde(default)]
    body: String,
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

/// One answer, checked and ready to be given.
#[derive(Debug)]
pub struct ScriptedAnswer {
    path: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    delay: Duration,
    fault: Option<Fault>,
}

/// Reads a JSON array of answers. The error names the answer, counted from 1, and what is wrong with it.
pub fn parse(json: &[u8]) -> Result<Vec<ScriptedAnswer>, String> {
    let descriptions: Vec<Value> =
        serde_json::from_slice(json).map_err(|error| format!("not a JSON array of answers: {error}"))?;
    let answers = descriptions.into_iter().zip(1..).map(|(description, number)| {
        serde_json::from_value::<Description>(description)
            .map_err(|error| error.to_string())
            .and_then(ScriptedAnswer::try_from)
            .map_err(|error| format!("answer {number}: {error}"))
    });
    answers.collect()
}

impl TryFrom<Description> for ScriptedAnswer {
    type Error = String;

    fn try_from(description: Description) -> Result<Self, String> {
        let path = description.path.unwrap_or_else(|| token_endpoint::PATH.into());
        if !path.starts_with('/') {
            return Err("path does not begin with /".into());
        }
        let status = status(description.status.unwrap_or(200))?;
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodiless && (!description.body.is_empty() || description.fault == Some(Fault::Truncate)) {
            return Err(format!("status {} has no body", status.as_u16()));
        }
        if description.delay_ms > MAX_DELAY_MS {
            return Err(format!("delay_ms is above {MAX_DELAY_MS}"));
        }
        Ok(Self {
            path,
            status,
            headers: headers(description.headers)?,
            body: description.body.into(),
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

impl ScriptedAnswer {
    /// Gives the answer, or the fault; exactly the described headers, and what framing needs.
    pub async fn play(self) -> Response {
        pause(self.delay).await;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        match self.fault {
            None => *response.body_mut() = self.body.into(),
            Some(Fault::Truncate) => fault::truncate(&mut response, self.body),
            Some(Fault::Close) => return CloseConnection.into_response(),
            // The connection drops this future when its client goes away.
            Some(Fault::Hang) => std::future::pending().await,
        }
        response
    }
}

/// The answers that are still to be given.
#[derive(Default)]
pub struct Script(VecDeque<ScriptedAnswer>);

impl Script {
    /// Appends all of them, or none where there is no room.
    pub fn append(&mut self, answers: Vec<ScriptedAnswer>) -> Result<(), String> {
        if self.0.len() + answers.len() > MAX_QUEUED {
            return Err(format!("more than {MAX_QUEUED} answers would be queued"));
        }
        self.0.extend(answers);
        Ok(())
    }

    /// How many answers wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the first answer for `path`.
    pub fn take(&mut self, path: &str) -> Option<ScriptedAnswer> {
        let position = self.0.iter().position(|answer| answer.path == path)?;
        self.0.remove(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(json: &str) -> ScriptedAnswer {
        parse(format!("[{json}]").as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn an_empty_description_has_the_defaults() {
        let answer = one("{}");
        assert_eq!(answer.path, "/oauth/token");
        assert_eq!(answer.status, 200);
        assert!(answer.headers.is_empty() && answer.body.is_empty() && answer.delay.is_zero());
        assert_eq!(answer.fault, None);
    }

    #[test]
    fn everything_can_be_described() {
        let answer = one(r#"{"path": "/x", "status": 599, "headers": {"A": "1", "b": ["2", "ü"]}, "body": "c",
                             "delay_ms": 5, "fault": "truncate"}"#);
        assert_eq!((answer.path.as_str(), answer.status.as_u16()), ("/x", 599));
        assert_eq!(answer.headers["a"], "1");
        assert_eq!(answer.headers.get_all("b").iter().count(), 2);
        assert_eq!((&answer.body[..], answer.delay), (&b"c"[..], Duration::from_millis(5)));
        assert_eq!(answer.fault, Some(Fault::Truncate));
    }

    #[test]
    fn mistakes_are_named() {
        for (json, message) in [
            ("{}", "not a JSON array"),
            ("[1]", "answer 1: invalid type"),
            (r#"[{}, {"stauts": 200}]"#, "answer 2: unknown field `stauts`"),
            (r#"[{"status": 199}]"#, "answer 1: status is not from 200 to 599"),
            (r#"[{"status": 600}]"#, "answer 1: status is not from 200 to 599"),
            (r#"[{"status": 70000}]"#, "answer 1: invalid value"),
            (r#"[{"path": "x"}]"#, "answer 1: path does not begin with /"),
            (r#"[{"fault": "burn"}]"#, "answer 1: unknown variant `burn`"),
            (r#"[{"delay_ms": -1}]"#, "answer 1: invalid value"),
            (r#"[{"delay_ms": 600001}]"#, "answer 1: delay_ms is above 600000"),
            (r#"[{"headers": {"a b": "1"}}]"#, r#"answer 1: "a b" is not a header name"#),
            (r#"[{"headers": {"a": 1}}]"#, "answer 1: a header is a string or an array of strings"),
            (r#"[{"headers": {"a": "1\n"}}]"#, "answer 1: header a has a value with control characters"),
            (r#"[{"headers": {"Content-Length": "1"}}]"#, "answer 1: content-length follows"),
            (r#"[{"status": 204, "body": "x"}]"#, "answer 1: status 204 has no body"),
        ] {
            let error = parse(json.as_bytes()).unwrap_err();
            assert!(error.starts_with(message), "{json}: {error}");
        }
    }

    #[test]
    fn answers_are_taken_in_order_and_by_path() {
        let mut script = Script::default();
        let answers = parse(br#"[{"body": "1"}, {"path": "/x", "body": "2"}, {"body": "3"}]"#).unwrap();
        script.append(answers).unwrap();
        let mut take = |path| script.take(path).map(|answer| answer.body);
        assert_eq!(take("/x").unwrap(), "2");
        assert_eq!(take("/x"), None);
        assert_eq!(take("/oauth/token").unwrap(), "1");
        assert_eq!(take("/oauth/token").unwrap(), "3");
        assert_eq!(take("/oauth/token"), None);
    }

    #[test]
    fn the_queue_is_bounded_and_takes_all_or_none() {
        let mut script = Script::default();
        let many = |count: usize| parse(format!("[{}]", vec!["{}"; count].join(",")).as_bytes()).unwrap();
        script.append(many(MAX_QUEUED - 1)).unwrap();
        assert!(script.append(many(2)).is_err());
        assert_eq!(script.len(), MAX_QUEUED - 1);
        script.append(many(1)).unwrap();
    }
}
