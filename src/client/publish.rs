//! What a refresh has found out goes to the shared cache before anybody else gets it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};

use super::refresh::RefreshTask;
use super::suspects::Suspects;
use crate::deadline;
use crate::policy::Ledger;
use crate::store::{Locked, Saved, StoreError, Write};
use crate::token::HeldToken;

/// The pause before a store is asked again to take a new token.
const WRITE_PAUSE: Duration = Duration::from_millis(250);

impl RefreshTask {
    /// Writes a token that has just arrived. A store that refuses it is tried again until `deadline`, under a lock that is
    /// extended: the process can end as soon as its callers have the token.
    pub(super) async fn publish(&self, lock: &mut Locked<'_>, held: &Arc<HeldToken>, deadline: Instant) {
        let mut saved = self.try_save(lock, Some(held), deadline).await;
        while saved.is_err() && Instant::now() + WRITE_PAUSE < deadline {
            time::sleep(WRITE_PAUSE).await;
            // A store that refuses to write refuses this as well, and the lease goes on.
            let lease = self.deadline.lease(Duration::ZERO);
            let _ = deadline::until(deadline, lock.extend(lease)).await;
            saved = if lock.is_held() { self.try_save(lock, Some(held), deadline).await } else { Ok(Saved::LockLost) };
        }
        self.note_unless_written(&saved);
    }

    /// Writes the ledger, and the token if one is given, by `deadline`. Where that fails, or the lock was lost, what is
    /// missing is written by a later sync.
    pub(super) async fn save(
        &self,
        lock: &mut Locked<'_>,
        held: Option<&Arc<HeldToken>>,
        deadline: Instant,
    ) -> Result<Saved, StoreError> {
        let saved = self.try_save(lock, held, deadline).await;
        self.note_unless_written(&saved);
        saved
    }

    fn note_unless_written(&self, saved: &Result<Saved, StoreError>) {
        if *saved != Ok(Saved::Written) {
            self.record(|state, now| state.schedule.note_unwritten(now));
        }
    }

    async fn try_save(
        &self,
        lock: &mut Locked<'_>,
        held: Option<&Arc<HeldToken>>,
        deadline: Instant,
    ) -> Result<Saved, StoreError> {
        let snapshot = self.inner.snapshot.load_full();
        let Some(state) = snapshot.find(&self.settings) else { return Ok(Saved::LockLost) };
        let (ledger, suspects) = (&state.ledger, &state.suspects);
        let write = Write {
            token: held.map(|held| &**held),
            ledger,
            failure: state.last_error.as_ref(),
            suspects: &suspects.hashes(),
            server_clocks: &self.inner.known_clocks(&self.settings),
        };
        let saved = deadline::until(deadline, lock.save(&write)).await;
        let saved = saved.unwrap_or_else(|| Err(StoreError::new("it did not answer in time")));
        match &saved {
            Ok(Saved::Written) => self.note_written(ledger, suspects, held.is_some()),
            Ok(Saved::LockLost) => {}
            Err(error) => {
                tracing::warn!("the shared cache did not take what was to be written, which is tried again: {error}");
            }
        }
        saved
    }

    fn note_written(&self, ledger: &Ledger, suspects: &Suspects, has_token: bool) {
        self.record(|state, now| {
            state.ledger.is_unwritten &= state.ledger != *ledger;
            // What has changed during the write is not in the cache.
            if state.ledger.is_unwritten || state.suspects != *suspects || !self.has_newest_secrets(state) {
                state.schedule.note_unwritten(now);
                return;
            }
            state.suspects.note_written();
            state.schedule.note_all_written();
            if has_token {
                state.schedule.synced(now);
            }
        });
    }
}
