//! The shared cache: a directory, or Redis.

use std::sync::Arc;

use tokio::time;

use super::{Check, CheckOutcome, redis};
use crate::config::{Config, Place};
use crate::human;
use crate::store::{CacheError, FileCache, Identity, Names, OPERATION_TIMEOUT};
use crate::threads::Code;
use crate::workers::Workers;

const NAME: &str = "cache";
const REDIS: &str = "redis";
/// A refresh writes some kilobytes.
const LITTLE_SPACE: u64 = 16 * 1024 * 1024;

/// A part of what a refresh does with a directory.
type Step = fn(&FileCache) -> Result<(), CacheError>;

pub(super) async fn check(config: &Config) -> [Check; 2] {
    let no_redis = || Check::skipped(REDIS, "the cache is not Redis");
    let settings = match config.cache_settings() {
        Ok(settings) => settings,
        Err(problem) => {
            let reason = "the configuration of the cache cannot be used";
            let failed = Check { advice: vec![problem], ..Check::new(NAME, CheckOutcome::Failure, reason) };
            return [failed, Check::skipped(REDIS, reason)];
        }
    };
    match settings.place() {
        Place::Memory => [
            Check::ok(NAME, "memory: each process gets a token of its own").warn(
                "Set cache to `file` or to the URL of a Redis server, unless only one process runs and seldom restarts: \
                 each start costs a token, and the server grants one in 20 hours",
            ),
            no_redis(),
        ],
        Place::Directory(directory) => [self::directory(Arc::new(FileCache::new(directory))).await, no_redis()],
        Place::Redis(address) => {
            [Check::ok(NAME, format!("Redis at {address}")), redis::check(address, &names(config)).await]
        }
        Place::Custom(_) => [Check::skipped(NAME, "the cache belongs to the program"), no_redis()],
    }
}

/// Returns names that no client uses, of the form that all names have.
fn names(config: &Config) -> Names {
    let token_url = config.network_settings().map_or_else(|_| String::new(), |settings| settings.token_url.into());
    let (unused, client_id) = ("diagnosis".to_owned().into(), format!("diagnosis of {token_url}"));
    Names::of(&Identity {
        token_url: &token_url,
        client_id: &client_id,
        client_secret: &unused,
        username: "diagnosis",
        password: &unused,
        scope: "",
        audience: "",
        binding: None,
    })
}

async fn directory(cache: Arc<FileCache>) -> Check {
    // On a thread of its own, because files of a network can hang.
    let inspected = Arc::clone(&cache);
    let work = Workers::new("tango-cache", Code::Library, 1);
    match time::timeout(OPERATION_TIMEOUT, work.run(move || inspect(&inspected))).await {
        Ok(Ok(check)) => check,
        Ok(Err(problem)) => Check::failure(NAME, &problem.to_string()),
        Err(_) => {
            let (path, limit) = (cache.path().display(), human::span(OPERATION_TIMEOUT));
            let message = format!("{path} did not respond within {limit}; check the network that it is mounted from");
            Check::failure(NAME, &message)
        }
    }
}

fn inspect(cache: &FileCache) -> Check {
    let steps: [Step; 3] = [FileCache::check_access, FileCache::check_writing, FileCache::check_locking];
    let outcome = steps.into_iter().try_for_each(|step| step(cache));
    let path = cache.path().display();
    let mut check = match outcome {
        Ok(()) => Check::ok(NAME, format!("{path} can be written, and locks its files")),
        Err(error) if error.0.contains("; ") => Check::failure(NAME, &error.0),
        Err(error) => Check::failure(
            NAME,
            &format!("{}; Give this user the right to write to {path}, or name another directory in cache", error.0),
        ),
    };
    let facts = cache.facts();
    if let Some(access) = facts.access {
        check = check.detail("access", access);
    }
    if let Some(free) = facts.free {
        check = check.detail("free space", format!("{} MiB", free / (1024 * 1024)));
        if free < LITTLE_SPACE {
            check = check
                .warn(format!("Free some space on the file system of {path}: a token that is not written is lost"));
        }
    }
    if let Some(kind) = facts.shared_file_system {
        check = check.detail("file system", kind).warn(format!(
            "Make sure that {kind} at {path} keeps the locks of all machines that mount it (on NFS without the option \
             nolock or local_lock), or use Redis: without them each machine requests a token"
        ));
    }
    check
}
