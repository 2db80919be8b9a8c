//! Waiting for the library on a thread of Python's: without the GIL, and not deaf to Ctrl-C.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::attach::away;

/// How often signal handlers get their turn.
const SLICE: Duration = Duration::from_millis(50);

/// The outcome of a future. What is there at once costs no change of the GIL's owner.
pub fn wait<T: Send>(py: Python<'_>, future: impl Future<Output = T> + Send) -> PyResult<T> {
    let mut future = pin!(future);
    if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return Ok(outcome);
    }
    loop {
        if let Some(outcome) = away(py, || within_slice(future.as_mut())) {
            return Ok(outcome);
        }
        py.check_signals()?;
    }
}

fn within_slice<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let start = Instant::now();
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
            return Some(outcome);
        }
        thread::park_timeout(SLICE.checked_sub(start.elapsed())?);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
