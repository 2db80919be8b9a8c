//! Blocks a Python thread until a future is ready: without the GIL, and so that Ctrl-C works.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::attach::detached;

/// How often signal handlers run during a wait.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Returns the result of a future. If the future is ready at once, the GIL is not released.
pub fn wait<T: Send>(py: Python<'_>, future: impl Future<Output = T> + Send) -> PyResult<T> {
    let mut future = pin!(future);
    if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return Ok(outcome);
    }
    loop {
        if let Some(outcome) = detached(py, || poll_until_signal_check(future.as_mut())) {
            return Ok(outcome);
        }
        py.check_signals()?;
    }
}

fn poll_until_signal_check<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let start = Instant::now();
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
            return Some(outcome);
        }
        thread::park_timeout(SIGNAL_INTERVAL.checked_sub(start.elapsed())?);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
