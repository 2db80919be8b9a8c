//! Processes that share a cache: a token for all of them costs one request, however many they are and whenever they start.

mod support;

use std::collections::BTreeSet;

use support::api::Caller;
use support::fleet::{Cache, Fleet, Member};
use support::fresh_folder;
use support::redis::Redis;
use support::sandbox::Sandbox;

const PROCESSES: usize = 20;
const THREADS: u32 = 16;
/// Long enough for all of them to want a token while the first is on its way to the server.
const SLOWLY: [&str; 2] = ["--latency-ms", "200"];

/// All at once, on all their threads: the token of each process.
fn tokens_of(members: &mut [Member]) -> BTreeSet<String> {
    for member in &mut *members {
        member.tell("acquire");
    }
    members.iter_mut().map(|member| member.outcome().unwrap()).collect()
}

fn all_start_at_once_on_an_empty(cache: &Cache) {
    let sandbox = Sandbox::start(&SLOWLY);
    let mut members = Fleet::new(&sandbox, cache).threads(THREADS).start_many(PROCESSES);
    assert_eq!(tokens_of(&mut members).len(), 1);
    assert_eq!(sandbox.token_requests(), 1);
    members.into_iter().for_each(Member::end);
}

#[test]
fn twenty_processes_that_start_on_an_empty_folder_cost_one_request() {
    all_start_at_once_on_an_empty(&Cache::Folder(fresh_folder("fleet-together")));
}

#[test]
fn twenty_processes_that_start_on_an_empty_redis_cost_one_request() {
    all_start_at_once_on_an_empty(&Cache::Redis(&Redis::start(), "together:"));
}

#[test]
fn twenty_processes_that_start_on_an_empty_redis_with_tls_cost_one_request_and_need_few_rights() {
    let redis = Redis::start_with_tls_and_a_user("shop:");
    all_start_at_once_on_an_empty(&Cache::Redis(&redis, "shop:"));
    assert_eq!(redis.refused_commands(), Vec::<String>::new());
}

fn all_make_proofs_with_the_key_in(cache: &Cache) {
    let sandbox = Sandbox::start(&[&SLOWLY[..], &["--dpop", "strict", "--dpop-nonce", "off"]].concat());
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
fn twenty_processes_make_proofs_with_the_one_key_that_their_folder_holds() {
    all_make_proofs_with_the_key_in(&Cache::Folder(fresh_folder("fleet-proofs")));
}

#[test]
fn twenty_processes_make_proofs_with_the_one_key_that_their_redis_holds() {
    all_make_proofs_with_the_key_in(&Cache::Redis(&Redis::start(), "proofs:"));
}

fn a_hundred_starts_on(cache: &Cache) {
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
fn a_hundred_starts_cost_one_request() {
    a_hundred_starts_on(&Cache::Folder(fresh_folder("fleet-starts")));
    a_hundred_starts_on(&Cache::Redis(&Redis::start(), "starts:"));
}

fn a_refusal_is_remembered_in(cache: &Cache) {
    let sandbox = Sandbox::start(&[]);
    let elsewhere = Fleet::new(&sandbox, &Cache::Folder(fresh_folder("fleet-elsewhere")));
    elsewhere.start().acquire().unwrap();
    let fleet = Fleet::new(&sandbox, cache);
    let first = fleet.start().acquire().unwrap_err();
    assert_eq!((first.status.as_str(), sandbox.token_requests()), ("TANGO_STATUS_QUOTA_REFUSED", 2));

    for _ in 0..10 {
        let later = fleet.start().acquire().unwrap_err();
        let wait = later.retry_after_seconds;
        assert!((1..=first.retry_after_seconds).contains(&wait), "{later:?}");
        assert_eq!(later.status, first.status);
        assert!(later.message.contains(&first.message) && later.message.contains(&format!("{wait} s")), "{later:?}");
    }
    assert_eq!(sandbox.token_requests(), 2, "nothing more was sent");
}

#[test]
fn after_a_quota_refusal_a_start_sends_nothing_and_says_when_to_try_again() {
    a_refusal_is_remembered_in(&Cache::Folder(fresh_folder("fleet-refused")));
    a_refusal_is_remembered_in(&Cache::Redis(&Redis::start(), "refused:"));
}

#[test]
fn a_cluster_is_one_cache_and_needs_few_rights() {
    let nodes = Redis::start_cluster("cluster:");
    let sandbox = Sandbox::start(&SLOWLY);
    let mut tokens = BTreeSet::new();
    let mut members: Vec<_> =
        nodes.iter().flat_map(|node| Fleet::new(&sandbox, &Cache::Redis(node, "cluster:")).start_many(2)).collect();
    tokens.extend(tokens_of(&mut members));
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
    members.into_iter().for_each(Member::end);
    for node in &nodes {
        assert_eq!(node.refused_commands(), Vec::<String>::new());
    }
}
