//! The state of the lock of the shared cache, for a person who looks at the cache.

use std::time::Duration;

/// The state of the lock of the shared cache at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockState {
    /// No process holds the lock.
    Free,
    /// A process holds the lock, or held it when it ended.
    Held(LockHolder),
    /// The cache cannot tell without taking the lock.
    #[default]
    Unknown,
}

/// The holder of the lock, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockHolder {
    /// The name under which the lock was taken. This library begins it with the process ID.
    pub owner: Option<String>,
    /// The ID of the process, on its own machine and in its own container.
    pub process_id: Option<u32>,
    /// The time until the lock is released by itself.
    pub lease_left: Option<Duration>,
}

impl LockHolder {
    /// Returns the holder with the name that this library gave it.
    pub(crate) fn named(owner: String) -> Self {
        let process_id = owner.split_once('-').and_then(|(id, _)| id.parse().ok());
        Self { owner: Some(owner), process_id, lease_left: None }
    }
}

/// The result of removing the lock of a process that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnlockOutcome {
    /// No process held the lock.
    NotLocked,
    /// The lock of this holder was removed.
    Removed(LockHolder),
    /// The system holds the lock for a process and releases it when that process ends, however it ends. Nothing was
    /// changed.
    KeptBySystem(LockHolder),
    /// This cache has no way to remove a lock. It is released when its lease ends.
    NotSupported,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_of_this_library_names_its_process() {
        assert_eq!(LockHolder::named(crate::random::unique_name()).process_id, Some(std::process::id()));
        assert_eq!(LockHolder::named("somebody".into()).process_id, None);
    }
}
