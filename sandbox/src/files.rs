//! The files that the sandbox writes for its clients. All but a certificate in `--dir` are removed on drop.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::random;

#[cfg_attr(unix, path = "files/unix.rs")]
#[cfg_attr(windows, path = "files/windows.rs")]
mod system;

use system::Readers;

/// The certificate of the authority, in a directory that the user chose or in a temporary one.
pub struct CaFile {
    path: PathBuf,
    temporary_directory: Option<PathBuf>,
}

impl CaFile {
    /// Writes `ca.pem` into `directory`, which is made where it does not exist.
    pub fn write(directory: Option<&Path>, pem: &str) -> Result<Self, String> {
        let temporary_directory = match directory {
            Some(_) => None,
            None => Some(std::env::temp_dir().join(format!("tango-sandbox-{}", random::id()))),
        };
        let directory = directory.or(temporary_directory.as_deref()).unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
        // Absolute, because clients run in other directories.
        let path = std::path::absolute(directory.join("ca.pem")).map_err(|error| error.to_string())?;
        let file = Self { path, temporary_directory };
        write_atomically(&file.path, pem, Readers::Everyone)?;
        Ok(file)
    }

    /// Returns the absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        if let Some(directory) = &self.temporary_directory {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_dir(directory);
        }
    }
}

/// The file of the variables.
pub struct EnvFile(PathBuf);

impl EnvFile {
    /// Removes the file of an earlier run: a script waits for the new one.
    pub fn prepare(path: PathBuf) -> Result<Self, String> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("cannot replace {}: {error}", path.display()))
            }
            _ => Ok(Self(path)),
        }
    }

    /// Writes the whole file in one step.
    pub fn write(&self, variables: &str) -> Result<(), String> {
        write_atomically(&self.0, variables, Readers::User)
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file so that a reader finds the old one, none, or the whole new one, never a part.
fn write_atomically(path: &Path, contents: &str, readers: Readers) -> Result<(), String> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", random::id()));
    let temporary = PathBuf::from(temporary);
    create(&temporary, contents, readers).and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        format!("cannot write {}: {error}", path.display())
    })
}

fn create(path: &Path, contents: &str, readers: Readers) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = system::create(&mut options, path, readers)?;
    file.write_all(contents.as_bytes())
}
