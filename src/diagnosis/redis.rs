//! Redis: connection, rights, latency, eviction and persistence.

use std::time::{Duration, Instant};

use super::{Check, milliseconds};
use crate::store::{Entry, Kind, Names, Redis, RedisAddress, Store, StoreError};

const NAME: &str = "redis";
const LEASE: Duration = Duration::from_secs(5);
const PINGS: u32 = 5;
/// A refresh needs about six operations, and callers may wait for it.
const SLOW: Duration = Duration::from_millis(200);
/// What servers say of a user who lacks a right, also inside a script.
const REFUSALS: [&str; 4] = ["NOPERM", "NoPerm", "no permissions", "user executing the script can't"];
/// The rights of the user (docs/fleet.md), as Redis writes them.
const RIGHTS: &str = "+eval +get +set +del +time";

pub(super) async fn check(address: &RedisAddress, names: &Names) -> Check {
    let server = Redis::new(address.clone(), names.clone());
    if let Err(error) = operations(&server).await {
        let message = error.to_string();
        let check = Check::failure(NAME, &message);
        return if REFUSALS.iter().any(|refusal| message.contains(refusal)) {
            let prefix = address.prefix();
            let rule = format!("ACL SETUSER NAME on >PASSWORD resetkeys ~{prefix}* -@all {RIGHTS}");
            Check { advice: Vec::new(), ..check }
                .warn(format!("Give the user of cache the rights that it needs: {rule}"))
        } else {
            check
        };
    }
    let check = Check::ok(NAME, format!("{address} does what a refresh needs"));
    let check = latency(&server, check).await;
    if server.is_cluster() {
        return check.detail("eviction and persistence", "not looked at in a cluster");
    }
    persistence(&server, eviction(&server, check).await).await
}

/// Does what a refresh does, with entries that no client reads.
async fn operations(server: &Redis) -> Result<(), StoreError> {
    let entry = |bytes| [Entry { kind: Kind::Ledger, bytes, keep: LEASE }];
    server.load().await?;
    // Another diagnosis can have it.
    if !server.lock(LEASE).await? {
        return Ok(());
    }
    let written = async {
        server.extend(LEASE).await?;
        server.save(&entry(Some(b"diagnosis".to_vec()))).await?;
        server.save(&entry(None)).await
    };
    let written = written.await;
    server.unlock().await?;
    written.map(drop)
}

async fn latency(server: &Redis, check: Check) -> Check {
    let (mut slowest, mut total, mut what) = (Duration::ZERO, Duration::ZERO, "PING");
    for _ in 0..PINGS {
        let start = Instant::now();
        let time = match server.ping().await {
            Ok(time) => time,
            // The user needs no right to it.
            Err(_) if server.load().await.is_ok() => {
                what = "reading the entries (the user may not PING)";
                start.elapsed() / 2
            }
            Err(error) => return check.warn(error.to_string()),
        };
        (slowest, total) = (slowest.max(time), total + time);
    }
    let check = check.detail(
        "latency",
        format!(
            "{} on average, {} at most, of {PINGS} times {what}",
            milliseconds(total / PINGS),
            milliseconds(slowest)
        ),
    );
    if slowest < SLOW {
        return check;
    }
    check.warn("Look for what slows Redis down (SLOWLOG, the network): a refresh needs about six operations")
}

async fn eviction(server: &Redis, check: Check) -> Check {
    let Ok(memory) = server.info("memory").await else { return check.detail("eviction", not_permitted()) };
    let (policy, limit) = (field(&memory, "maxmemory_policy"), field(&memory, "maxmemory"));
    let Some(policy) = policy else { return check.detail("eviction", "the server does not tell") };
    let check = check.detail("eviction", format!("{policy}, maxmemory {}", limit.unwrap_or("not told")));
    if policy == "noeviction" || limit == Some("0") {
        return check;
    }
    check.warn(format!(
        "Use a Redis server with maxmemory-policy noeviction: with {policy} it removes the token or the ledger when memory \
         is short, and the fleet requests tokens that the daily limit refuses"
    ))
}

async fn persistence(server: &Redis, check: Check) -> Check {
    let (Ok(found), Ok(save)) = (server.info("persistence").await, server.setting("save").await) else {
        return check.detail("persistence", not_permitted());
    };
    let has_log = field(&found, "aof_enabled") == Some("1");
    let states = ["rdb_last_bgsave_status", "aof_last_write_status"];
    let failed = states.into_iter().find(|name| field(&found, name) == Some("err"));
    let shown = match save.as_str() {
        _ if has_log => "append-only file".to_owned(),
        "" => "none".to_owned(),
        save => format!("snapshots ({save})"),
    };
    let check = check.detail("persistence", shown);
    match failed {
        Some(name) => check.warn(format!("Look into the log of Redis: {name} is err, so what it holds may be lost")),
        None if has_log || !save.is_empty() => check,
        None => check.warn(
            "Switch on persistence in Redis (appendonly yes): after a restart the token and the ledger are gone unless a \
             process that runs writes them back",
        ),
    }
}

/// Returns a field of INFO.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn not_permitted() -> &'static str {
    "not known: the user may not run INFO and CONFIG, which the library does not need"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_of_info_has_a_whole_name() {
        let info = "# Memory\r\nmaxmemory_policy:noeviction\r\nmaxmemory:0\r\n";
        assert_eq!((field(info, "maxmemory"), field(info, "maxmemory_policy")), (Some("0"), Some("noeviction")));
        assert_eq!(field(info, "memory"), None);
    }
}
