//! A response as it arrived, and what has to be known of its request to read it.

use std::time::Duration;

use http::StatusCode;
use http::header::HeaderMap;

use super::headers;
use crate::dpop::Binding;
use crate::error::ServerResponse;
use crate::secret::Redactor;

/// A response as it arrived.
pub(super) struct Received<'a> {
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    /// The body, decoded.
    pub text: &'a str,
    /// The server's time, in seconds since 1970.
    pub now: i64,
}

impl Received<'_> {
    /// Adds what the status and the headers say to what the body says.
    pub fn identified(&self, said: ServerResponse, context: &RequestContext<'_>) -> ServerResponse {
        let request_id = headers::request_id(self.headers, context.redactor).or(said.request_id);
        ServerResponse { http_status: Some(self.status.as_u16()), request_id, ..said }
    }
}

/// The parts of the request that are needed to read its response.
pub(super) struct RequestContext<'a> {
    /// The host and the port of the server, for messages.
    pub server: &'a str,
    pub scope: &'a str,
    pub documented_lifetime: Duration,
    /// The key of the proof, if one was sent.
    pub binding: Option<&'a Binding>,
    pub redactor: &'a Redactor,
}
