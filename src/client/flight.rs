//! The one flight: however many callers wait, one fetch is under way, and all of them get what it brings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time;

use super::fetch::Landing;
use super::{Inner, Known};
use crate::clock::BootTime;
use crate::config::Settings;
use crate::endpoint::TokenSource;
use crate::error::{Error, Status};
use crate::random::random;
use crate::token::{HeldToken, Token};

pub(super) type Outcome = Result<Arc<HeldToken>, Error>;

/// What one process needs to fetch tokens: its connection, and the place of its one flight.
pub(super) struct Hangar {
    /// What tells this client's requests from those of others, in the shared ledger.
    pub id: u64,
    endpoint: Mutex<Option<Endpoint>>,
    flight: Mutex<Option<Flight>>,
}

impl Default for Hangar {
    fn default() -> Self {
        Self { id: random(), endpoint: Mutex::default(), flight: Mutex::default() }
    }
}

/// Why a flight is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A token is wanted.
    Fetch,
    /// The shared cache and this client are to agree. Nothing is fetched unless a caller comes to wait for it.
    Look,
}

/// A connection, and the settings that it was made from.
struct Endpoint {
    settings: Arc<Settings>,
    source: Arc<dyn TokenSource>,
}

struct Flight {
    ends: BootTime,
    landed: Landed,
}

/// The end of a flight, for any number of callers who wait.
#[derive(Clone)]
pub(super) struct Landed(watch::Receiver<Option<Outcome>>);

impl Landed {
    /// The outcome; `None` when it takes longer than `timeout`.
    pub async fn within(mut self, timeout: Duration) -> Option<Result<Token, Error>> {
        match time::timeout(timeout, self.0.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => Some(outcome.clone().unwrap_or_else(|| Err(lost())).map(|held| held.token())),
            Ok(Err(_)) => Some(Err(lost())),
            Err(_) => None,
        }
    }
}

/// What a caller gets whose fetch says nothing in time.
pub(super) fn timed_out(timeout: Duration) -> Error {
    let message =
        format!("no token within {} ms; the fetch goes on, here or in another process; ask again", timeout.as_millis());
    Error::new(Status::TimedOut, message).with_retry_after(Some(Duration::from_secs(1)))
}

/// A fetch that ended without a word. No caller sees it but by a defect: where credentials changed, it begins anew.
pub(super) fn lost() -> Error {
    Error::new(Status::Internal, "the fetch of the token ended unexpectedly")
}

/// The flight as it is seen under the lock.
pub(super) struct SlotGuard<'a>(MutexGuard<'a, Option<Flight>>);

impl SlotGuard<'_> {
    /// The deadline of the fetch that is under way, if one is.
    pub fn under_way(&self) -> Option<BootTime> {
        self.0.as_ref().map(|flight| flight.ends)
    }

    pub fn start_or_join(
        &mut self,
        inner: &Arc<Inner>,
        hangar: &Arc<Hangar>,
        settings: &Arc<Settings>,
        purpose: Purpose,
    ) -> Result<Landed, Error> {
        if let Some(flight) = &*self.0 {
            return Ok(flight.landed.clone());
        }
        let runtime = inner.components.runtime()?;
        let (sender, receiver) = watch::channel(None);
        let ends = inner.clock.now().after(settings.transport.total_timeout);
        runtime.spawn(Landing::new(inner, hangar, settings, purpose, sender).fly());
        let landed = Landed(receiver);
        *self.0 = Some(Flight { ends, landed: landed.clone() });
        Ok(landed)
    }

    /// Whoever comes from now on starts another flight. The one of this `sender` may have been the last but one.
    pub fn end(&mut self, sender: &watch::Sender<Option<Outcome>>) {
        self.0.take_if(|flight| flight.landed.0.same_channel(&sender.subscribe()));
    }

    /// Ends the flight if nobody waits for it. True if so.
    pub fn end_unless_awaited(&mut self, sender: &watch::Sender<Option<Outcome>>) -> bool {
        // One is kept for those who come later.
        let is_awaited = sender.receiver_count() > 1;
        if !is_awaited {
            self.end(sender);
        }
        !is_awaited
    }
}

impl Hangar {
    /// The connection for these settings.
    pub fn endpoint(&self, inner: &Inner, settings: &Arc<Settings>) -> Result<Arc<dyn TokenSource>, Error> {
        let mut endpoint = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        match &*endpoint {
            Some(made) if Arc::ptr_eq(&made.settings, settings) => Ok(Arc::clone(&made.source)),
            _ => {
                let source = inner.components.endpoint(settings, &inner.server_clock)?;
                *endpoint = Some(Endpoint { settings: Arc::clone(settings), source: Arc::clone(&source) });
                Ok(source)
            }
        }
    }

    /// Changes what is known. Nothing foreign runs under the lock: no I/O, no callback.
    pub fn update<T>(&self, inner: &Inner, change: impl FnOnce(&mut Known, &mut SlotGuard) -> T) -> T {
        let mut slot = SlotGuard(self.flight.lock().unwrap_or_else(PoisonError::into_inner));
        let mut known = Known::clone(&inner.known.load());
        let result = change(&mut known, &mut slot);
        known.settle(slot.under_way(), &*inner.clock);
        inner.known.store(Arc::new(known));
        result
    }
}
