//! Responses: JSON that no cache keeps.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA, RETRY_AFTER};
use serde_json::{Value, json};
use tango_token::{Error, Status};

pub type Response = hyper::Response<Full<Bytes>>;
/// A response that is an error.
pub type Refused = Box<Response>;
/// Nothing in the server ends a connection on purpose.
pub type Served = Result<Response, Infallible>;

pub fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = hyper::Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // RFC 6749 section 5.1.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Returns an error in the form of RFC 6749 section 5.2.
pub fn failed(status: StatusCode, code: &str, description: &str) -> Refused {
    Box::new(json_response(status, &json!({"error": code, "error_description": description})))
}

/// Returns an error of the library. One that passes has the status 503 and says when to try again.
pub fn library_error(error: &Error) -> Refused {
    let (status, code) = match error.status() {
        Status::InvalidArgument => (StatusCode::BAD_REQUEST, "invalid_request"),
        _ if error.retry_after().is_some() => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        _ => (StatusCode::BAD_GATEWAY, "server_error"),
    };
    let retry_after = error.retry_after().map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    let body = json!({
        "error": code,
        "error_description": error.message(),
        "status": error.status().name(),
        "retry_after": retry_after,
    });
    let response = Box::new(json_response(status, &body));
    match retry_after {
        Some(seconds) => with_header(response, RETRY_AFTER, &seconds.to_string()),
        None => response,
    }
}

pub fn with_header(mut response: Refused, name: HeaderName, value: &str) -> Refused {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
