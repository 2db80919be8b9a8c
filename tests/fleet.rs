//! Processes that share a cache send one token request, however many they are and whenever they start.

mod support;

use std::collections::BTreeSet;

use support::api::Caller;
use support::fleet::{Cache, Fleet, Member};
use support::fresh_directory;
use support::redis::Redis;
use support::sandbox::Sandbox;

const PROCESSES: usize = 20;
const THREADS: u32 = 16;
/// Lets all processes wait for a token while the first request is in flight.
const SLOW: [&str; 2] = ["--latency-ms", "200"];

/// Acquires on all threads of all processes at once, and returns the distinct tokens.
fn tokens_of(members: &mut [Member]) -> BTreeSet<String> {
    for member in &mut *members {
        member.tell("acquire");
    }
    members.iter_mut().map(|member| member.outcome().unwrap()).collect()
}

fn one_token_request_on_an_empty(cache: &Cache) {
    let sandbox = Sandbox::start(&SLOW);
    let mut members = Fleet::new(&sandbox, cache).threads(THREADS).start_many(PROCESSES);
    assert_eq!(tokens_of(&mut members).len(), 1);
    assert_eq!(sandbox.token_requests(), 1);
    members.into_iter().for_each(Member::end);
}

#[test]
fn twenty_processes_on_an_empty_directory_send_one_token_request() {
    one_token_request_on_an_empty(&Cache::Directory(fresh_directory("fleet-together")));
}

#[test]
fn twenty_processes_on_an_empty_redis_send_one_token_request() {
    one_token_request_on_an_empty(&Cache::Redis(&Redis::start(), "together:"));
}

#[test]
fn twenty_processes_on_redis_with_tls_and_few_permissions_send_one_token_request() {
    let redis = Redis::start_with_tls_and_a_user("shop:");
    one_token_request_on_an_empty(&Cache::Redis(&redis, "shop:"));
    assert_eq!(redis.denied_commands(), Vec::<String>::new());
}

fn all_sign_with_the_key_in(cache: &Cache) {
    let sandbox = Sandbox::start(&[&SLOW[..], &["--dpop", "strict", "--dpop-nonce", "off"]].concat());
    let fleet = Fleet::new(&sandbox, cache).threads(THREADS).with("TANGO_DPOP", "required");
    let mut members = fleet.start_many(PROCESSES);
    assert_eq!(tokens_of(&mut members).len(), 1);

    let caller = Caller::new(sandbox.variable("TANGO_CA_FILE"));
    let accounts = format!("{}/accounts", sandbox.variable("TANGO_API_URL"));
    for member in &mut members {
        let (authorization, proof) = member.authorize();
        assert_eq!(caller.get(&accounts, &authorization, proof.as_deref()).status, 200);
    }
    assert_eq!(sandbox.token_requests(), 1);
    members.into_iter().for_each(Member::end);
}

#[test]
fn twenty_processes_sign_with_the_key_in_their_directory() {
    all_sign_with_the_key_in(&Cache::Directory(fresh_directory("fleet-proofs")));
}

#[test]
fn twenty_processes_sign_with_the_key_in_their_redis() {
    all_sign_with_the_key_in(&Cache::Redis(&Redis::start(), "proofs:"));
}

fn one_token_request_of_a_hundred_processes_on(cache: &Cache) {
    let sandbox = Sandbox::start(&[]);
    let fleet = Fleet::new(&sandbox, cache);
    let tokens: BTreeSet<_> = (0..100)
        .map(|_| {
            let mut member = fleet.start();
            let token = member.acquire().unwrap();
            member.end();
            token
        })
        .collect();
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
}

#[test]
fn hundred_processes_in_turn_send_one_token_request() {
    one_token_request_of_a_hundred_processes_on(&Cache::Directory(fresh_directory("fleet-starts")));
    one_token_request_of_a_hundred_processes_on(&Cache::Redis(&Redis::start(), "starts:"));
}

fn quota_refusal_is_remembered_in(cache: &Cache) {
    let sandbox = Sandbox::start(&[]);
    // A process with another cache spends the quota.
    let other = Fleet::new(&sandbox, &Cache::Directory(fresh_directory("fleet-other")));
    other.start().acquire().unwrap();
    let fleet = Fleet::new(&sandbox, cache);
    let first = fleet.start().acquire().unwrap_err();
    assert_eq!((first.status.as_str(), sandbox.token_requests()), ("TANGO_STATUS_QUOTA_REFUSED", 2));

    for _ in 0..10 {
        let later = fleet.start().acquire().unwrap_err();
        let wait = later.retry_after_seconds;
        assert!((1..=first.retry_after_seconds).contains(&wait), "{later:?}");
        assert_eq!(later.status, first.status);
        assert!(later.message.contains(&first.message) && later.message.contains("nothing is sent"), "{later:?}");
    }
    assert_eq!(sandbox.token_requests(), 2, "nothing more was sent");
}

#[test]
fn process_that_starts_after_a_quota_refusal_sends_nothing_and_knows_when_to_retry() {
    quota_refusal_is_remembered_in(&Cache::Directory(fresh_directory("fleet-refused")));
    quota_refusal_is_remembered_in(&Cache::Redis(&Redis::start(), "refused:"));
}

#[test]
fn processes_on_a_redis_cluster_with_few_permissions_send_one_token_request() {
    let nodes = Redis::start_cluster("cluster:");
    let sandbox = Sandbox::start(&SLOW);
    let mut tokens = BTreeSet::new();
    let mut members: Vec<_> =
        nodes.iter().flat_map(|node| Fleet::new(&sandbox, &Cache::Redis(node, "cluster:")).start_many(2)).collect();
    tokens.extend(tokens_of(&mut members));
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
    members.into_iter().for_each(Member::end);
    for node in &nodes {
        assert_eq!(node.denied_commands(), Vec::<String>::new());
    }
}
