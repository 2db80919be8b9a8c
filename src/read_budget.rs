//! Limits what a peer may send, and how long reading it keeps the library's thread.
//!
//! The libraries that parse HTTP, TLS and RESP have no limit for what leads to no result, such as responses with status
//! 1xx or an error line without an end, and they go on as long as there are bytes. All callers share one thread, so a
//! peer that floods one connection would hold up the timers of every client.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes for one request: what opens its connection, including TLS and a proxy, and the response. A response
/// has some kilobytes, and a TLS handshake as well.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
/// The most bytes until other tasks run. Parsing them takes about a millisecond.
const TURN: usize = 16 * 1024;

/// What the peers of one request may still send. Clones share it.
#[derive(Clone)]
pub(crate) struct ReadBudget(Arc<AtomicUsize>);

/// The peers of a request sent more than its budget.
#[derive(Debug)]
pub(crate) struct BudgetExceeded;

impl ReadBudget {
    pub fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(MAX_BYTES)))
    }

    /// Begins the next request. A write does not show it, because a peer can make TLS send something.
    pub fn restart(&self) {
        self.0.store(MAX_BYTES, Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn spend(&self, length: usize) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(length)));
    }
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it sent more than 1 MiB without completing a response")
    }
}

impl StdError for BudgetExceeded {}

/// A connection that reads within a budget. TLS is above it, because its own messages need no end either.
pub(crate) struct Budgeted<T> {
    io: T,
    budget: ReadBudget,
    /// The bytes until other tasks run.
    turn: usize,
}

impl<T> Budgeted<T> {
    pub fn new(io: T, budget: ReadBudget) -> Self {
        Self { io, budget, turn: TURN }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Budgeted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.turn == 0 {
            // The budget of Tokio counts calls, each of which may read 400 KiB.
            this.turn = TURN;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = this.budget.left();
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(BudgetExceeded)));
        }
        let room = to.remaining().min(this.turn).min(left);
        let mut part = ReadBuf::new(to.initialize_unfilled_to(room));
        let polled = Pin::new(&mut this.io).poll_read(cx, &mut part);
        let length = part.filled().len();
        to.advance(length);
        this.budget.spend(length);
        this.turn = if polled.is_pending() { TURN } else { this.turn - length };
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Budgeted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A peer that always has more.
    struct Endless;

    impl AsyncRead for Endless {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            to.put_slice(&vec![b'x'; to.remaining()]);
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn endless_peer_is_read_in_turns_until_the_budget_is_spent() {
        let budget = ReadBudget::new();
        let mut connection = Budgeted::new(Endless, budget.clone());
        let mut cx = Context::from_waker(Waker::noop());
        let mut bytes = vec![0; 400 * 1024];
        for _ in 0..2 {
            let (mut total, mut turn) = (0, 0);
            let error = loop {
                let mut to = ReadBuf::new(&mut bytes);
                match Pin::new(&mut connection).poll_read(&mut cx, &mut to) {
                    Poll::Pending => turn = 0,
                    Poll::Ready(Ok(())) => {
                        (total, turn) = (total + to.filled().len(), turn + to.filled().len());
                        assert!(turn <= TURN);
                    }
                    Poll::Ready(Err(error)) => break error,
                }
            };
            assert!(crate::causes::find::<BudgetExceeded>(&error).is_some());
            assert_eq!(total, MAX_BYTES);
            budget.restart();
        }
    }
}
