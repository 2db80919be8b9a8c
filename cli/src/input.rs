//! Files that are read once, or standard input in their place.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// A file with a secret is short. A longer one is another file.
const MAX_LENGTH: usize = 64 * 1024;

/// A file, or `-` for standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Stdin,
    File(PathBuf),
}

impl FromStr for Input {
    type Err = Infallible;

    fn from_str(path: &str) -> Result<Self, Infallible> {
        Ok(if path == "-" { Self::Stdin } else { Self::File(path.into()) })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Input {
    /// Reads all of it, as UTF-8 of at most 64 KiB.
    pub fn read(&self) -> Result<Zeroizing<String>, Failure> {
        let problem = |problem: &dyn fmt::Display| Failure::new(format!("{self}: {problem}"));
        // The whole capacity at once: a buffer that grows leaves copies of a secret behind.
        let mut content = Zeroizing::new(String::with_capacity(MAX_LENGTH + 1));
        let limit = MAX_LENGTH as u64 + 1;
        let read = match self {
            Self::Stdin => io::stdin().lock().take(limit).read_to_string(&mut content),
            Self::File(path) => File::open(path).and_then(|file| file.take(limit).read_to_string(&mut content)),
        };
        read.map_err(|error| problem(&error))?;
        if content.len() > MAX_LENGTH { Err(problem(&"longer than 64 KiB")) } else { Ok(content) }
    }

    /// Reads the first bytes, at most `limit`.
    pub fn read_bytes(&self, limit: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = match self {
            Self::Stdin => io::stdin().lock().take(limit).read_to_end(&mut bytes),
            Self::File(path) => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        };
        read.map_err(|error| Failure::new(format!("{self}: {error}")))?;
        Ok(bytes)
    }
}

/// Reads the secret of a flag: the input without one line break at its end.
pub fn secret(flag: &str, input: &Input) -> Result<Zeroizing<String>, Failure> {
    let mut secret = input.read()?;
    let line = secret.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    if let Some(length) = line {
        secret.truncate(length);
    }
    if secret.is_empty() { Err(Failure::usage(format!("{flag}: {input} is empty"))) } else { Ok(secret) }
}

/// Refuses a command line that reads standard input twice.
pub fn at_most_one_is_stdin<'a>(inputs: impl Iterator<Item = (&'static str, &'a Input)>) -> Result<(), Failure> {
    let flags: Vec<_> = inputs.filter(|(_, input)| **input == Input::Stdin).map(|(flag, _)| flag).collect();
    if flags.len() > 1 {
        return Err(Failure::usage(format!("only one of {} can read standard input", flags.join(" and "))));
    }
    Ok(())
}
