//! A request body that knows whether it was sent. An error alone does not distinguish a timeout of the connection from
//! a timeout of the server.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Whether the HTTP client began to send the body.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub fn is_true(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// A body that notes when it is sent.
pub(super) struct TrackedBody {
    bytes: Bytes,
    sent: Sent,
}

impl TrackedBody {
    pub fn new(bytes: Bytes, sent: Sent) -> Self {
        Self { bytes, sent }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = Infallible;

    /// Notes that the body is sent: the HTTP client polls it only when it has a connection.
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.0.store(true, Relaxed);
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then_some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
