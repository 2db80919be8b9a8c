//! Directories and files on Unix, which have an owner and permissions.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use super::{CacheError, failed};

const WRITABLE_BY_OTHERS: u32 = 0o022;

pub(super) use fs::{remove_file as remove, rename};

/// Returns `$XDG_CACHE_HOME`, or `.cache` in the user's home directory.
pub(super) fn cache_home(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
}

/// Creates a directory that is private to the user, unless it exists.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Refuses a link, and a directory that another user owns or can write to.
pub(super) fn check_directory(directory: &Path) -> Result<(), CacheError> {
    let metadata = fs::symlink_metadata(directory).map_err(|error| failed("inspect", directory, &error))?;
    if metadata.is_symlink() {
        return Err(CacheError(format!(
            "{} is a symbolic link, which another user could have placed; name the directory that it leads to",
            directory.display()
        )));
    }
    check_owner(directory, &metadata)
}

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    with_options(OpenOptions::new().read(true), path)
}

/// Opens a file to read and write it, or creates one that is private to the user.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    with_options(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// Creates a file that is private to the user.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    with_options(OpenOptions::new().write(true).create_new(true), path)
}

/// Follows no link, and does not wait for a pipe.
fn with_options(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

/// Releases the lock of a file.
pub(super) fn unlock(file: &File) -> io::Result<()> {
    file.unlock()
}

/// Returns the process that holds the lock of a file, where the system tells: Linux does, of processes in the same
/// container.
pub(super) fn lock_holder(file: &File) -> Option<u32> {
    let metadata = file.metadata().ok()?;
    holder_in(&fs::read_to_string("/proc/locks").ok()?, metadata.dev(), metadata.ino())
}

/// Finds a `flock` in the list of all locks, whose lines are like `1: FLOCK  ADVISORY  WRITE 708 fd:01:4711 0 EOF`.
/// Lines with an arrow are of processes that wait.
fn holder_in(locks: &str, device: u64, inode: u64) -> Option<u32> {
    // As Linux divides the number of a device. Other systems have no such list.
    let (major, minor) =
        ((device >> 8 & 0xfff) | (device >> 32 & !0xfff), (device & 0xff) | (device >> 12 & 0xffff_ff00));
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        [_, "FLOCK", _, "WRITE", holder, found, ..] if found == file => holder.parse().ok(),
        _ => None,
    })
}

/// Refuses a file that another user owns or can write to.
pub(super) fn check(path: &Path, _: &File, metadata: &Metadata) -> Result<(), CacheError> {
    check_owner(path, metadata)
}

/// Writes the names in a directory to the disk. A file system that cannot do that keeps the order of operations in
/// another way.
pub(super) fn sync(directory: &Path) {
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
}

/// Returns the owner and the permissions.
pub(super) fn access(directory: &Path) -> Option<String> {
    let metadata = fs::metadata(directory).ok()?;
    let own = if metadata.uid() == geteuid().as_raw() { "this user" } else { "another user" };
    Some(format!("owner {} ({own}), mode {:04o}", metadata.uid(), metadata.mode() & 0o7777))
}

/// Returns the bytes that this user can still write.
#[allow(clippy::useless_conversion, reason = "the types differ between systems")]
pub(super) fn free_space(directory: &Path) -> Option<u64> {
    let found = statvfs(directory).ok()?;
    u64::from(found.blocks_available()).checked_mul(u64::from(found.fragment_size()))
}

/// Refuses a path that another user owns or can write to: that user could plant a token or keep this program from
/// getting one.
fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    let refused = |problem: &str| Err(CacheError(format!("{} {problem}", path.display())));
    if metadata.uid() != geteuid().as_raw() {
        return refused("belongs to another user; choose a directory that this user owns");
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return refused("is writable by other users; remove that permission (chmod go-w)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::tests::{Directory, KEEP};
    use super::super::{FileCache, SharedCache};
    use super::*;

    #[test]
    fn holder_of_a_lock_is_found_by_device_and_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 1 fe:00:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 2 fe:00:78 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 3 fe:00:77 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 4 fe:00:77 0 EOF\n";
        let device = 0xfe00;
        assert_eq!(holder_in(locks, device, 77), Some(3));
        assert_eq!(holder_in(locks, device, 79), None);
        assert_eq!(holder_in(locks, 0xfe01, 77), None);
        let large = "1: FLOCK  ADVISORY  WRITE 5 1234:12345:77 0 EOF";
        assert_eq!(holder_in(large, 0x1000_1232_3445, 77), Some(5));
        assert_eq!(holder_in("1: FLOCK  ADVISORY  WRITE -1 fe:00:77 0 EOF", device, 77), None, "not in this container");
    }

    #[test]
    fn directory_and_files_are_private_to_the_user() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        assert!(cache.lock("l", "me", KEEP).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory.0.join("cache")), 0o700);
        assert_eq!((mode(&directory.file("a")), mode(&directory.file("l"))), (0o600, 0o600));
    }

    #[test]
    fn path_that_another_user_owns_or_can_write_is_refused_with_advice() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        fs::set_permissions(directory.file("a"), PermissionsExt::from_mode(0o620)).unwrap();
        assert!(cache.load("a").unwrap_err().0.contains("chmod go-w"));
        fs::set_permissions(directory.0.join("cache"), PermissionsExt::from_mode(0o777)).unwrap();
        for refused in
            [cache.load("b").err(), cache.save("b", Some(b"x"), KEEP).err(), cache.lock("l", "me", KEEP).err()]
        {
            assert!(refused.unwrap().0.contains("chmod go-w"));
        }
        if geteuid().is_root() {
            fs::set_permissions(directory.0.join("cache"), PermissionsExt::from_mode(0o700)).unwrap();
            std::os::unix::fs::chown(directory.file("a"), Some(65_534), None).unwrap();
            assert!(cache.load("a").unwrap_err().0.contains("another user"));
        }
    }

    #[test]
    fn links_directories_and_pipes_are_refused_without_blocking() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("real", Some(b"x"), KEEP).unwrap();
        symlink(directory.file("real"), directory.file("link")).unwrap();
        fs::create_dir(directory.file("directory")).unwrap();
        nix::unistd::mkfifo(&directory.file("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        for name in ["link", "directory", "pipe"] {
            assert!(cache.load(name).is_err(), "{name}");
        }
    }

    #[test]
    fn link_in_place_of_the_directory_is_refused_with_advice() {
        let directory = Directory::new();
        directory.cache().save("a", Some(b"x"), KEEP).unwrap();
        let link = directory.0.join("link");
        symlink(directory.0.join("cache"), &link).unwrap();
        for path in [link.clone(), link.join("")] {
            let cache = FileCache::new(&path);
            for refused in
                [cache.load("a").err(), cache.save("b", Some(b"x"), KEEP).err(), cache.lock("l", "me", KEEP).err()]
            {
                assert!(refused.unwrap().0.contains("symbolic link"));
            }
        }
    }
}
