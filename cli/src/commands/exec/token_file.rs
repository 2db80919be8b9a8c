//! The file of `exec --token-file`: the current token, as long as the command runs.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tango_token::{Client, Error, Token};

use crate::failure::Failure;
use crate::files::{self, Identity};
use crate::output;
use crate::times;

/// The share of a token's remaining lifetime after which the client is asked again. It refreshes a token well before.
const SHARE: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Removes the file when it is dropped, unless another process has replaced it.
pub struct TokenFile {
    path: PathBuf,
    token: Token,
    identity: Identity,
}

impl TokenFile {
    /// Writes the file. One that exists is replaced.
    pub fn create(path: &Path, token: Token) -> Result<Self, Failure> {
        let identity = write(path, &token)?;
        Ok(Self { path: path.to_owned(), token, identity })
    }

    /// Replaces the file whenever there is another token, and writes it again if it was removed. A failure is reported,
    /// and tried again.
    pub async fn keep_fresh(mut self, client: &Client) -> Infallible {
        let mut reported = None;
        loop {
            tokio::time::sleep(pause(&self.token)).await;
            let problem = match client.acquire_async().await {
                Ok(token) => self.update(token).err(),
                Err(error) => Some(self.problem(error)),
            };
            // Once for each problem, not once a minute.
            if let Some(problem) = problem.as_ref().filter(|_| problem != reported) {
                output::complain(problem);
            }
            reported = problem;
        }
    }

    fn update(&mut self, token: Token) -> Result<(), String> {
        if token.value() != self.token.value() || !self.path.exists() {
            self.identity = write(&self.path, &token).map_err(|failure| failure.to_string())?;
        }
        self.token = token;
        Ok(())
    }

    fn problem(&self, error: Error) -> String {
        let left = times::span(self.token.expires_in());
        format!("the token in {} is not refreshed; it expires in {left}: {}", self.path.display(), Failure::from(error))
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if files::is_same(&self.path, self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn pause(token: &Token) -> Duration {
    (token.expires_in() / SHARE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

fn write(path: &Path, token: &Token) -> Result<Identity, Failure> {
    files::replace(path, token.value()).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
