//! The bearer that callers over TCP present: 32 random bytes in a file that only the user can read. Every local program
//! can connect to a port, so the port alone proves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files;

/// A new bearer, in its file. The file is removed with it.
pub struct Bearer {
    value: Zeroizing<String>,
    path: PathBuf,
}

impl Bearer {
    /// Replaces the file of an earlier server. A reader finds the whole old bearer or the whole new one.
    pub fn create(path: PathBuf) -> Result<Self, Failure> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut *bytes).map_err(|_| Failure::new("the system has no random numbers"))?;
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        files::replace(&path, &format!("{}\n", *value))
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self { value, path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether a header is `Bearer` with this value (RFC 6750 section 2.1), in a time that tells nothing about
    /// the value.
    pub fn matches(&self, header: &[u8]) -> bool {
        let Some((scheme, value)) = header.split_at_checked("Bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"Bearer ")
            && constant_time::verify_slices_are_equal(value.trim_ascii(), self.value.as_bytes()).is_ok()
    }
}

impl Drop for Bearer {
    fn drop(&mut self) {
        // Another server can have replaced it meanwhile.
        let is_own = fs::read_to_string(&self.path).is_ok_and(|found| found.trim_end() == *self.value);
        if is_own {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_is_new_each_time_private_and_removed_with_its_server() {
        let path = std::env::temp_dir().join(format!("tango-token-bearer-{}", std::process::id()));
        fs::write(&path, "old").unwrap();
        let one = Bearer::create(path.clone()).unwrap();
        let value = fs::read_to_string(&path).unwrap();
        assert_eq!(value.trim_end().len(), 43, "32 bytes in base64url");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(one.matches(format!("Bearer {}", value.trim_end()).as_bytes()));
        assert!(one.matches(format!("bearer  {} ", value.trim_end()).as_bytes()));
        for wrong in
            ["", "Bearer", "Bearer ", &value, &format!("Basic {}", value.trim_end()), &format!("Bearer x{value}")]
        {
            assert!(!one.matches(wrong.as_bytes()), "{wrong}");
        }
        let other = Bearer::create(path.clone()).unwrap();
        assert!(!other.matches(format!("Bearer {}", value.trim_end()).as_bytes()));
        drop(one);
        assert!(path.exists(), "it is that of the other server");
        drop(other);
        assert!(!path.exists());
    }
}
