//! A shared cache in memory, which a test can look into, empty and break.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::server::Gate;
use crate::clock::manual::ManualClock;
use crate::clock::{BootTime, Clock};
use crate::store::{CacheError, SharedCache};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Clone)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
    gate: Gate,
    /// The clock on which leases end.
    clock: Arc<ManualClock>,
}

#[derive(Default)]
struct Content {
    values: HashMap<String, Vec<u8>>,
    locks: HashMap<String, Lock>,
    cannot_be_read: bool,
    cannot_be_written: bool,
    /// How many values are still taken.
    writes_left: Option<usize>,
    takes: Duration,
    pace: Pace,
    held: Option<Held>,
    /// The number of operations that wait until they are released.
    waiting: usize,
    fault: Option<Fault>,
    calls: Calls,
    refused_writes: usize,
    keeps_locks: bool,
}

struct Lock {
    owner: String,
    until: BootTime,
}

/// How long calls take on the clock of the test, from the next write on.
#[derive(Default)]
struct Pace {
    spans: VecDeque<Duration>,
    has_begun: bool,
}

/// How often the ledger was read and written, and the lock asked for or extended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub loads: usize,
    pub saves: usize,
    pub locks: usize,
}

/// The operations that wait until they are released.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Loads,
    /// The first load while the lock is held. Other ones pass.
    OneLoadUnderTheLock,
    /// The first request for the lock. Other ones pass.
    OneLock,
    Saves,
    Unlocks,
}

/// What a program can get wrong in its own cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The lock is another's for its own owner.
    LockIsNotExtended,
    ExtensionFails,
    LockIsGrantedToEverybody,
}

impl MemoryStore {
    pub fn new(clock: &Arc<ManualClock>) -> Self {
        Self { content: Arc::default(), gate: Gate::default(), clock: Arc::clone(clock) }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    /// The entries whose names end like this.
    pub fn entries(&self, kind: &str) -> Vec<Vec<u8>> {
        let content = self.content();
        content.values.iter().filter(|(name, _)| name.ends_with(kind)).map(|(_, value)| value.clone()).collect()
    }

    pub fn ledger(&self) -> serde_json::Value {
        serde_json::from_slice(&self.entries("ledger")[0]).unwrap()
    }

    pub fn change(&self, kind: &str, change: impl Fn(&mut Vec<u8>)) {
        let values = &mut self.content().values;
        values.iter_mut().filter(|(name, _)| name.ends_with(kind)).for_each(|(_, value)| change(value));
    }

    pub fn remove(&self, kind: &str) {
        self.content().values.retain(|name, _| !name.ends_with(kind));
    }

    pub fn empty(&self) {
        self.content().values.clear();
    }

    pub fn break_down(&self, read: bool, write: bool) {
        let mut content = self.content();
        (content.cannot_be_read, content.cannot_be_written, content.writes_left) = (read, write, None);
    }

    /// Takes one more value, which says that a request is about to be sent, and no further one.
    pub fn refuse_what_comes_after_the_announcement(&self) {
        self.content().writes_left = Some(1);
    }

    /// From now on no lease ends: the lock is its owner's until it is released.
    pub fn keep_locks(&self) {
        self.content().keeps_locks = true;
    }

    pub fn refused_writes(&self) -> usize {
        self.content().refused_writes
    }

    pub fn slow_down(&self, takes: Duration) {
        self.content().takes = takes;
    }

    /// Moves the clock of the test with the next write, and with the requests for the lock after it.
    pub fn slow_down_from_next_write(&self, paces: &[Duration]) {
        self.content().pace = Pace { spans: paces.iter().copied().collect(), has_begun: false };
    }

    fn take_time(&self, content: &mut Content) {
        if content.pace.has_begun {
            self.clock.advance(content.pace.spans.pop_front().unwrap_or_default());
        }
    }

    /// Holds these operations from now on, until `release`.
    pub fn hold(&self, held: Held) {
        self.gate.hold();
        self.content().held = Some(held);
    }

    /// Returns whether an operation waits until it is released.
    pub fn holds_one(&self) -> bool {
        self.content().waiting > 0
    }

    pub fn release(&self) {
        self.content().held = None;
        self.gate.release();
    }

    fn pass(&self, operation: Held) {
        let is_held = {
            let content = &mut *self.content();
            let is_one = match content.held {
                Some(Held::OneLoadUnderTheLock) => operation == Held::Loads && !content.locks.is_empty(),
                Some(Held::OneLock) => operation == Held::OneLock,
                _ => false,
            };
            if is_one {
                content.held = None;
            }
            let is_held = is_one || content.held == Some(operation);
            content.waiting += usize::from(is_held);
            is_held
        };
        if is_held {
            self.gate.pass();
            self.content().waiting -= 1;
        }
    }

    pub fn be(&self, fault: Fault) {
        self.content().fault = Some(fault);
    }

    pub fn calls(&self) -> Calls {
        self.content().calls
    }

    pub fn is_locked(&self) -> bool {
        !self.content().locks.is_empty()
    }

    /// As if another process had taken the lock, and had died with it until it is given back.
    pub fn hold_lock(&self, held: bool) {
        let lock = Lock { owner: "another".into(), until: self.clock.now().after(FOR_EVER) };
        let locks = &mut self.content().locks;
        if held { drop(locks.insert("another".into(), lock)) } else { locks.clear() }
    }
}

impl SharedCache for MemoryStore {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.pass(Held::Loads);
        let takes = self.content().takes;
        thread::sleep(takes);
        let mut content = self.content();
        content.calls.loads += usize::from(name.ends_with("ledger"));
        if content.cannot_be_read {
            return Err(CacheError("the store is down".into()));
        }
        Ok(content.values.get(name).cloned())
    }

    fn save(&self, name: &str, value: Option<&[u8]>, _: Duration) -> Result<(), CacheError> {
        self.pass(Held::Saves);
        let mut content = self.content();
        content.calls.saves += usize::from(name.ends_with("ledger"));
        content.pace.has_begun = true;
        self.take_time(&mut content);
        let is_full = content.writes_left.as_mut().is_some_and(|left| match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                false
            }
            None => true,
        });
        if content.cannot_be_written || is_full {
            content.refused_writes += 1;
            return Err(CacheError("the store is full".into()));
        }
        match value {
            Some(value) => content.values.insert(name.into(), value.to_vec()),
            None => content.values.remove(name),
        };
        Ok(())
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        self.pass(Held::OneLock);
        let content = &mut *self.content();
        let now = self.clock.now();
        self.take_time(content);
        content.calls.locks += 1;
        content.locks.retain(|_, lock| now < lock.until);
        let locks = &mut content.locks;
        if content.fault == Some(Fault::LockIsGrantedToEverybody) {
            return Ok(true);
        }
        if locks.contains_key("another") || locks.get(name).is_some_and(|lock| lock.owner != owner) {
            return Ok(false);
        }
        match content.fault.filter(|_| locks.contains_key(name)) {
            Some(Fault::LockIsNotExtended) => return Ok(false),
            Some(Fault::ExtensionFails) => return Err(CacheError("the lock cannot be extended".into())),
            Some(Fault::LockIsGrantedToEverybody) | None => {}
        }
        let until = now.after(if content.keeps_locks { FOR_EVER } else { lease });
        locks.insert(name.into(), Lock { owner: owner.into(), until });
        Ok(true)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        self.pass(Held::Unlocks);
        let locks = &mut self.content().locks;
        if locks.get(name).is_some_and(|lock| lock.owner == owner) {
            locks.remove(name);
        }
        Ok(())
    }

    fn has_leases(&self) -> bool {
        !self.content().keeps_locks
    }
}
