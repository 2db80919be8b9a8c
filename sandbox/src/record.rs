//! The newest requests of the TLS listener, byte for byte, so that a test can compare them.

use std::collections::{BTreeMap, VecDeque};

use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Serialize;

const MAX_RECORDS: usize = 1_000;

/// One request. It holds the secrets that the client sent.
#[derive(Clone, Serialize)]
pub struct RecordedRequest {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl RecordedRequest {
    /// Records a request. Bytes that are not UTF-8 become U+FFFD.
    pub fn new(parts: &Parts, body: &[u8]) -> Self {
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map_or(parts.uri.path(), |target| target.as_str()).into(),
            headers: headers(&parts.headers),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }
}

/// Joins the values of a repeated header with commas (RFC 9110 section 5.3).
fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().into())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    joined
}

/// The newest requests in order of arrival.
#[derive(Default)]
pub struct Records(VecDeque<RecordedRequest>);

impl Records {
    /// Adds a request, and drops the oldest if there is no room.
    pub fn push(&mut self, record: RecordedRequest) {
        if self.0.len() == MAX_RECORDS {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }

    /// Returns a copy, oldest first.
    pub fn to_vec(&self) -> Vec<RecordedRequest> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn record(path: &str) -> RecordedRequest {
        let request = Request::get(path).header("Accept", "a").header("accept", "b").body(()).unwrap();
        RecordedRequest::new(&request.into_parts().0, b"a=b")
    }

    #[test]
    fn request_is_recorded_as_sent() {
        let json = serde_json::to_value(record("/x?y=1")).unwrap();
        let expected = serde_json::json!({
            "method": "GET", "path": "/x?y=1", "headers": {"accept": "a, b"}, "body": "a=b",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn oldest_record_is_dropped_when_the_limit_is_reached() {
        let mut records = Records::default();
        for number in 0..=MAX_RECORDS {
            records.push(record(&format!("/{number}")));
        }
        let records = records.to_vec();
        assert_eq!(records.len(), MAX_RECORDS);
        assert_eq!(records[0].path, "/1");
    }
}
