//! The lock of the shared cache as a type: operations that are allowed only under the lock are its methods.

use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::ledger::{self, LedgerFile};
use super::session::{Damaged, Entries, Session, View};
use super::{Entry, Kind, OPERATION_TIMEOUT, Store, StoreError, TokenType};
use crate::clock::BootTime;
use crate::deadline;
use crate::error::Error;
use crate::policy::Ledger;
use crate::token::{HeldToken, TokenHash};

/// Longer than a cool-down, and longer than the last issue matters.
const KEEP_LEDGER: Duration = Duration::from_secs(48 * 3600);
const KEEP_REJECTED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The knowledge of a process that the cache is to hold.
pub(crate) struct Write<'a> {
    /// A token that the cache lacks.
    pub token: Option<&'a HeldToken>,
    pub ledger: &'a Ledger,
    pub failure: Option<&'a Error>,
    /// Tokens that an API rejected and has not accepted since.
    pub suspects: &'a [TokenHash],
    /// The times that the clocks of some servers show now, by origin, in seconds since 1970.
    pub server_clocks: &'a [(String, i64)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    Written,
    /// Nothing was written: another process may have the lock, and may have written.
    LockLost,
}

/// The lock of the cache, as long as a session may hold it.
pub(crate) struct Locked<'a> {
    session: &'a mut Session,
    held: Held,
}

/// How long the lock is held.
#[derive(Clone, Copy)]
enum Held {
    /// Another process may have it.
    Lost,
    /// The end of the lease. The process can be suspended for longer.
    Until(BootTime),
    /// The system keeps it for this process.
    UntilReleased,
}

impl Held {
    fn since(start: BootTime, lease: Duration, store: &dyn Store) -> Self {
        if store.has_leases() { Self::Until(start.after(lease)) } else { Self::UntilReleased }
    }
}

impl Session {
    /// Takes the lock. Returns `None` if another session holds it.
    pub async fn try_lock(&mut self, lease: Duration) -> Result<Option<Locked<'_>>, StoreError> {
        let start = self.clock.now();
        let lease = lease + self.latency;
        // A request that fails here can still be granted there.
        self.may_hold_lock = true;
        if !self.store.lock(lease).await? {
            self.may_hold_lock = false;
            return Ok(None);
        }
        let lock = Locked { held: Held::since(start, lease, &*self.store), session: self };
        Ok(lock.is_held().then_some(lock))
    }
}

impl Locked<'_> {
    /// Returns whether no other process can have the lock.
    pub fn is_held(&self) -> bool {
        self.is_held_for(Duration::from_millis(1))
    }

    /// Returns whether no other process can have the lock in this span.
    pub fn is_held_for(&self, span: Duration) -> bool {
        match self.held {
            Held::Lost => false,
            Held::Until(until) => self.session.clock.now().after(span) <= until,
            Held::UntilReleased => true,
        }
    }

    /// Reads the cache, and sets a record aside that cannot be opened.
    pub async fn read(&mut self) -> Result<View, StoreError> {
        let Entries { view, damaged, .. } = self.session.read_entries().await?;
        if let Some(damaged) = damaged.filter(|_| self.is_held()) {
            self.set_aside(damaged).await;
        }
        Ok(view)
    }

    /// Extends the lock by `lease` from now. Returns false if the lock was lost even for a short time: what was read
    /// under it may have changed. After an error the lock is held until its lease ends.
    pub async fn extend(&mut self, lease: Duration) -> Result<bool, StoreError> {
        let start = self.session.clock.now();
        let lease = lease + self.session.latency;
        let extended = self.session.store.extend(lease).await;
        self.note_latency(start);
        let is_kept = extended? && self.is_held();
        if is_kept {
            self.held = Held::since(start, lease, &*self.session.store);
        } else {
            // A store that cannot tell that the lock was lost has taken it again.
            self.release().await;
        }
        Ok(is_kept)
    }

    fn note_latency(&mut self, start: BootTime) {
        self.session.latency = self.session.latency.max(self.session.clock.now().since(start)).min(OPERATION_TIMEOUT);
    }

    /// Writes the ledger, and the token if there is one.
    pub async fn save(&mut self, write: &Write<'_>) -> Result<Saved, StoreError> {
        let session = &*self.session;
        let record = write.token.map(|held| session.record_of(held)).transpose()?;
        let file = LedgerFile {
            ledger: write.ledger.clone(),
            failure: write.failure.cloned(),
            rejected_records: session.rejected_records,
            suspects: write.suspects.to_vec(),
            server_clocks: write.server_clocks.to_vec(),
            document: session.document.clone(),
        };
        let bytes = ledger::write(&file, &session.clock_mapping, session.viewer());
        let ledger = Entry { kind: Kind::Ledger, bytes: Some(bytes), keep: KEEP_LEDGER };
        let entries: Vec<_> = record.into_iter().chain([ledger]).collect();
        self.write(&entries).await
    }

    /// Removes every entry of these credentials, and the ledger of the client.
    pub async fn clear(&mut self) -> Result<Saved, StoreError> {
        let kinds =
            [TokenType::Bearer, TokenType::Dpop].map(Kind::Record).into_iter().chain([Kind::Ledger, Kind::Rejected]);
        let removals: Vec<_> = kinds.map(|kind| Entry { kind, bytes: None, keep: Duration::ZERO }).collect();
        self.write(&removals).await
    }

    /// Releases the lock. If that takes longer or fails, [`Session::release_lock`] tries again.
    pub async fn unlock(mut self, deadline: Instant) {
        deadline::until(deadline, self.release()).await;
    }

    async fn release(&mut self) {
        if matches!(mem::replace(&mut self.held, Held::Lost), Held::Lost) {
            return;
        }
        match self.session.store.unlock().await {
            Ok(()) => self.session.may_hold_lock = false,
            Err(error) => {
                let (client, store) = (&*self.session.client, &*self.session.place);
                tracing::warn!(client, store, "the lock of the shared cache could not be released: {error}");
            }
        }
    }

    /// Moves a record that cannot be opened to another entry, where a person can examine it.
    async fn set_aside(&mut self, damaged: Damaged) {
        let Damaged { token_type, sealed, problem } = damaged;
        let (client, store) = (self.session.client.clone(), self.session.place.clone());
        tracing::error!(client, store, "a record in the shared cache {problem}; it is set aside and counts as missing");
        self.session.rejected_records = self.session.rejected_records.saturating_add(1);
        let copy = Entry { kind: Kind::Rejected, bytes: Some(sealed), keep: KEEP_REJECTED };
        let removal = Entry { kind: Kind::Record(token_type), bytes: None, keep: Duration::ZERO };
        if let Err(error) = self.write(&[copy, removal]).await {
            tracing::warn!(client, store, "the record in the shared cache could not be set aside: {error}");
        }
    }

    async fn write(&mut self, entries: &[Entry]) -> Result<Saved, StoreError> {
        let start = self.session.clock.now();
        if self.is_held() {
            let saved = self.session.store.save(entries).await;
            self.note_latency(start);
            if saved? {
                return Ok(Saved::Written);
            }
        }
        self.release().await;
        Ok(Saved::LockLost)
    }
}
