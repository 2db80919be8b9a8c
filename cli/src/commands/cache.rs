//! `tango-token cache`: the shared cache, for people who look after it.

mod document;
mod report;

use clap::{Args, Subcommand};
use tango_token::{CacheKind, CacheStatus, CachedRecord, Client, LedgerState, LockHolder, LockState, UnlockOutcome};

use crate::confirmation::confirm;
use crate::failure::Failure;
use crate::options::Options;
use crate::output;
use crate::progress;
use crate::times::{self, distance, relative};

#[derive(Subcommand)]
pub enum Cache {
    /// Show whose token the shared cache holds, until when, who holds its lock, and when the next request is possible
    Status(Box<Status>),
    /// Remove the token and the ledger; the next token may have to wait for the daily limit
    Clear(Box<Clear>),
    /// Remove the lock of a process that has ended
    Unlock(Box<Unlock>),
}

#[derive(Args)]
pub struct Status {
    /// Print a JSON object, with times in UTC
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
pub struct Clear {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
pub struct Unlock {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    options: Options,
}

impl Cache {
    pub fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Status(command) => command.run(),
            Self::Clear(command) => command.run(),
            Self::Unlock(command) => command.run(),
        }
    }
}

impl Status {
    fn run(&self) -> Result<(), Failure> {
        let status = self.options.client()?.cache_status()?;
        if self.json { output::json(&document::of(&status)) } else { report::of(&status).print() }
    }
}

impl Clear {
    fn run(&self) -> Result<(), Failure> {
        let client = self.options.client()?;
        let status = shared(&client)?;
        if status.record == CachedRecord::Missing && status.ledger.state == LedgerState::Missing {
            return output::line(format_args!("{} holds nothing of this client", status.place));
        }
        confirm(&warning(&status), "Remove the token and the ledger?", self.yes)?;
        progress::during("the lock of the cache", client.total_timeout(), || client.clear_cache())?;
        output::line(format_args!("the token and the ledger were removed from {}", status.place))
    }
}

impl Unlock {
    fn run(&self) -> Result<(), Failure> {
        let client = self.options.client()?;
        let status = shared(&client)?;
        let holder = match &status.lock {
            LockState::Free => return output::line("nobody holds the lock"),
            LockState::Held(holder) => described(holder),
            _ => "a process".into(),
        };
        if status.kind == CacheKind::Redis {
            let consequence = format!(
                "{holder} holds the lock of {}. If that process still runs, another one can send a second request, \
                 which costs the token of the day",
                status.place
            );
            confirm(&consequence, "Remove the lock?", self.yes)?;
        }
        match client.unlock_cache()? {
            UnlockOutcome::NotLocked => output::line("nobody holds the lock any more"),
            UnlockOutcome::Removed(holder) => {
                output::line(format_args!("the lock of {} was removed", described(&holder)))
            }
            UnlockOutcome::KeptBySystem(holder) => Err(Failure::new(format!(
                "{} holds the lock, and the system releases it when that process ends; end the process",
                described(&holder)
            ))),
            _ => Err(Failure::new("this cache cannot remove a lock; it is released when its lease ends")),
        }
    }
}

/// Returns the status of a cache that is shared.
fn shared(client: &Client) -> Result<CacheStatus, Failure> {
    let status = client.cache_status()?;
    if status.kind == CacheKind::Memory {
        return Err(Failure::usage(
            "the token is kept in the memory of each process (cache `memory`); there is nothing to do",
        ));
    }
    Ok(status)
}

/// Says what clearing can cost.
fn warning(status: &CacheStatus) -> String {
    let loses = match status.usable_token() {
        Some(token) => format!("holds a token that expires {}", distance(token.expires, status.now)),
        None => "holds no token, but what is known of earlier requests".into(),
    };
    let refused = match status.quota_resets.or(status.next_request) {
        Some(until) => format!("the next one may be refused until {}", relative(until, status.now)),
        None => "the next one may be refused for that long".into(),
    };
    let client_id = &status.identity.client_id;
    format!(
        "{} {loses}. The server grants the client {client_id} about one token in 20 hours: {refused}. Processes that \
         still run write back what they know",
        status.place
    )
}

/// Returns the holder of a lock as a person knows it.
fn described(holder: &LockHolder) -> String {
    let process = match holder.process_id {
        Some(id) => format!("process {id}"),
        None => "a process".into(),
    };
    let owner = holder.owner.as_ref().map(|owner| format!(" (owner {})", visible(owner))).unwrap_or_default();
    let lease = holder.lease_left.map(|left| format!(", for {} at most", times::span(left))).unwrap_or_default();
    format!("{process}{owner}{lease}")
}

/// Returns a string that another user of the cache may have written, with its first characters at most.
fn visible(string: &str) -> String {
    output::visible(&string.chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_of_another_user_of_the_cache_moves_no_cursor() {
        assert_eq!(visible("7-\u{1b}[2J"), r"7-\u{1b}[2J");
        assert_eq!(visible(&"x".repeat(1000)).len(), 200);
    }
}
