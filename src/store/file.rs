//! A folder of this user's, for all processes on a machine, or on all machines that mount it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;

use super::{CacheError, LARGEST_ENTRY, SharedCache};
use crate::process::CloseOnFork;
use crate::random::unique_name;

const WRITABLE_BY_OTHERS: u32 = 0o022;
/// A file that was not put in its place by then was left behind by a process that died.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Entries are files that are replaced whole; the lock is one that is never removed, so that all lock the same.
///
/// The system opens the lock when its holder ends, however that happens, so no lease is needed.
pub(crate) struct FileCache {
    folder: PathBuf,
    held: Mutex<Option<Held>>,
}

struct Held {
    owner: String,
    file: CloseOnFork<File>,
}

impl FileCache {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, held: Mutex::default() }
    }

    /// `$XDG_CACHE_HOME/tango-token`, or `.cache/tango-token` in the user's home.
    pub fn default_folder() -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        caches.map(|folder| folder.join("tango-token"))
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folder where it is missing, and refuses one that is not this user's alone to write.
    fn folder(&self) -> Result<&Path, CacheError> {
        let folder = self.folder.as_path();
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed("make", folder, &error))?;
        let metadata = fs::metadata(folder).map_err(|error| failed("look at", folder, &error))?;
        check(folder, &metadata)?;
        Ok(folder)
    }

    /// `None` where there is no such file. A file that others could have written is refused, not read.
    fn open(&self, name: &str, options: &OpenOptions) -> Result<Option<File>, CacheError> {
        let path = self.folder.join(name);
        let file = match options.clone().custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path, &error)),
        };
        let metadata = file.metadata().map_err(|error| failed("look at", &path, &error))?;
        if !metadata.is_file() {
            return Err(CacheError(format!("{} is not a file; remove it", path.display())));
        }
        check(&path, &metadata)?;
        Ok(Some(file))
    }

    /// The lock file can be locked by who may only read it, on a file system that became read-only as well.
    fn lock_file(&self, name: &str) -> Result<File, CacheError> {
        self.folder()?;
        let mut writable = OpenOptions::new();
        writable.read(true).write(true).create(true).truncate(false).mode(0o600);
        let missing = || CacheError(format!("{} vanishes as it is made", self.folder.join(name).display()));
        self.open(name, &writable)
            .or_else(|error| self.open(name, OpenOptions::new().read(true)).ok().flatten().map(Some).ok_or(error))?
            .ok_or_else(missing)
    }

    /// Writes beside the place, then puts it there: a reader finds the old file or the new one, whole, and so does the
    /// next start after a power failure.
    fn replace(&self, name: &str, value: &[u8]) -> Result<(), CacheError> {
        let folder = self.folder()?;
        let (path, beside) = (folder.join(name), folder.join(format!("{name}.{}.tmp", unique_name())));
        let written = write_new(&beside, value).and_then(|()| fs::rename(&beside, &path));
        if let Err(error) = written {
            // Perhaps it was never made.
            let _ = fs::remove_file(&beside);
            return Err(failed("write", &path, &error));
        }
        // Where a folder cannot be synced, its file system has another way to keep the order.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// What processes left behind that died while they wrote.
    fn sweep(&self) {
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        for path in files.filter_map(Result::ok).map(|file| file.path()) {
            let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tango-token."));
            let is_old = || {
                let written = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
                written.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > ABANDONED))
            };
            if is_ours && path.extension().is_some_and(|extension| extension == "tmp") && is_old() {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

impl SharedCache for FileCache {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.folder()?;
        let Some(file) = self.open(name, OpenOptions::new().read(true))? else { return Ok(None) };
        let mut value = Vec::new();
        let read = file.take(LARGEST_ENTRY as u64).read_to_end(&mut value);
        read.map_err(|error| failed("read", &self.folder.join(name), &error))?;
        Ok(Some(value))
    }

    fn save(&self, name: &str, value: Option<&[u8]>, _: Duration) -> Result<(), CacheError> {
        let Some(value) = value else {
            let path = self.folder()?.join(name);
            return match fs::remove_file(&path) {
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
        // Noted before it is locked: a child that is forked between the two would keep the lock.
        let file = CloseOnFork::new(self.lock_file(name)?);
        match file.try_lock() {
            Ok(()) => {
                *self.held() = Some(Held { owner: owner.into(), file });
                self.sweep();
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(failed("lock", &self.folder.join(name), &error)),
        }
    }

    fn unlock(&self, _: &str, owner: &str) -> Result<(), CacheError> {
        let held = self.held().take_if(|held| held.owner == owner);
        // Closing is not enough: a forked child may have a copy that keeps it locked.
        if let Some(held) = held
            && let Err(error) = held.file.unlock()
        {
            return Err(failed("unlock", &self.folder, &error));
        }
        Ok(())
    }
}

fn write_new(path: &Path, value: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(value)?;
    file.sync_all()
}

/// Whoever can write there could give this program a token of theirs, or keep it from getting any.
fn check(path: &Path, metadata: &fs::Metadata) -> Result<(), CacheError> {
    let refused = |problem: &str| Err(CacheError(format!("{} {problem}", path.display())));
    if metadata.uid() != geteuid().as_raw() {
        return refused("belongs to another user; choose a folder of this user's own");
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return refused("can be written by other users; take that right from them (chmod go-w)");
    }
    Ok(())
}

fn failed(what: &str, path: &Path, error: &io::Error) -> CacheError {
    CacheError(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    /// A folder that is gone after the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Relaxed);
            let path = std::env::temp_dir().join(format!("tango-token-test-{}-{number}", std::process::id()));
            Self(path)
        }

        fn cache(&self) -> FileCache {
            FileCache::new(self.0.join("cache"))
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join("cache").join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const KEEP: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_saved_is_found_replaced_and_removed() {
        let folder = Directory::new();
        let cache = folder.cache();
        assert_eq!(cache.load("a").unwrap(), None);
        for value in [&b"one"[..], b"", b"three"] {
            cache.save("a", Some(value), KEEP).unwrap();
            assert_eq!(folder.cache().load("a").unwrap().as_deref(), Some(value));
        }
        cache.save("a", None, KEEP).unwrap();
        cache.save("a", None, KEEP).unwrap();
        assert_eq!(cache.load("a").unwrap(), None);
        assert_eq!(fs::read_dir(folder.0.join("cache")).unwrap().count(), 0, "nothing is left beside");
    }

    #[test]
    fn nobody_else_can_read_or_write() {
        let folder = Directory::new();
        let cache = folder.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        assert!(cache.lock("l", "me", KEEP).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder.0.join("cache")), 0o700);
        assert_eq!((mode(&folder.file("a")), mode(&folder.file("l"))), (0o600, 0o600));
    }

    #[test]
    fn what_others_can_write_or_own_is_refused_with_advice() {
        let folder = Directory::new();
        let cache = folder.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        fs::set_permissions(folder.file("a"), PermissionsExt::from_mode(0o620)).unwrap();
        assert!(cache.load("a").unwrap_err().0.contains("chmod go-w"));
        fs::set_permissions(folder.0.join("cache"), PermissionsExt::from_mode(0o777)).unwrap();
        for refused in
            [cache.load("b").err(), cache.save("b", Some(b"x"), KEEP).err(), cache.lock("l", "me", KEEP).err()]
        {
            assert!(refused.unwrap().0.contains("chmod go-w"));
        }
        if geteuid().is_root() {
            fs::set_permissions(folder.0.join("cache"), PermissionsExt::from_mode(0o700)).unwrap();
            std::os::unix::fs::chown(folder.file("a"), Some(65_534), None).unwrap();
            assert!(cache.load("a").unwrap_err().0.contains("another user"));
        }
    }

    #[test]
    fn what_is_no_file_is_neither_followed_nor_waited_for() {
        let folder = Directory::new();
        let cache = folder.cache();
        cache.save("real", Some(b"x"), KEEP).unwrap();
        symlink(folder.file("real"), folder.file("link")).unwrap();
        fs::create_dir(folder.file("folder")).unwrap();
        nix::unistd::mkfifo(&folder.file("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        for name in ["link", "folder", "pipe"] {
            assert!(cache.load(name).is_err(), "{name}");
        }
    }

    #[test]
    fn one_holds_the_lock_until_it_opens_it_or_ends() {
        let folder = Directory::new();
        let (one, two) = (folder.cache(), folder.cache());
        assert!(one.lock("l", "one", KEEP).unwrap());
        assert!(one.lock("l", "one", KEEP).unwrap(), "again, for longer");
        assert!(!two.lock("l", "two", KEEP).unwrap());
        one.unlock("l", "somebody").unwrap();
        assert!(!two.lock("l", "two", KEEP).unwrap());
        one.unlock("l", "one").unwrap();
        assert!(two.lock("l", "two", KEEP).unwrap());
        drop(two);
        assert!(one.lock("l", "one", KEEP).unwrap());
        assert!(folder.file("l").exists(), "the lock file is never removed");
    }

    #[test]
    fn what_dead_writers_left_is_swept_away() {
        let folder = Directory::new();
        let cache = folder.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        let (old, new) = (folder.file("tango-token.k.record.1.tmp"), folder.file("tango-token.k.record.2.tmp"));
        for path in [&old, &new] {
            fs::write(path, b"half").unwrap();
        }
        File::options().write(true).open(&old).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        assert!(cache.lock("l", "me", KEEP).unwrap());
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = Directory::new();
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("cache"), b"a file where the folder should be").unwrap();
        let error = folder.cache().load("a").unwrap_err();
        assert!(error.0.contains("cache"), "{error}");
    }
}
