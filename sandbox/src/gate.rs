//! Holds responses back until a test releases them, so that a test need not guess how long something takes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Open at first. While it is closed, there is a sender, whose end wakes every response that waits.
#[derive(Default)]
pub struct Gate(Mutex<Option<watch::Sender<()>>>);

impl Gate {
    /// Holds every response that comes from now on. Closing a closed gate has no effect.
    pub fn hold(&self) {
        self.sender().get_or_insert_with(|| watch::Sender::new(()));
    }

    /// Lets every held response go, even if the gate is closed again right away.
    pub fn release(&self) {
        self.sender().take();
    }

    /// Returns whether responses are held.
    pub fn is_closed(&self) -> bool {
        self.sender().is_some()
    }

    /// Waits until the gate is open.
    pub async fn pass(&self) {
        let held = self.sender().as_ref().map(watch::Sender::subscribe);
        if let Some(mut receiver) = held {
            // Nothing is ever sent: this returns when the sender is dropped.
            let _ = receiver.changed().await;
        }
    }

    fn sender(&self) -> MutexGuard<'_, Option<watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn held_response_goes_on_release_though_the_gate_closes_again() {
        let gate = Gate::default();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(gate.pass()).poll(&mut context), Poll::Ready(()));

        gate.hold();
        gate.hold();
        assert!(gate.is_closed());
        let mut held = pin!(gate.pass());
        assert_eq!(held.as_mut().poll(&mut context), Poll::Pending);
        gate.release();
        gate.hold();
        assert_eq!(held.poll(&mut context), Poll::Ready(()));
        assert_eq!(pin!(gate.pass()).poll(&mut context), Poll::Pending);
    }
}
