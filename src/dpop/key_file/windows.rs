//! Access control lists of Windows.

use std::fs::File;
use std::path::Path;

use crate::causes;
use crate::windows::access::Access;

pub(super) fn check_permissions(path: &Path, file: &File) -> Result<(), String> {
    // A pipe has no list, or one that does not say who can reach it.
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let access = Access::of(file).map_err(|error| causes::reason(&error))?;
    if access.all_users_can_write() {
        return Err(
            "every user of this machine can write to the file, and so exchange the key; remove that permission \
                    (Properties, Security, or icacls)"
                .into(),
        );
    }
    if access.all_users_can_read() || access.others_can_write() {
        let whom =
            if access.all_users_can_read() { "every user of this machine can read" } else { "others can change" };
        tracing::warn!("{whom} the DPoP key file {}; remove that permission (icacls)", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;
    use crate::windows::access::tests::set_access;

    #[test]
    fn key_file_that_every_user_can_write_is_refused() {
        let path = env::temp_dir().join(format!("tango-key-access-{}.pem", process::id()));
        fs::write(&path, "a key").unwrap();
        let check = |list: &str| {
            set_access(&path, list);
            check_permissions(&path, &File::open(&path).unwrap())
        };
        assert!(check("D:P(A;;FA;;;USER)(A;;GR;;;WD)").is_ok());
        assert!(check("D:P(A;;FA;;;USER)(A;;GRGW;;;WD)").unwrap_err().contains("every user of this machine can write"));
        fs::remove_file(path).unwrap();
    }
}
