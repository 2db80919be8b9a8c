//! Deadlines that look at the work before they look at the clock.
//!
//! A process can be stopped, a machine can sleep and a thread can be held up. When it goes on, the deadline has passed
//! and the response lies in the socket: it cost a token, so it is read before time is declared over.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::time::{self, Instant};

/// A timer that fires later than this was held up, and so was the work.
pub(crate) const LATE: Duration = Duration::from_millis(100);
/// How long the work gets after a late timer: enough to read what has arrived.
pub(crate) const GRACE: Duration = Duration::from_secs(1);
/// One turn of the runtime, which reads the sockets before it fires timers again.
const TURN: Duration = Duration::from_millis(1);

/// The result of `work`, or `None` once `deadline` has passed and there still is none.
pub(crate) async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    if let Ok(done) = time::timeout_at(deadline, &mut work).await {
        return Some(done);
    }
    let is_late = Instant::now().saturating_duration_since(deadline) > LATE;
    time::timeout(if is_late { GRACE } else { TURN }, work).await.ok()
}

/// Instant + Duration can overflow, and nobody waits for longer than this.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The same for a span from now on.
pub(crate) async fn within<T>(timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
    until(Instant::now() + timeout.min(LONGEST), work).await
}

/// The same on this thread, which waits without a runtime: whatever becomes of that, the deadline holds.
pub(crate) fn block_within<T>(timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
    let deadline = std::time::Instant::now() + timeout.min(LONGEST);
    let mut work = pin!(work);
    park_until(deadline, work.as_mut()).or_else(|| {
        let now = std::time::Instant::now();
        let is_late = now.saturating_duration_since(deadline) > LATE;
        park_until(now + if is_late { GRACE } else { TURN }, work)
    })
}

fn park_until<T>(deadline: std::time::Instant, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return Some(done);
        }
        let left = deadline.checked_duration_since(std::time::Instant::now()).filter(|left| !left.is_zero())?;
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;

    use super::*;

    /// Runs a test on a clock that jumps from timer to timer.
    fn paused(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(test);
    }

    #[test]
    fn work_that_is_done_wins_over_a_deadline_that_has_passed() {
        paused(async {
            assert_eq!(until(Instant::now(), ready(1)).await, Some(1));
            assert_eq!(within(Duration::ZERO, pending::<()>()).await, None);
        });
    }

    #[test]
    fn work_that_was_held_up_with_its_timer_is_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let result = runtime.block_on(async {
            let (sender, receiver) = oneshot::channel();
            tokio::spawn(async move {
                // The thread that runs the timers is held up, and the work needs some more turns after that.
                thread::sleep(Duration::from_millis(300));
                time::sleep(Duration::from_millis(50)).await;
                sender.send(1).unwrap();
            });
            within(Duration::from_millis(10), receiver).await
        });
        assert_eq!(result, Some(Ok(1)));
    }

    #[test]
    fn blocked_thread_looks_at_the_work_first_and_keeps_its_deadline() {
        assert_eq!(block_within(Duration::ZERO, ready(1)), Some(1));
        assert_eq!(block_within(Duration::from_millis(5), pending::<()>()), None);
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || sender.send(1));
        assert_eq!(block_within(Duration::MAX, receiver), Some(Ok(1)));
    }
}
