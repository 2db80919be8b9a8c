//! Access control lists of Windows.

use std::fs::File;

use crate::causes;
use crate::windows::access::Access;

/// What mends permissions, before the path.
pub(super) const ADVICE: &str = "remove that permission with icacls";

/// Returns who can do more with the file than needed, as the beginning of a sentence.
pub(super) fn inspect(file: &File) -> Result<Option<&'static str>, String> {
    // A pipe has no list, or one that does not say who can reach it.
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let access = Access::of(file).map_err(|error| causes::reason(&error))?;
    if access.all_users_can_write() {
        return Err(
            "every user of this machine can write to the file, and so exchange the key; remove that permission \
                    (Properties, Security, or icacls)"
                .into(),
        );
    }
    Ok(if access.all_users_can_read() {
        Some("every user of this machine can read")
    } else if access.others_can_write() {
        Some("others can change")
    } else {
        None
    })
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
            inspect(&File::open(&path).unwrap())
        };
        assert!(check("D:P(A;;FA;;;USER)(A;;GR;;;WD)").is_ok());
        assert!(check("D:P(A;;FA;;;USER)(A;;GRGW;;;WD)").unwrap_err().contains("every user of this machine can write"));
        fs::remove_file(path).unwrap();
    }
}
