//! Schedules the syncs of a client with the shared cache, which no caller asks for.

use std::time::Duration;

use crate::clock::BootTime;
use crate::random::jitter;

/// A client that serves from memory syncs this often, so that it notices a token that another process got, or that the
/// cache lost, long before a caller needs it.
const SYNC_INTERVAL: Duration = Duration::from_secs(300);
/// A client without a token that may not request one syncs this often, to find the token that another process puts
/// back.
const SYNC_INTERVAL_WHILE_REFUSED: Duration = Duration::from_secs(10);
/// A sync that was started has ended by then, or another is started.
const LONGEST_SYNC: Duration = Duration::from_secs(60);
/// The number of times that a failed write is tried again without a caller: for some minutes.
const MAX_RETRIES: u32 = 8;

/// The next sync of one set of credentials, and how often in a row the cache did not take what was to be written.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// `None` where there is no shared cache.
    next_sync: Option<BootTime>,
    last_sync: Option<BootTime>,
    /// When to write what the cache lacks. `None` where it has everything.
    next_write: Option<BootTime>,
    failed_writes: u32,
}

impl Schedule {
    /// Without a shared cache nothing is ever due. It is not `pub`, because cbindgen would add it to the C header.
    pub(super) const NONE: Self = Self { next_sync: None, last_sync: None, next_write: None, failed_writes: 0 };

    pub fn has_cache(&self) -> bool {
        self.next_sync.is_some()
    }

    /// Returns when to sync next, be it to read or to write.
    pub fn next_sync(&self) -> Option<BootTime> {
        self.next_sync.into_iter().chain(self.next_write).min()
    }

    /// Returns whether a sync is due. If so, postpones the next one, so that only one caller starts it.
    pub fn take_due_sync(&mut self, now: BootTime) -> bool {
        let is_due = self.next_sync().is_some_and(|next| next <= now);
        if is_due {
            let next = now.after(LONGEST_SYNC);
            (self.next_sync, self.last_sync) = (Some(next), Some(now));
            self.next_write = self.next_write.map(|_| next);
        }
        is_due
    }

    /// The same as `take_due_sync` for a client without a token, whose last one, if any, was `lost` at this time: a
    /// sync before that had no reason to look for another one.
    pub fn take_due_sync_without_token(&mut self, lost: Option<BootTime>, now: BootTime) -> bool {
        if self.has_cache() && lost.is_some() && self.last_sync < lost {
            self.sync_now(now);
        }
        self.take_due_sync(now)
    }

    pub fn sync_now(&mut self, now: BootTime) {
        self.next_sync = Some(now);
    }

    /// Records that a sync has just read the cache, or written what was missing there.
    pub fn synced(&mut self, now: BootTime) {
        (self.next_sync, self.last_sync) = (Some(now.after(spread(SYNC_INTERVAL))), Some(now));
    }

    pub fn synced_while_refused(&mut self, now: BootTime) {
        (self.next_sync, self.last_sync) = (Some(now.after(spread(SYNC_INTERVAL_WHILE_REFUSED))), Some(now));
    }

    /// Records that the cache lacks something: it is written soon, and later each time that this fails.
    pub fn note_unwritten(&mut self, now: BootTime) {
        self.failed_writes = self.failed_writes.saturating_add(1);
        self.synced(now);
        let pause = Duration::from_secs(1 << self.failed_writes.min(6));
        self.next_write = Some(now.after(spread(pause)));
    }

    pub fn note_all_written(&mut self) {
        (self.next_write, self.failed_writes) = (None, 0);
    }

    /// Returns when to sync again even if no caller comes, because the cache lacks something.
    pub fn next_retry(&self) -> Option<BootTime> {
        self.next_write.filter(|_| self.failed_writes <= MAX_RETRIES)
    }
}

/// Returns three to five quarters of a span, so that the processes of a fleet do not come at the same moment.
fn spread(span: Duration) -> Duration {
    span.mul_f64(0.75 + jitter() / 2.0)
}
