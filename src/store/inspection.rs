//! A look at the shared cache that takes no lock and changes nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::session::{Entries, Session, View};
use super::{LockState, StoreError, UnlockOutcome};
use crate::clock::BootTime;

/// The content of the cache, with what only a person wants to know of it.
pub(crate) struct Inspection {
    pub view: View,
    pub lock: LockState,
    /// The number of records of the same identity that are sealed with other client secrets, if the cache can tell.
    pub other_records: Option<usize>,
    /// The reason why a record cannot be opened.
    pub damage: Option<String>,
    /// The reason why this client cannot use a record that it can open.
    pub unusable: Option<String>,
    /// Whether there is a ledger that cannot be read, or is from the future.
    pub is_ledger_damaged: bool,
    /// The number of records that were set aside because they could not be opened.
    pub rejected_records: u64,
}

impl Session {
    /// Reads the cache without its lock, and asks who holds that.
    pub async fn inspect(&mut self) -> Result<Inspection, StoreError> {
        let lock = self.store.lock_state().await?;
        let Entries { view, damaged, unusable, is_ledger_damaged } = self.read_entries().await?;
        let other_records = match (&view.record, &damaged) {
            (None, None) => self.store.other_records().await?,
            _ => None,
        };
        let damage = damaged.map(|damaged| damaged.problem);
        let rejected_records = self.rejected_records;
        Ok(Inspection { view, lock, other_records, damage, unusable, is_ledger_damaged, rejected_records })
    }

    /// Removes the lock, whichever process holds it.
    pub async fn remove_lock(&self) -> Result<UnlockOutcome, StoreError> {
        self.store.remove_lock().await
    }

    /// Returns a time on the clock of the cache.
    pub fn system_time(&self, time: BootTime) -> SystemTime {
        let ms = self.clock_mapping.unix_ms(time);
        let since = Duration::from_millis(ms.unsigned_abs());
        let shown = if ms < 0 { UNIX_EPOCH.checked_sub(since) } else { UNIX_EPOCH.checked_add(since) };
        shown.unwrap_or(UNIX_EPOCH)
    }
}
