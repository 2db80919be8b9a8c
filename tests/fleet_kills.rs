//! A process that holds the lock of the shared cache is killed or suspended at any moment. The other processes get a
//! token.

mod support;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::fleet::{Cache, Fleet};
use support::fresh_directory;
use support::redis::Redis;
use support::sandbox::Sandbox;

const KILLS: u32 = 30;
/// How many run at once. They mostly wait.
const AT_ONCE: u32 = 6;
/// The time from taking the lock until well after the token is written, with this latency of the server.
const SPAN: Duration = Duration::from_millis(320);
const LATENCY: [&str; 2] = ["--latency-ms", "200"];

/// The lock in Redis expires an attempt timeout and a second after its holder died.
const ATTEMPT_TIMEOUT: &str = "2000";
const LEASE: Duration = Duration::from_secs(3);

/// Returns a random moment in the part of the span that has this number.
fn moment(number: u32) -> Duration {
    let random = RandomState::new().hash_one(number) % 1000;
    SPAN * (1000 * number + u32::try_from(random).unwrap()) / (1000 * KILLS)
}

/// Kills the holder of the lock at this moment, and returns how many token requests were sent.
fn kill_at(moment: Duration, sandbox: &Sandbox, cache: &Cache) -> u64 {
    sandbox.reset();
    let fleet = Fleet::new(sandbox, cache).with("TANGO_ATTEMPT_TIMEOUT_MS", ATTEMPT_TIMEOUT);
    let (mut holder, mut waiting) = (fleet.start(), fleet.start_many(5));
    holder.tell("acquire");
    cache.wait_for_a_holder();
    for member in &mut waiting {
        member.tell("acquire");
    }
    thread::sleep(moment);
    holder.kill();

    let tokens: BTreeSet<_> = waiting
        .iter_mut()
        .map(|member| member.outcome().unwrap_or_else(|error| panic!("{moment:?}: {error:?}")))
        .collect();
    let requests = sandbox.token_requests();
    assert!(requests <= 2, "{moment:?}: {requests} requests");
    let found = fleet.start().acquire().unwrap();
    assert_eq!(tokens, BTreeSet::from([found]), "{moment:?}: all have the token that is in the cache");
    assert_eq!(sandbox.token_requests(), requests, "{moment:?}");
    assert_eq!(cache.entry("rejected"), None, "{moment:?}");
    assert!(cache.lock_is_free_within(LEASE), "{moment:?}");
    requests
}

/// `cache` returns another cache for each number.
fn kill_holders_at_all_moments<'a>(cache: impl Fn(u32) -> Cache<'a> + Sync) {
    let requests: Vec<_> = thread::scope(|scope| {
        let cache = &cache;
        let kill_each = |first| {
            let sandbox = Sandbox::start(&[&LATENCY[..], &["--quota-window-seconds", "0"]].concat());
            let kill_one = |number| kill_at(moment(number), &sandbox, &cache(number));
            (first..KILLS).step_by(AT_ONCE as usize).map(kill_one).collect::<Vec<_>>()
        };
        let running: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(move || kill_each(first))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(requests.contains(&2), "no refresh was interrupted");
    println!("Figure: {KILLS} holders of the lock killed, each refresh completed by another process");
}

#[test]
fn killed_holder_of_the_file_lock_costs_at_most_one_more_request() {
    kill_holders_at_all_moments(|number| Cache::Directory(fresh_directory(&format!("fleet-kill-{number}"))));
}

#[test]
fn killed_holder_of_the_redis_lock_costs_at_most_one_more_request_and_one_lease() {
    let redis = Redis::start();
    let prefixes: Vec<_> = (0..KILLS).map(|number| format!("kill-{number}:")).collect();
    kill_holders_at_all_moments(|number| Cache::Redis(&redis, &prefixes[number as usize]));
}

const QUOTA_SECONDS: i64 = 20 * 3600;

/// Suspends the holder while its request is in flight, and kills it once the token is issued, which is then lost.
fn token_is_lost_with_its_holder(cache: &Cache) {
    let sandbox = Sandbox::start(&["--latency-ms", "2000"]);
    let fleet = Fleet::new(&sandbox, cache).with("TANGO_ATTEMPT_TIMEOUT_MS", "6000");
    let (mut holder, mut waiting) = (fleet.start(), fleet.start_many(3));
    holder.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    holder.pause();
    for member in &mut waiting {
        member.tell("acquire");
    }
    assert_eq!(sandbox.statistic("tokens_issued"), 0, "this machine is too slow for the test");
    sandbox.wait_for("tokens_issued", 1);
    holder.kill();

    let mut refusals: Vec<_> = waiting.iter_mut().map(|member| member.outcome().unwrap_err()).collect();
    assert_ne!(cache.ledger()["possibly_spent_ms"], json!(null));
    refusals.extend(fleet.start_many(3).iter_mut().map(|member| member.acquire().unwrap_err()));
    for refused in refusals {
        assert_eq!(refused.status, "TANGO_STATUS_QUOTA_REFUSED", "{refused:?}");
        let near = QUOTA_SECONDS - 300..=QUOTA_SECONDS + 60;
        assert!(near.contains(&refused.retry_after_seconds), "{refused:?}");
    }
    assert_eq!(sandbox.token_requests(), 2, "one whose response was lost, and one that was refused");
    assert_eq!(cache.entry("record"), None);
}

#[test]
fn token_lost_with_its_holder_is_remembered_in_a_directory_until_the_quota_returns() {
    token_is_lost_with_its_holder(&Cache::Directory(fresh_directory("fleet-lost")));
}

#[test]
fn token_lost_with_its_holder_is_remembered_in_redis_until_the_quota_returns() {
    token_is_lost_with_its_holder(&Cache::Redis(&Redis::start(), "lost:"));
}

/// The holder is suspended for longer than its lease, while its request is in flight. Meanwhile another process is
/// refused.
#[test]
fn suspended_holder_sends_nothing_and_overwrites_nothing_when_it_resumes() {
    let redis = Redis::start();
    let cache = Cache::Redis(&redis, "suspended:");
    let sandbox = Sandbox::start(&["--latency-ms", "500"]);
    let limit = json!({"status": 400, "body": "it has exceeded the daily rate limit"});
    sandbox.script(&json!([{"status": 503}, limit, limit]));
    let fleet = Fleet::new(&sandbox, &cache).with("TANGO_ATTEMPT_TIMEOUT_MS", ATTEMPT_TIMEOUT);
    let mut suspended = fleet.start();
    suspended.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    suspended.pause();
    let quota = "TANGO_STATUS_QUOTA_REFUSED";
    assert_eq!(fleet.start().acquire().unwrap_err().status, quota, "after the lease has expired");
    let cool_down = cache.ledger()["cool_down_until_ms"].as_i64().unwrap();
    suspended.resume();
    assert_eq!(suspended.outcome().unwrap_err().status, quota);
    assert_eq!(fleet.start().acquire().unwrap_err().status, quota);
    assert_eq!(sandbox.token_requests(), 2);
    assert!(cache.ledger()["cool_down_until_ms"].as_i64().unwrap().abs_diff(cool_down) < 1_000);
    assert!(cache.lock_is_free_within(Duration::ZERO));
}

/// The holder is suspended for longer than its lease, while the server responds.
fn response_to_a_suspended_holder_is_used(cache: &Cache, waiting: usize) {
    let sandbox = Sandbox::start(&[]);
    let fleet = Fleet::new(&sandbox, cache).with("TANGO_ATTEMPT_TIMEOUT_MS", ATTEMPT_TIMEOUT);
    let (mut holder, mut waiting) = (fleet.start(), fleet.start_many(waiting));
    sandbox.hold();
    holder.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    holder.pause();
    sandbox.release();
    sandbox.wait_for("tokens_issued", 1);
    for member in &mut waiting {
        member.tell("acquire");
    }
    // The length of the suspension.
    thread::sleep(LEASE + Duration::from_secs(1));
    holder.resume();
    let token = holder.outcome().unwrap();
    for member in &mut waiting {
        assert_eq!(member.outcome().unwrap(), token);
    }
    assert_eq!(fleet.start().acquire().unwrap(), token, "it is in the cache");
    assert_eq!(sandbox.token_requests(), 1);
    assert!(cache.lock_is_free_within(Duration::ZERO));
}

#[test]
fn response_to_a_suspended_holder_of_the_file_lock_is_served_and_published() {
    response_to_a_suspended_holder_is_used(&Cache::Directory(fresh_directory("fleet-stopped")), 3);
}

#[test]
fn response_to_a_suspended_holder_of_the_redis_lock_is_served_and_published() {
    response_to_a_suspended_holder_is_used(&Cache::Redis(&Redis::start(), "stopped:"), 0);
}

#[test]
fn response_to_a_suspended_process_without_a_cache_is_served() {
    let sandbox = Sandbox::start(&[]);
    let mut process = Fleet::new(&sandbox, &Cache::Memory).with("TANGO_ATTEMPT_TIMEOUT_MS", ATTEMPT_TIMEOUT).start();
    sandbox.hold();
    process.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    process.pause();
    sandbox.release();
    sandbox.wait_for("tokens_issued", 1);
    thread::sleep(LEASE);
    process.resume();
    process.outcome().unwrap();
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn forked_child_does_not_keep_the_lock_of_its_dead_parent() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let fleet = Fleet::new(&sandbox, &Cache::Directory(fresh_directory("fleet-fork")));
    sandbox.script(&json!([{"fault": "hang"}]));
    let mut parent = fleet.start();
    parent.serve();
    sandbox.wait_for("token_requests", 1);
    parent.tell("fork");
    assert_eq!(parent.hear(), ["forked"]);
    parent.kill();
    // The child runs until the parent's input is closed.
    fleet.start().acquire().unwrap();
    assert_eq!(sandbox.token_requests(), 2);
}
