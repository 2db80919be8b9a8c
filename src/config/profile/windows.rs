//! The configuration file on Windows: where it is, and who may read and change it.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::causes;
use crate::windows::access::Access;

/// Returns `%APPDATA%`.
pub(super) fn config_home(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("APPDATA")
}

/// Refuses a file that others own or can write to: they could have secrets sent to another server, and they choose the
/// command that is run.
pub(super) fn check_writers(path: &Path, file: &File) -> Result<(), String> {
    let access = access(file)?;
    if access.as_ref().is_some_and(|access| !access.has_trusted_owner()) {
        return Err("the file belongs to another user, who can change it; take ownership".into());
    }
    if access.is_some_and(|access| access.others_can_write()) {
        return Err(format!("other users can change the file; remove that permission (icacls {})", path.display()));
    }
    Ok(())
}

/// Refuses a file that every user of the machine can read.
pub(super) fn check_readers(path: &Path) -> Result<(), String> {
    if opened(path)?.is_some_and(|access| access.all_users_can_read()) {
        return Err(format!("other users can read the file; remove that permission (icacls {})", path.display()));
    }
    Ok(())
}

fn opened(path: &Path) -> Result<Option<Access>, String> {
    access(&File::open(path).map_err(|error| causes::reason(&error))?)
}

/// Returns the access of a regular file. A pipe has no list, or one that does not say who can reach it.
fn access(file: &File) -> Result<Option<Access>, String> {
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    Access::of(file).map(Some).map_err(|error| causes::reason(&error))
}
