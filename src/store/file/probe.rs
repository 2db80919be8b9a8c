//! What the system tells about a directory, for the diagnosis.

use std::path::Path;
use std::time::Duration;

use super::{CacheError, FileCache, SharedCache, mounts, system};
use crate::random::unique_name;

/// A directory as the diagnosis describes it.
pub(crate) struct DirectoryFacts {
    /// The owner and the permissions, if the system has such.
    pub access: Option<String>,
    /// The bytes that this user can still write.
    pub free: Option<u64>,
    /// The kind of the file system, if it is known to be one that several machines share, or that cannot lock.
    pub shared_file_system: Option<&'static str>,
}

const LEASE: Duration = Duration::from_secs(1);

impl FileCache {
    pub fn facts(&self) -> DirectoryFacts {
        let (access, free) = (system::access(&self.directory), system::free_space(&self.directory));
        DirectoryFacts { access, free, shared_file_system: mounts::shared(&self.directory) }
    }

    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Creates the directory if it does not exist, and checks who can change it.
    pub fn check_access(&self) -> Result<(), CacheError> {
        self.directory().map(drop)
    }

    /// Writes an entry, reads it and removes it, as a refresh does.
    pub fn check_writing(&self) -> Result<(), CacheError> {
        let (name, value) = (scratch_name(), b"diagnosis");
        self.save(&name, Some(value), LEASE)?;
        let read = self.load(&name);
        self.save(&name, None, LEASE)?;
        if read?.as_deref() == Some(value) {
            return Ok(());
        }
        Err(CacheError(format!("{} does not return what was written to it", self.directory.display())))
    }

    /// Checks that a lock keeps another one out, as the lock of a refresh does. Removes the lock file.
    pub fn check_locking(&self) -> Result<(), CacheError> {
        let (name, other) = (scratch_name(), Self::new(&self.directory));
        let locked = (|| Ok((self.lock(&name, "one", LEASE)?, other.lock(&name, "another", LEASE)?)))();
        self.unlock(&name, "one")?;
        other.unlock(&name, "another")?;
        self.save(&name, None, LEASE)?;
        match locked? {
            (true, false) => Ok(()),
            _ => Err(CacheError(format!(
                "the file system of {} does not lock files, so each process would request a token; choose a directory \
                 on another one, or Redis",
                self.directory.display()
            ))),
        }
    }
}

fn scratch_name() -> String {
    format!("tango-token.diagnosis.{}.tmp", unique_name())
}
