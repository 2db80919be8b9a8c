//! Processes that get a token and call an API with it, under conditions that a fleet meets: wrong clocks, nonces, and
//! processes that are stopped.

mod support;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use support::fleet::Cache;
use support::fleet_member::{self, RustMember};
use support::fresh_directory;
use support::redis::Redis;
use support::sandbox::Sandbox;

const PROCESSES: usize = 20;
const THREADS: usize = 16;

/// Runs the processes that the tests start. Does nothing in the test itself.
#[test]
fn member() {
    fleet_member::run();
}

fn every_call_of_a_cold_fleet_is_accepted(cache: &Cache) {
    let wrong_clock = ["--clock-offset-seconds", "600", "--dpop-api-error", "invalid-token"];
    let sandbox = Sandbox::start(&[&["--dpop", "strict", "--dpop-nonce", "required"], &wrong_clock[..]].concat());
    let start = || RustMember::start("member", &sandbox, cache, &[("TANGO_DPOP", "required")]);
    let mut members: Vec<_> = (0..PROCESSES).map(|_| start()).collect();
    for member in &mut members {
        member.tell(&format!("call {THREADS}"));
    }
    let mut results = BTreeMap::new();
    for member in &mut members {
        for _ in 0..THREADS {
            *results.entry(member.hear()).or_insert(0) += 1;
        }
    }
    assert_eq!(results, BTreeMap::from([("200".to_owned(), PROCESSES * THREADS)]));
    assert_eq!((sandbox.statistic("tokens_issued"), sandbox.statistic("quota_refusals")), (1, 0));
}

#[test]
fn every_call_is_accepted_with_a_wrong_clock_and_nonces_and_a_directory() {
    every_call_of_a_cold_fleet_is_accepted(&Cache::Directory(fresh_directory("calls")));
}

#[test]
fn every_call_is_accepted_with_a_wrong_clock_and_nonces_and_redis() {
    every_call_of_a_cold_fleet_is_accepted(&Cache::Redis(&Redis::start(), "calls:"));
}

/// Stops a process while its request is at the server, for longer than its deadlines. The response arrives meanwhile.
fn stopped_process_gets_the_token_that_it_requested(cache: &Cache) {
    let sandbox = Sandbox::start(&[]);
    let timeouts = [("TANGO_ATTEMPT_TIMEOUT_MS", "1000"), ("TANGO_TOTAL_TIMEOUT_MS", "1500")];
    let mut member = RustMember::start("member", &sandbox, cache, &timeouts);
    sandbox.hold();
    member.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    member.pause();
    sandbox.release();
    thread::sleep(Duration::from_secs(3));
    member.resume();
    let token = member.hear();
    assert!(!token.contains(' '), "{token}");
    member.tell("acquire");
    assert_eq!(member.hear(), token);
    if !matches!(cache, Cache::Memory) {
        let mut other = RustMember::start("member", &sandbox, cache, &[]);
        other.tell("acquire");
        assert_eq!(other.hear(), token, "it was published");
    }
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn stopped_process_gets_the_token_that_it_requested_without_a_shared_cache() {
    stopped_process_gets_the_token_that_it_requested(&Cache::Memory);
}

#[test]
fn stopped_process_gets_and_publishes_the_token_that_it_requested_in_a_directory() {
    stopped_process_gets_the_token_that_it_requested(&Cache::Directory(fresh_directory("calls-stopped")));
}

#[test]
fn stopped_process_gets_and_publishes_the_token_that_it_requested_in_redis() {
    stopped_process_gets_the_token_that_it_requested(&Cache::Redis(&Redis::start(), "stopped:"));
}
