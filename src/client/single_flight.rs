//! Single flight: at most one task under way, any number of waiters for its result. Knows nothing of what the task
//! does.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The place of the one task. A forked child makes its own: the parent's task does not run there.
pub(super) struct SingleFlight<T>(Arc<Slot<T>>);

type Slot<T> = Mutex<Option<InFlight<T>>>;

struct InFlight<T> {
    /// Raised where somebody asks for the result without waiting for it.
    is_needed: Arc<AtomicBool>,
    /// Shared with the ticket, for those who join later.
    sender: Arc<watch::Sender<Option<T>>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// Joins the task under way, or makes one with `start`, which has to hand the ticket to it.
    ///
    /// `is_needed` says that the result is wanted though nobody may wait for it. Nothing of the caller's runs under the lock.
    pub fn join_or_start(&self, is_needed: bool, start: impl FnOnce(Ticket<T>)) -> Waiter<T> {
        let (ticket, waiter) = {
            let mut slot = lock(&self.0);
            if let Some(under_way) = &*slot {
                under_way.is_needed.fetch_or(is_needed, Relaxed);
                return Waiter(under_way.sender.subscribe());
            }
            let (sender, receiver) = watch::channel(None);
            let (sender, is_needed) = (Arc::new(sender), Arc::new(AtomicBool::new(is_needed)));
            *slot = Some(InFlight { is_needed: Arc::clone(&is_needed), sender: Arc::clone(&sender) });
            (Ticket { slot: Arc::clone(&self.0), sender, is_needed }, Waiter(receiver))
        };
        start(ticket);
        waiter
    }

    #[cfg(test)]
    pub fn waiters(&self) -> usize {
        lock(&self.0).as_ref().map_or(0, |under_way| under_way.sender.receiver_count())
    }

    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        lock(&self.0).is_none()
    }
}

/// The task's own hold on its place. Dropping it, by a panic too, ends the task: the next caller starts another.
pub(super) struct Ticket<T> {
    slot: Arc<Slot<T>>,
    sender: Arc<watch::Sender<Option<T>>>,
    is_needed: Arc<AtomicBool>,
}

impl<T> Ticket<T> {
    /// Returns whether the result is wanted: the task was started for it, somebody asked for it since, or somebody
    /// waits now.
    pub fn is_needed(&self) -> bool {
        self.is_needed.load(Relaxed) || self.has_waiters()
    }

    /// Ends the task early unless its result is wanted. Nobody can join it after that.
    pub fn try_retire(&self) -> bool {
        let mut slot = lock(&self.slot);
        // Joining takes the same lock, so nobody comes in between.
        let retires = !self.is_needed();
        if retires {
            self.leave(&mut slot);
        }
        retires
    }

    /// The same as `try_retire` where nobody waits, though the result was wanted for later.
    pub fn try_retire_without_waiters(&self) -> bool {
        let mut slot = lock(&self.slot);
        let retires = !self.has_waiters();
        if retires {
            self.leave(&mut slot);
        }
        retires
    }

    /// Ends the task and gives its result to everybody who waits.
    pub fn complete(self, result: T) {
        self.leave(&mut lock(&self.slot));
        self.sender.send_replace(Some(result));
    }

    fn has_waiters(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// The slot can hold a later task by now, which stays.
    fn leave(&self, slot: &mut Option<InFlight<T>>) {
        slot.take_if(|under_way| Arc::ptr_eq(&under_way.is_needed, &self.is_needed));
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        self.leave(&mut lock(&self.slot));
    }
}

/// One caller's share of the result. Dropping it is giving up, and disturbs nobody else.
pub(super) struct Waiter<T>(watch::Receiver<Option<T>>);

/// The reason why a waiter got no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoResult {
    /// It was not there in time. The task goes on, unless the thread that it ran on is dead.
    Timeout,
    /// The task ended without one.
    Abandoned,
}

impl<T: Clone> Waiter<T> {
    /// The task's result, whenever it comes.
    pub async fn result(&mut self) -> Result<T, NoResult> {
        let result = self.0.wait_for(Option::is_some).await.ok();
        result.and_then(|result| result.clone()).ok_or(NoResult::Abandoned)
    }
}

/// What runs under the lock cannot panic halfway, so a poisoned one is as good.
fn lock<T>(slot: &Slot<T>) -> MutexGuard<'_, Option<InFlight<T>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline;

    /// Runs a test on a clock that jumps from timer to timer.
    fn paused(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(test);
    }

    const LONG: Duration = Duration::from_secs(3600);

    async fn within<T: Clone>(mut waiter: Waiter<T>, timeout: Duration) -> Result<T, NoResult> {
        deadline::within(timeout, waiter.result()).await.unwrap_or(Err(NoResult::Timeout))
    }

    fn started(slot: &SingleFlight<u32>, is_needed: bool) -> (Ticket<u32>, Waiter<u32>) {
        let mut made = None;
        let waiter = slot.join_or_start(is_needed, |ticket| made = Some(ticket));
        (made.expect("nothing was under way"), waiter)
    }

    fn joined(slot: &SingleFlight<u32>, is_needed: bool) -> Waiter<u32> {
        slot.join_or_start(is_needed, |_| panic!("a second task was started"))
    }

    #[test]
    fn all_waiters_get_the_result_of_one_task() {
        paused(async {
            let slot = SingleFlight::default();
            let (ticket, first) = started(&slot, true);
            let second = joined(&slot, false);
            ticket.complete(7);
            assert_eq!((within(first, LONG).await, within(second, LONG).await), (Ok(7), Ok(7)));
            assert!(slot.is_idle());
        });
    }

    #[test]
    fn dropped_ticket_abandons_its_waiters_and_makes_room() {
        paused(async {
            let slot = SingleFlight::default();
            let (ticket, waiter) = started(&slot, true);
            drop(ticket);
            assert_eq!(within(waiter, LONG).await, Err(NoResult::Abandoned));
            started(&slot, true);
        });
    }

    #[test]
    fn waiter_gives_up_at_its_own_deadline_and_the_task_goes_on() {
        paused(async {
            let slot = SingleFlight::default();
            let (ticket, impatient) = started(&slot, true);
            let patient = joined(&slot, true);
            assert_eq!(within(impatient, Duration::from_secs(1)).await, Err(NoResult::Timeout));
            ticket.complete(7);
            assert_eq!(within(patient, LONG).await, Ok(7));
        });
    }

    #[test]
    fn task_retires_only_while_nobody_wants_its_result() {
        let slot = SingleFlight::default();
        let (ticket, starter) = started(&slot, false);
        assert!(!ticket.try_retire(), "its starter waits");
        drop(starter);
        let waiter = joined(&slot, false);
        assert!(!ticket.try_retire());
        drop(waiter);
        assert!(ticket.try_retire(), "a waiter that gave up does not count");
        let (second, _) = started(&slot, false);
        drop(ticket);
        assert!(!slot.is_idle(), "a task that retired leaves its successor alone");
        drop(second);
    }

    #[test]
    fn result_that_was_asked_for_is_needed_though_nobody_waits() {
        let slot = SingleFlight::default();
        let (ticket, starter) = started(&slot, false);
        drop(starter);
        drop(joined(&slot, true));
        assert!(ticket.is_needed() && !ticket.try_retire());
        assert!(ticket.try_retire_without_waiters());
    }
}
