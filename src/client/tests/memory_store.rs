//! A shared cache in memory, which a test can look into, empty and break.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::server::Gate;
use crate::store::{CacheError, SharedCache};

#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>, Gate);

#[derive(Default)]
struct Content {
    values: HashMap<String, Vec<u8>>,
    owners: HashMap<String, String>,
    cannot_be_read: bool,
    cannot_be_written: bool,
    /// How many values are still taken.
    writes_left: Option<usize>,
    takes: Duration,
    held: Option<Held>,
    /// The loads that wait until they are released.
    waiting: usize,
    fault: Option<Fault>,
    locks_asked_for: usize,
    refused_writes: usize,
    keeps_locks: bool,
}

/// The loads that wait until they are released.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    All,
    /// The first one while the lock is held.
    OneUnderTheLock,
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
    /// The entries whose names end like this.
    pub fn entries(&self, kind: &str) -> Vec<Vec<u8>> {
        let content = self.0.lock().unwrap();
        content.values.iter().filter(|(name, _)| name.ends_with(kind)).map(|(_, value)| value.clone()).collect()
    }

    pub fn ledger(&self) -> serde_json::Value {
        serde_json::from_slice(&self.entries("ledger")[0]).unwrap()
    }

    pub fn change(&self, kind: &str, change: impl Fn(&mut Vec<u8>)) {
        let values = &mut self.0.lock().unwrap().values;
        values.iter_mut().filter(|(name, _)| name.ends_with(kind)).for_each(|(_, value)| change(value));
    }

    pub fn remove(&self, kind: &str) {
        self.0.lock().unwrap().values.retain(|name, _| !name.ends_with(kind));
    }

    pub fn empty(&self) {
        self.0.lock().unwrap().values.clear();
    }

    pub fn break_down(&self, read: bool, write: bool) {
        let mut content = self.0.lock().unwrap();
        (content.cannot_be_read, content.cannot_be_written, content.writes_left) = (read, write, None);
    }

    /// Takes one more value, which says that a request is about to be sent, and no further one.
    pub fn refuse_what_comes_after_the_announcement(&self) {
        self.0.lock().unwrap().writes_left = Some(1);
    }

    /// From now on no lease ends: the lock is its owner's until it is released.
    pub fn keep_locks(&self) {
        self.0.lock().unwrap().keeps_locks = true;
    }

    pub fn refused_writes(&self) -> usize {
        self.0.lock().unwrap().refused_writes
    }

    pub fn slow_down(&self, takes: Duration) {
        self.0.lock().unwrap().takes = takes;
    }

    /// Holds each load from now on, until `release`.
    pub fn hold_loads(&self) {
        self.1.hold();
        self.0.lock().unwrap().held = Some(Held::All);
    }

    /// Holds the first load of the one that has taken the lock by then, until `release`. Other loads pass.
    pub fn hold_a_load_under_the_lock(&self) {
        self.1.hold();
        self.0.lock().unwrap().held = Some(Held::OneUnderTheLock);
    }

    pub fn holds_a_load(&self) -> bool {
        self.0.lock().unwrap().waiting > 0
    }

    pub fn release(&self) {
        self.0.lock().unwrap().held = None;
        self.1.release();
    }

    fn pass(&self) {
        let is_held = {
            let content = &mut *self.0.lock().unwrap();
            let under_lock = content.held == Some(Held::OneUnderTheLock) && !content.owners.is_empty();
            if under_lock {
                content.held = None;
            }
            let is_held = under_lock || content.held == Some(Held::All);
            content.waiting += usize::from(is_held);
            is_held
        };
        if is_held {
            self.1.pass();
            self.0.lock().unwrap().waiting -= 1;
        }
    }

    pub fn be(&self, fault: Fault) {
        self.0.lock().unwrap().fault = Some(fault);
    }

    pub fn locks_asked_for(&self) -> usize {
        self.0.lock().unwrap().locks_asked_for
    }

    pub fn is_locked(&self) -> bool {
        !self.0.lock().unwrap().owners.is_empty()
    }

    /// As if another process had taken the lock, and had died with it until it is given back.
    pub fn hold_lock(&self, held: bool) {
        let owners = &mut self.0.lock().unwrap().owners;
        if held { drop(owners.insert("another".into(), "another".into())) } else { owners.clear() }
    }
}

impl SharedCache for MemoryStore {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.pass();
        let takes = self.0.lock().unwrap().takes;
        std::thread::sleep(takes);
        let content = self.0.lock().unwrap();
        if content.cannot_be_read {
            return Err(CacheError("the store is down".into()));
        }
        Ok(content.values.get(name).cloned())
    }

    fn save(&self, name: &str, value: Option<&[u8]>, _: Duration) -> Result<(), CacheError> {
        let mut content = self.0.lock().unwrap();
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

    fn lock(&self, name: &str, owner: &str, _: Duration) -> Result<bool, CacheError> {
        let content = &mut *self.0.lock().unwrap();
        content.locks_asked_for += 1;
        let owners = &mut content.owners;
        if content.fault == Some(Fault::LockIsGrantedToEverybody) {
            return Ok(true);
        }
        if owners.contains_key("another") || owners.get(name).is_some_and(|holder| holder != owner) {
            return Ok(false);
        }
        match content.fault.filter(|_| owners.contains_key(name)) {
            Some(Fault::LockIsNotExtended) => return Ok(false),
            Some(Fault::ExtensionFails) => return Err(CacheError("the lock cannot be extended".into())),
            Some(Fault::LockIsGrantedToEverybody) | None => {}
        }
        owners.insert(name.into(), owner.into());
        Ok(true)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        let owners = &mut self.0.lock().unwrap().owners;
        if owners.get(name).is_some_and(|holder| holder == owner) {
            owners.remove(name);
        }
        Ok(())
    }

    fn has_leases(&self) -> bool {
        !self.0.lock().unwrap().keeps_locks
    }
}
