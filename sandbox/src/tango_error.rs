//! The JSON in which Tango reports every error except the 400 and 401 of its token endpoint.

use std::borrow::Cow;
use std::time::SystemTime;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::clock::rfc3339;
use crate::log::Reason;

/// The part of an error that a handler knows. It travels as an extension of the response, because its body also has the
/// path and the request id, which only the exchange knows.
#[derive(Clone)]
pub struct TangoError {
    status: StatusCode,
    i18n_key: &'static str,
    message: Cow<'static, str>,
    /// The invalid part of the request.
    at: Option<&'static str>,
}

impl TangoError {
    /// Makes an error. Its message is also logged, and must not repeat a value of the request.
    pub fn new(status: StatusCode, i18n_key: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, i18n_key, message: message.into(), at: None }
    }

    /// Names the invalid part of the request.
    pub fn at(self, part: &'static str) -> Self {
        Self { at: Some(part), ..self }
    }

    /// Returns the body, with its fields in the order of Tango's documentation.
    pub fn body<'a>(&'a self, path: &'a str, request_id: &'a str, now: SystemTime) -> impl Serialize + 'a {
        let (i18n_key, message) = (self.i18n_key, self.message.as_ref());
        let detail = |path| Detail { path, code: self.status.as_str(), i18n_key, message };
        ErrorBody {
            timestamp: rfc3339(now),
            request_id,
            path,
            http_code: self.status.as_u16(),
            http_phrase: self.status.canonical_reason().unwrap_or_default(),
            i18n_key,
            message,
            errors: self.at.map(detail).into_iter().collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    timestamp: String,
    request_id: &'a str,
    path: &'a str,
    http_code: u16,
    http_phrase: &'static str,
    i18n_key: &'static str,
    message: &'a str,
    errors: Vec<Detail<'a>>,
}

/// One of the `errors`; its `path` is the invalid part of the request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    path: &'static str,
    code: &'a str,
    i18n_key: &'static str,
    message: &'a str,
}

impl IntoResponse for TangoError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Reason(self.message.clone()));
        response.extensions_mut().insert(self);
        response
    }
}
