//! Redis, Valkey and other servers with their protocol, single or as a cluster.
//!
//! Each sync and each refresh opens a connection and closes it. They are minutes or hours apart, and hundreds of
//! processes should not keep idle connections, which could break unnoticed.

mod address;
mod connection;
mod probe;

use std::mem;
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError};
use tokio::sync::Mutex;
use tokio::time;

pub(crate) use address::RedisAddress;
use connection::Connection;

use super::{
    Entry, Kind, Loaded, LockHolder, LockState, MAX_ENTRY_LENGTH, Names, OPERATION_TIMEOUT, Store, StoreError,
    StoreFuture, TokenType, UnlockOutcome,
};
use crate::causes;
use crate::human;
use crate::random::unique_name;
use crate::read_budget::BudgetExceeded;
use crate::secret::Redactor;
use crate::tls_failure::{self, SettingNames};

const SETTING_NAMES: SettingNames = SettingNames { ca_file: "cache_ca_file", address: "cache" };

/// Returns the time of the server, and the entries, each cut off at the maximum length.
const LOAD: &str = "local entries = {} \
    for i = 1, #KEYS do local value = redis.call('GET', KEYS[i]) \
    entries[i] = value and string.sub(value, 1, ARGV[1]) end \
    return {redis.call('TIME'), entries}";
const LOCK: &str = "local owner = redis.call('GET', KEYS[1]) \
    if owner and owner ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
const EXTEND: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
/// Returns the owner of the lock and the rest of its lease, in milliseconds. A user without the right to `pttl` gets
/// the owner alone.
const LOCK_STATE: &str = "local left = redis.pcall('PTTL', KEYS[1]) \
    return {redis.call('GET', KEYS[1]), type(left) == 'number' and left}";
/// Removes the lock, and returns who held it.
const REMOVE_LOCK: &str = "local owner = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return owner";
/// Counts the keys that match the patterns, but for the own ones, which are the keys of the script. Returns nothing if
/// the user has no right to `scan`, or if there are too many keys on the server to go through all of them.
const OTHER_RECORDS: &str = "local own, count = {}, 0 \
    for _, key in ipairs(KEYS) do own[key] = true end \
    for _, pattern in ipairs(ARGV) do local cursor, rounds = '0', 0 repeat \
    local found = redis.pcall('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000) \
    rounds = rounds + 1 if found.err or rounds > 20 then return false end cursor = found[1] \
    for _, key in ipairs(found[2]) do if not own[key] then count = count + 1 end end \
    until cursor == '0' end return count";
/// Does nothing unless the owner (the first argument) holds the lock (the first key). Each further key has two
/// arguments, the value and how long to keep it. A time of 0 removes the key.
const SAVE: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    for i = 2, #KEYS do local value, keep = ARGV[2 * i - 2], ARGV[2 * i - 1] \
    if keep == '0' then redis.call('DEL', KEYS[i]) else redis.call('SET', KEYS[i], value, 'PX', keep) end \
    end return 1";

/// The entries of one cache key on a server, for one refresh or sync.
pub(crate) struct Redis {
    address: RedisAddress,
    names: Names,
    owner: String,
    connection: Mutex<Option<Connection>>,
}

impl Redis {
    pub fn new(address: RedisAddress, names: Names) -> Self {
        Self { address, names, owner: unique_name(), connection: Mutex::new(None) }
    }

    /// Runs a command, and repeats it once on a new connection if the old one broke. Every command here can be
    /// repeated.
    async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, StoreError> {
        let attempts = async {
            let mut connection = self.connection.lock().await;
            let mut is_new = connection.is_none();
            loop {
                let current = match &mut *connection {
                    Some(current) => current,
                    empty => empty.insert(Connection::open(&self.address).await?),
                };
                match current.query(&command).await {
                    Err(error) if error.is_io_error() || error.is_unrecoverable_error() => {
                        *connection = None;
                        if mem::replace(&mut is_new, true) {
                            return Err(error);
                        }
                    }
                    outcome => return outcome,
                }
            }
        };
        match time::timeout(OPERATION_TIMEOUT, attempts).await {
            Ok(outcome) => outcome.map_err(|error| self.store_error(&error)),
            Err(_) => Err(StoreError::transient(format!(
                "{} did not respond within {}; check that it runs, its address in cache, and the network",
                self.address,
                human::span(OPERATION_TIMEOUT)
            ))),
        }
    }

    fn store_error(&self, error: &RedisError) -> StoreError {
        let tls = causes::find::<rustls::Error>(error);
        let is_refused = error.code().is_some_and(|code| matches!(code, "NOPERM" | "NOAUTH" | "WRONGPASS"));
        let is_endless = causes::find::<BudgetExceeded>(error).is_some();
        let is_wrong = matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig);
        let advice = match error.kind() {
            ErrorKind::AuthenticationFailed => "; check the user name and the password in cache",
            ErrorKind::InvalidClientConfig => "; check the URL in cache",
            _ if is_endless => "; check what listens there, and the URL in cache",
            _ if is_refused => "; check the user name and the password in cache, and the rights of the user",
            _ if error.is_io_error() && tls.is_none() => "; check that it runs, its address in cache, and the network",
            _ => "",
        };
        let reason = match tls {
            Some(tls) => format!("no secure connection: {}", tls_failure::explain(tls, &SETTING_NAMES)),
            None if error.is_io_error() => causes::reason(error),
            None => error.to_string(),
        };
        // A server can repeat the refused command, including the password.
        let reason = Redactor::new(&self.address.passwords().collect::<Vec<_>>()).clean(&reason);
        let is_transient = !is_wrong && !is_refused && !is_endless && tls.is_none();
        StoreError { is_transient, ..StoreError::new(format!("{}: {reason}{advice}", self.address)) }
    }

    fn script(source: &str, keys: &[String]) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(source).arg(keys.len()).arg(keys);
        command
    }

    fn entry(&self, kind: Kind) -> String {
        self.names.redis_entry(self.address.prefix(), kind)
    }

    async fn lock_by(&self, script: &str, lease: Duration) -> Result<bool, StoreError> {
        let mut command = Self::script(script, &self.lock_key());
        command.arg(&self.owner).arg(lease.as_millis().max(1).to_string());
        self.run::<i64>(command).await.map(|taken| taken == 1)
    }

    fn lock_key(&self) -> [String; 1] {
        [self.names.redis_lock(self.address.prefix())]
    }
}

impl Store for Redis {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        Box::pin(async {
            let records = self.names.reads();
            let kinds = [Kind::Ledger].into_iter().chain(records.iter().map(|&of| Kind::Record(of)));
            let keys: Vec<_> = kinds.map(|kind| self.entry(kind)).collect();
            let mut command = Self::script(LOAD, &keys);
            command.arg(MAX_ENTRY_LENGTH);
            let ((seconds, microseconds), entries): ((i64, i64), Vec<Option<Vec<u8>>>) = self.run(command).await?;
            let mut entries = entries.into_iter();
            let ledger = entries.next().flatten();
            let records = records.iter().zip(entries).filter_map(|(&of, record)| Some((of, record?))).collect();
            let unix_ms = seconds.saturating_mul(1000).saturating_add(microseconds / 1000);
            Ok(Loaded { records, ledger, unix_ms: Some(unix_ms) })
        })
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let entry_keys = entries.iter().map(|entry| self.entry(entry.kind));
            let keys: Vec<_> = self.lock_key().into_iter().chain(entry_keys).collect();
            let mut command = Self::script(SAVE, &keys);
            command.arg(&self.owner);
            for entry in entries {
                let keep = entry.keep.as_millis().clamp(1, u32::MAX.into()).to_string();
                match &entry.bytes {
                    Some(bytes) => command.arg(bytes).arg(keep),
                    None => command.arg("").arg("0"),
                };
            }
            self.run::<i64>(command).await.map(|written| written == 1)
        })
    }

    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.lock_by(LOCK, lease))
    }

    fn has_leases(&self) -> bool {
        true
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.lock_by(EXTEND, lease))
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let mut command = Self::script(UNLOCK, &self.lock_key());
            command.arg(&self.owner);
            self.run::<i64>(command).await.map(drop)
        })
    }

    fn lock_state(&self) -> StoreFuture<'_, LockState> {
        Box::pin(async {
            let command = Self::script(LOCK_STATE, &self.lock_key());
            let (owner, left): (Option<String>, Option<i64>) = self.run(command).await?;
            let lease_left = left.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
            Ok(owner.map_or(LockState::Free, |owner| {
                LockState::Held(LockHolder { lease_left, ..LockHolder::named(owner) })
            }))
        })
    }

    fn remove_lock(&self) -> StoreFuture<'_, UnlockOutcome> {
        Box::pin(async {
            let owner: Option<String> = self.run(Self::script(REMOVE_LOCK, &self.lock_key())).await?;
            Ok(owner.map_or(UnlockOutcome::NotLocked, |owner| UnlockOutcome::Removed(LockHolder::named(owner))))
        })
    }

    fn other_records(&self) -> StoreFuture<'_, Option<usize>> {
        Box::pin(async {
            let own = [TokenType::Bearer, TokenType::Dpop].map(|of| self.entry(Kind::Record(of)));
            let mut command = Self::script(OTHER_RECORDS, &own);
            for prefix in self.names.redis_record_prefixes(self.address.prefix()) {
                command.arg(format!("{}*:record", escaped(&prefix)));
            }
            self.run(command).await
        })
    }
}

/// Returns a pattern of Redis that matches this string alone.
fn escaped(literal: &str) -> String {
    let mut pattern = String::with_capacity(literal.len());
    for character in literal.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
#[path = "redis/flood_tests.rs"]
mod flood_tests;
#[cfg(test)]
#[path = "redis/tls_tests.rs"]
mod tls_tests;
