//! The files that the sandbox leaves for its clients, and their removal.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::options::Output;
use crate::random;

/// Everyone may read a certificate.
const CA_MODE: u32 = 0o644;
/// The lines hold the service account's secrets, which a user can have set to real ones.
const ENV_MODE: u32 = 0o600;

/// Knows where files go; what is only of use while the process runs is removed on drop.
pub struct Artifacts {
    ca_file: PathBuf,
    own_dir: Option<PathBuf>,
    env_file: Option<PathBuf>,
}

impl Artifacts {
    /// Makes the directory, and removes the lines that an earlier run left: a script waits for the new ones.
    pub fn prepare(output: &Output) -> Result<Self, String> {
        if let Some(env_file) = &output.env_file {
            match fs::remove_file(env_file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(format!("cannot replace {}: {error}", env_file.display()));
                }
                _ => (),
            }
        }
        let (dir, own_dir) = if let Some(dir) = &output.dir {
            (dir.clone(), None)
        } else {
            let dir = std::env::temp_dir().join(format!("tango-sandbox-{}", random::id()));
            (dir.clone(), Some(dir))
        };
        fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
        // Absolute, because clients run in other directories.
        let ca_file = std::path::absolute(dir.join("ca.pem")).map_err(|error| error.to_string())?;
        Ok(Self { ca_file, own_dir, env_file: output.env_file.clone() })
    }

    /// Absolute path of the authority's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Writes the authority's certificate.
    pub fn write_ca(&self, pem: &str) -> Result<(), String> {
        write_atomically(&self.ca_file, pem, CA_MODE)
    }

    /// Writes the `NAME=value` lines, where a file for them was asked for.
    pub fn write_env(&self, lines: &str) -> Result<(), String> {
        self.env_file.as_deref().map_or(Ok(()), |path| write_atomically(path, lines, ENV_MODE))
    }
}

impl Drop for Artifacts {
    fn drop(&mut self) {
        if let Some(env_file) = &self.env_file {
            let _ = fs::remove_file(env_file);
        }
        if let Some(own_dir) = &self.own_dir {
            let _ = fs::remove_file(&self.ca_file);
            let _ = fs::remove_dir(own_dir);
        }
    }
}

/// A reader finds the old file, none, or the whole new one, never a part.
fn write_atomically(path: &Path, contents: &str, mode: u32) -> Result<(), String> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", random::id()));
    let temporary = PathBuf::from(temporary);
    create(&temporary, contents, mode).and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        format!("cannot write {}: {error}", path.display())
    })
}

fn create(path: &Path, contents: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path)?;
    // Once more, because the umask took its share from the mode above.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = mode;
    file.write_all(contents.as_bytes())
}
