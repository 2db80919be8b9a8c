//! Tokens that an API refused: they are gone, here and in the shared cache, and stay so.

use super::fleet::{fleet, look, quota_refusal};
use super::*;

/// Grants so many, and refuses then.
fn grants(tokens: usize) -> impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static {
    move |number| if number <= tokens { token(number) } else { quota_refusal() }
}

#[test]
fn one_leaves_a_cache_that_was_out_of_reach_once_that_is_back() {
    let fleet = fleet(grants(1));
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    fleet.memory_store.break_down(true, true);
    bench.client.invalidate(&refused);
    assert_eq!(bench.failure().status(), Status::CacheUnavailable);
    bench.eventually(Fixture::nothing_under_way);
    fleet.memory_store.break_down(false, false);
    // Nobody calls.
    fleet.clock.advance(MINUTE);
    bench.eventually(|_| fleet.memory_store.entries("record").is_empty());
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
}

#[test]
fn none_of_several_comes_back() {
    let fleet = fleet(grants(2));
    let (refusing, idle) = (fleet.join(), fleet.join());
    let one = refusing.client.acquire().unwrap();
    idle.value();
    refusing.client.invalidate(&one);
    let two = refusing.client.acquire().unwrap();
    assert_eq!(two.value(), "token-2");
    refusing.client.invalidate(&two);
    refusing.eventually(|_| fleet.memory_store.entries("record").is_empty());
    assert_eq!(refusing.failure().status(), Status::QuotaRefused);
    look(&idle);
    fleet.clock.advance(MINUTE);
    assert_eq!(refusing.failure().status(), Status::QuotaRefused);
    assert_eq!(fleet.memory_store.ledger()["refused_tokens"].as_array().unwrap().len(), 2);
}

#[test]
fn one_is_not_handed_out_by_a_look_that_was_under_way() {
    let fleet = fleet(token);
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    fleet.memory_store.empty();
    fleet.memory_store.slow_down(Duration::from_millis(100));
    fleet.clock.advance(Duration::from_secs(400));
    bench.value();
    assert!(!bench.nothing_under_way());
    assert!(bench.client.invalidate(&refused));
    assert_eq!(bench.value(), "token-2");
}

#[test]
fn one_is_refused_again_in_a_cache_that_was_emptied() {
    let fleet = fleet(grants(1));
    let (refusing, idle) = (fleet.join(), fleet.join());
    let refused = refusing.client.acquire().unwrap();
    idle.value();
    refusing.client.invalidate(&refused);
    assert_eq!(refusing.failure().status(), Status::QuotaRefused);
    fleet.memory_store.empty();
    fleet.clock.advance(Duration::from_secs(20));
    assert_eq!(refusing.failure().status(), Status::QuotaRefused);
    look(&idle);
    assert!(fleet.memory_store.entries("record").is_empty());
}

#[test]
fn one_is_gone_before_its_caller_is_told_of_the_next() {
    let fleet = fleet(grants(1));
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    bench.client.invalidate(&refused);
    assert_eq!(bench.failure().status(), Status::QuotaRefused);
    assert!(fleet.memory_store.entries("record").is_empty(), "here a short program ends");
}

#[test]
fn one_that_could_not_be_removed_is_not_taken_up_again() {
    let fleet = fleet(grants(1));
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    fleet.memory_store.break_down(false, true);
    bench.client.invalidate(&refused);
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(bench.failure().status(), Status::QuotaRefused);
}

#[test]
fn one_that_a_server_grants_again_is_served() {
    let same =
        || ScriptedResponse::json(200, r#"{"access_token":"the-same","expires_in":86400,"token_type":"Bearer"}"#);
    let fleet = fleet(move |_| same());
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    bench.client.invalidate(&refused);
    assert_eq!((bench.value(), fleet.join().value()), ("the-same".into(), "the-same".into()));
    assert_eq!(fleet.requests(), 2);
}
