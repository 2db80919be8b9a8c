//! Responses that break the connection.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use http_body::Frame;

/// Extension of a response that must not be sent: what the listener does with the connection instead.
#[derive(Clone, Debug)]
pub enum Interruption {
    /// Closes it.
    Close,
    /// Sends these bytes as they are and closes it, or leaves that to the client.
    Raw { bytes: Bytes, stays_open: bool },
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted on purpose")
    }
}

impl Error for Interruption {}

impl IntoResponse for Interruption {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// Returns the bytes that the characters of `text` stand for, each from U+0000 to U+00FF.
pub fn bytes(text: &str) -> Result<Bytes, String> {
    let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    bytes.map(Bytes::from).map_err(|_| "raw has a character above U+00FF, which stands for no byte".into())
}

/// Makes `response` announce one byte more than `body` has, and closes the connection after `body`.
pub fn truncate(response: &mut Response, body: Bytes) {
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len() + 1));
    *response.body_mut() = Body::new(TruncatedBody { data: Some(body), flushed: false });
}

/// Sends its data, lets the connection flush it, and fails.
struct TruncatedBody {
    data: Option<Bytes>,
    flushed: bool,
}

impl http_body::Body for TruncatedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take_if(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if !self.flushed {
            // hyper flushes its buffer when a body has nothing to send.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}
