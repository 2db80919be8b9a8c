//! A directory of this user, for all processes on a machine or on all machines that mount it.

#[cfg_attr(target_os = "linux", path = "file/mounts_linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "file/mounts_apple.rs")]
#[cfg_attr(windows, path = "file/mounts_windows.rs")]
mod mounts;
mod probe;
#[cfg_attr(unix, path = "file/unix.rs")]
#[cfg_attr(windows, path = "file/windows.rs")]
mod system;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{CacheError, LockHolder, LockState, MAX_ENTRY_LENGTH, SharedCache, UnlockOutcome};
use crate::causes;
use crate::process::CloseOnFork;
use crate::random::unique_name;

/// An older temporary file was left behind by a process that ended while it wrote.
const MAX_WRITE_TIME: Duration = Duration::from_secs(3600);

/// A cache in a directory. Entries are files that are replaced atomically. The lock file is never removed, so that all
/// processes lock the same file.
///
/// The system releases the lock when its holder ends for any reason, so no lease is needed.
pub(crate) struct FileCache {
    directory: PathBuf,
    held: Mutex<Option<Held>>,
}

struct Held {
    owner: String,
    file: CloseOnFork<File>,
}

impl FileCache {
    pub fn new(directory: &Path) -> Self {
        // Without a slash at its end, with which a link would be followed.
        Self { directory: directory.components().collect(), held: Mutex::default() }
    }

    /// Returns `tango-token` in the directory that the system has for caches of this user.
    pub fn default_directory() -> Option<PathBuf> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        system::cache_home(variable).map(|directory| directory.join("tango-token"))
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the directory if it does not exist. Refuses one that another user owns or can write to.
    fn directory(&self) -> Result<&Path, CacheError> {
        let directory = self.directory.as_path();
        system::create(directory).map_err(|error| failed("create", directory, &error))?;
        system::check_directory(directory)?;
        Ok(directory)
    }

    /// Returns `None` if there is no such file. A file that another user owns or can write to is refused.
    fn open(&self, name: &str, open: impl Fn(&Path) -> io::Result<File>) -> Result<Option<File>, CacheError> {
        let path = self.directory.join(name);
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path, &error)),
        };
        let metadata = file.metadata().map_err(|error| failed("inspect", &path, &error))?;
        if !metadata.is_file() {
            return Err(CacheError(format!("{} is not a file; remove it", path.display())));
        }
        system::check(&path, &file, &metadata)?;
        Ok(Some(file))
    }

    /// Opens the lock file. Read permission is enough to lock it, also on a file system that became read-only.
    fn lock_file(&self, name: &str) -> Result<File, CacheError> {
        self.directory()?;
        let missing = || {
            CacheError(format!(
                "{} disappears when it is created; no other program may delete it",
                self.directory.join(name).display()
            ))
        };
        self.open(name, system::open_or_create)
            .or_else(|error| self.open(name, system::open).ok().flatten().map(Some).ok_or(error))?
            .ok_or_else(missing)
    }

    /// Writes a temporary file and renames it: a reader finds the whole old file or the whole new one, also after a
    /// power failure.
    fn replace(&self, name: &str, value: &[u8]) -> Result<(), CacheError> {
        let directory = self.directory()?;
        let (path, temporary) = (directory.join(name), directory.join(format!("{name}.{}.tmp", unique_name())));
        let written = write_new(&temporary, value).and_then(|()| system::rename(&temporary, &path));
        if let Err(error) = written {
            // It may never have been created.
            let _ = fs::remove_file(&temporary);
            return Err(failed("write", &path, &error));
        }
        system::sync(directory);
        Ok(())
    }

    /// Removes temporary files of processes that ended while they wrote.
    fn sweep(&self) {
        let Ok(files) = fs::read_dir(&self.directory) else { return };
        for path in files.filter_map(Result::ok).map(|file| file.path()) {
            let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tango-token."));
            let is_old = || {
                let written = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
                written.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > MAX_WRITE_TIME))
            };
            if is_ours && path.extension().is_some_and(|extension| extension == "tmp") && is_old() {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

impl SharedCache for FileCache {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.directory()?;
        let Some(file) = self.open(name, system::open)? else { return Ok(None) };
        let mut value = Vec::new();
        let read = file.take(MAX_ENTRY_LENGTH as u64).read_to_end(&mut value);
        read.map_err(|error| failed("read", &self.directory.join(name), &error))?;
        Ok(Some(value))
    }

    fn save(&self, name: &str, value: Option<&[u8]>, _: Duration) -> Result<(), CacheError> {
        let Some(value) = value else {
            let path = self.directory()?.join(name);
            return match system::remove(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", &path, &error)),
                _ => Ok(()),
            };
        };
        self.replace(name, value)
    }

    fn lock(&self, name: &str, owner: &str, _: Duration) -> Result<bool, CacheError> {
        if self.held().as_ref().is_some_and(|held| held.owner == owner) {
            return Ok(true);
        }
        // Registered before it is locked: a child that is forked between the two would keep the lock.
        let file = CloseOnFork::new(self.lock_file(name)?);
        match file.try_lock() {
            Ok(()) => {
                *self.held() = Some(Held { owner: owner.into(), file });
                self.sweep();
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(failed("lock", &self.directory.join(name), &error)),
        }
    }

    fn unlock(&self, _: &str, owner: &str) -> Result<(), CacheError> {
        let held = self.held().take_if(|held| held.owner == owner);
        // Closing is not enough: a forked child may have a copy of the descriptor that keeps the lock.
        if let Some(held) = held
            && let Err(error) = system::unlock(&held.file)
        {
            return Err(failed("unlock", &self.directory, &error));
        }
        Ok(())
    }

    /// The system keeps the lock until its holder releases it or ends, however long the holder is suspended.
    fn has_leases(&self) -> bool {
        false
    }

    /// Where the list of locks does not show the holder, the lock is tried in a way that only a process that takes it
    /// in the same microseconds can notice. That process tries again.
    fn lock_state(&self, name: &str) -> Result<LockState, CacheError> {
        self.directory()?;
        let Some(file) = self.open(name, system::open)? else { return Ok(LockState::Free) };
        let held = |process_id| LockState::Held(LockHolder { process_id, ..LockHolder::default() });
        if let Some(holder) = system::lock_holder(&file) {
            return Ok(held(Some(holder)));
        }
        let file = CloseOnFork::new(file);
        match file.try_lock_shared() {
            Ok(()) => system::unlock(&file).map(|()| LockState::Free),
            Err(TryLockError::WouldBlock) => Ok(held(system::lock_holder(&file))),
            Err(TryLockError::Error(error)) => Err(error),
        }
        .map_err(|error| failed("lock", &self.directory.join(name), &error))
    }

    fn remove_lock(&self, name: &str) -> Result<UnlockOutcome, CacheError> {
        Ok(match self.lock_state(name)? {
            LockState::Held(holder) => UnlockOutcome::KeptBySystem(holder),
            LockState::Free | LockState::Unknown => UnlockOutcome::NotLocked,
        })
    }

    fn names(&self, prefix: &str) -> Result<Option<Vec<String>>, CacheError> {
        let directory = self.directory()?;
        let files = fs::read_dir(directory).map_err(|error| failed("read", directory, &error))?;
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        Ok(Some(names.filter(|name| name.starts_with(prefix)).collect()))
    }
}

fn write_new(path: &Path, value: &[u8]) -> io::Result<()> {
    let mut file = system::create_new(path)?;
    file.write_all(value)?;
    file.sync_all()
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> CacheError {
    CacheError(format!("cannot {verb} {}: {}", path.display(), causes::reason(error)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    /// A temporary directory that is removed after the test.
    pub struct Directory(pub PathBuf);

    impl Directory {
        pub fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Relaxed);
            let path = std::env::temp_dir().join(format!("tango-token-test-{}-{number}", std::process::id()));
            Self(path)
        }

        pub fn cache(&self) -> FileCache {
            FileCache::new(&self.0.join("cache"))
        }

        pub fn file(&self, name: &str) -> PathBuf {
            self.0.join("cache").join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub const KEEP: Duration = Duration::from_secs(1);

    #[test]
    fn saved_value_is_loaded_replaced_and_removed() {
        let directory = Directory::new();
        let cache = directory.cache();
        assert_eq!(cache.load("a").unwrap(), None);
        for value in [&b"one"[..], b"", b"three"] {
            cache.save("a", Some(value), KEEP).unwrap();
            assert_eq!(directory.cache().load("a").unwrap().as_deref(), Some(value));
        }
        cache.save("a", None, KEEP).unwrap();
        cache.save("a", None, KEEP).unwrap();
        assert_eq!(cache.load("a").unwrap(), None);
        assert_eq!(fs::read_dir(directory.0.join("cache")).unwrap().count(), 0, "no temporary file remains");
    }

    #[test]
    fn lock_is_held_until_it_is_released_or_dropped() {
        let directory = Directory::new();
        let (one, two) = (directory.cache(), directory.cache());
        assert!(one.lock("l", "one", KEEP).unwrap());
        assert!(one.lock("l", "one", KEEP).unwrap(), "the owner can extend it");
        assert!(!two.lock("l", "two", KEEP).unwrap());
        one.unlock("l", "somebody").unwrap();
        assert!(!two.lock("l", "two", KEEP).unwrap());
        one.unlock("l", "one").unwrap();
        assert!(two.lock("l", "two", KEEP).unwrap());
        drop(two);
        assert!(one.lock("l", "one", KEEP).unwrap());
        assert!(directory.file("l").exists(), "the lock file is never removed");
    }

    #[test]
    fn lock_state_shows_the_holder_and_takes_no_lock() {
        let directory = Directory::new();
        let (one, two) = (directory.cache(), directory.cache());
        assert_eq!(two.lock_state("l").unwrap(), LockState::Free);
        assert!(!directory.file("l").exists(), "looking creates no file");
        assert!(one.lock("l", "one", KEEP).unwrap());
        let process_id = cfg!(target_os = "linux").then(std::process::id);
        let holder = LockHolder { process_id, ..LockHolder::default() };
        assert_eq!(two.lock_state("l").unwrap(), LockState::Held(holder.clone()));
        assert_eq!(two.remove_lock("l").unwrap(), UnlockOutcome::KeptBySystem(holder));
        one.unlock("l", "one").unwrap();
        assert_eq!(two.lock_state("l").unwrap(), LockState::Free);
        assert_eq!(two.remove_lock("l").unwrap(), UnlockOutcome::NotLocked);
        assert!(one.lock("l", "one", KEEP).unwrap());
    }

    #[test]
    fn old_temporary_files_are_removed_when_the_lock_is_taken() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        let (old, new) = (directory.file("tango-token.k.record.1.tmp"), directory.file("tango-token.k.record.2.tmp"));
        for path in [&old, &new] {
            fs::write(path, b"half").unwrap();
        }
        File::options().write(true).open(&old).unwrap().set_modified(SystemTime::now() - 2 * MAX_WRITE_TIME).unwrap();
        assert!(cache.lock("l", "me", KEEP).unwrap());
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn directory_that_cannot_be_created_is_named() {
        let directory = Directory::new();
        fs::create_dir_all(&directory.0).unwrap();
        fs::write(directory.0.join("cache"), b"a file where the directory should be").unwrap();
        let error = directory.cache().load("a").unwrap_err();
        assert!(error.0.contains("cache"), "{error}");
    }
}
