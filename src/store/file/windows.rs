//! Directories and files on Windows, which have an owner and an access control list.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_DELETE_PENDING, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE,
    WIN32_ERROR,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES,
    READ_CONTROL,
};

use super::{CacheError, failed};
use crate::windows::access::{Access, create_private_directory, create_private_file, is_reparse_point};

/// Returns `%LOCALAPPDATA%`.
pub(super) fn cache_home(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("LOCALAPPDATA")
}

/// Creates a directory that is private to the user, unless it exists.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    match create_private_directory(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        result => result,
    }
}

/// Refuses a link, and a directory that another user owns or can write to.
pub(super) fn check_directory(directory: &Path) -> Result<(), CacheError> {
    // Without the flag for backups, directories cannot be opened.
    let flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    let opened =
        OpenOptions::new().access_mode(READ_CONTROL | FILE_READ_ATTRIBUTES).custom_flags(flags).open(directory);
    let opened = opened.and_then(|opened| Ok((opened.metadata()?, opened)));
    let (metadata, opened) = opened.map_err(|error| failed("inspect", directory, &error))?;
    // Wine follows the link in spite of the flag. Only the attributes of the path show it.
    if is_reparse_point(directory) {
        return Err(is_link(directory));
    }
    check(directory, &opened, &metadata)
}

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> io::Result<File> {
    with_options(OpenOptions::new().read(true), path)
}

/// Opens a file to read and write it, or creates one that is private to the user.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let open = || with_options(OpenOptions::new().read(true).write(true), path);
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => match create_private_file(path) {
            // Another process was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => open(),
            result => result,
        },
        result => result,
    }
}

/// Creates a file that is private to the user.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    retry_while_in_use(|| create_private_file(path))
}

/// Follows no link.
fn with_options(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    retry_while_in_use(|| options.open(path))
}

/// Releases the lock of a file. Rust's standard library unlocks twice, for two kinds of locks. The second time fails if
/// there was one kind only: Windows reports `ERROR_NOT_LOCKED`, which the standard library ignores, and Wine 8
/// `ERROR_LOCK_VIOLATION`.
pub(super) fn unlock(file: &File) -> io::Result<()> {
    match file.unlock() {
        Err(error) if error.raw_os_error() == Some(ERROR_LOCK_VIOLATION.cast_signed()) => Ok(()),
        result => result,
    }
}

/// Returns `None`: Windows does not tell which process has locked a file.
pub(super) fn lock_holder(_: &File) -> Option<u32> {
    None
}

/// Refuses a path that is a link (or another reparse point that leads to another place), and one that another user
/// owns or can write to: that user could plant a token or keep this program from getting one.
pub(super) fn check(path: &Path, file: &File, metadata: &Metadata) -> Result<(), CacheError> {
    let refused = |problem: &str| Err(CacheError(format!("{} {problem}", path.display())));
    if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        return Err(is_link(path));
    }
    let access = Access::of(file).map_err(|error| failed("inspect", path, &error))?;
    if !access.has_trusted_owner() {
        return refused("belongs to another user; choose a directory that this user owns");
    }
    if access.others_can_write() {
        return refused("is writable by other users; remove that permission (Properties, Security, or icacls)");
    }
    Ok(())
}

fn is_link(path: &Path) -> CacheError {
    CacheError(format!(
        "{} is a symbolic link or a junction, which another user could have placed; \
         name the directory that it leads to",
        path.display()
    ))
}

/// Replaces a file, even one that another process has open.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    retry_while_in_use(|| fs::rename(from, to))
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    retry_while_in_use(|| fs::remove_file(path))
}

/// Does nothing: NTFS writes changes of names in their order, and Windows lets no user flush a directory.
pub(super) fn sync(_: &Path) {}

/// Repeats `work` while it fails because another program has the file open. Virus scanners and indexers open files for
/// a moment without sharing them. A file that is being deleted cannot be opened either.
fn retry_while_in_use<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const PAUSES_MS: [u64; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 400];
    const TRANSIENT: [WIN32_ERROR; 5] = [
        ERROR_ACCESS_DENIED,
        ERROR_SHARING_VIOLATION,
        ERROR_LOCK_VIOLATION,
        ERROR_DELETE_PENDING,
        ERROR_USER_MAPPED_FILE,
    ];
    let is_transient = |error: &io::Error| {
        let number = error.raw_os_error().map(i32::cast_unsigned);
        number.is_some_and(|number| TRANSIENT.contains(&number))
    };
    for pause in PAUSES_MS {
        match work() {
            Err(error) if is_transient(&error) => thread::sleep(Duration::from_millis(pause)),
            result => return result,
        }
    }
    work()
}

/// A list of rights is too long to be shown.
pub(super) fn access(_: &Path) -> Option<String> {
    None
}

/// Windows tells it only with a handle that this library has no use for.
pub(super) fn free_space(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use windows_sys::Win32::Storage::FileSystem::FILE_SHARE_READ;

    use super::super::tests::{Directory, KEEP};
    use super::super::{FileCache, SharedCache};
    use super::*;
    use crate::windows::access::tests::set_access;

    fn access(path: &Path) -> Access {
        let flags = FILE_FLAG_BACKUP_SEMANTICS;
        Access::of(&OpenOptions::new().access_mode(READ_CONTROL).custom_flags(flags).open(path).unwrap()).unwrap()
    }

    #[test]
    fn directory_and_files_are_private_to_the_user() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        assert!(cache.lock("l", "me", KEEP).unwrap());
        for path in [directory.0.join("cache"), directory.file("a"), directory.file("l")] {
            let access = access(&path);
            assert!(access.has_trusted_owner() && !access.others_can_write(), "{access:?}");
            assert!(!access.all_users_can_read(), "{access:?}");
        }
    }

    #[test]
    fn path_that_others_can_write_is_refused_with_advice() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        set_access(&directory.file("a"), "D:P(A;;FA;;;USER)(A;;FA;;;SY)(A;;GRGW;;;WD)");
        assert!(cache.load("a").unwrap_err().0.contains("writable by other users"));
        set_access(&directory.0.join("cache"), "D:P(A;OICI;FA;;;USER)(A;OICI;FA;;;SY)(A;OICI;FA;;;WD)");
        for refused in
            [cache.load("b").err(), cache.save("b", Some(b"x"), KEEP).err(), cache.lock("l", "me", KEEP).err()]
        {
            assert!(refused.unwrap().0.contains("writable by other users"));
        }
    }

    #[test]
    fn path_that_others_can_only_read_is_used() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"x"), KEEP).unwrap();
        set_access(&directory.file("a"), "D:P(A;;FA;;;USER)(A;;FA;;;SY)(A;;GR;;;WD)");
        assert_eq!(cache.load("a").unwrap().as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn junction_in_place_of_the_directory_is_refused_with_advice() {
        let directory = Directory::new();
        directory.cache().save("a", Some(b"x"), KEEP).unwrap();
        let link = directory.0.join("link");
        let made = Command::new("cmd").args(["/c", "mklink", "/J"]).arg(&link).arg(directory.0.join("cache")).output();
        assert!(made.unwrap().status.success() && is_reparse_point(&link));
        let cache = FileCache::new(&link);
        for refused in
            [cache.load("a").err(), cache.save("b", Some(b"x"), KEEP).err(), cache.lock("l", "me", KEEP).err()]
        {
            assert!(refused.unwrap().0.contains("junction"));
        }
    }

    #[test]
    fn file_that_another_program_does_not_share_is_replaced_when_it_is_closed() {
        let directory = Directory::new();
        let cache = directory.cache();
        cache.save("a", Some(b"old"), KEEP).unwrap();
        let scanner = OpenOptions::new().read(true).share_mode(FILE_SHARE_READ).open(directory.file("a")).unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(60));
                drop(scanner);
            });
            cache.save("a", Some(b"new"), KEEP).unwrap();
        });
        assert_eq!(cache.load("a").unwrap().as_deref(), Some(&b"new"[..]));
    }
}
