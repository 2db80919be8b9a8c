//! Tokens that an API rejected: suspect, replaced once, and served again while there can be no other.

use super::*;

/// A server that grants so many tokens, and refuses the rest by its quota.
fn grants(tokens: usize) -> impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static {
    move |number| if number <= tokens { token(number) } else { quota_refusal() }
}

#[test]
fn rejected_token_is_replaced_and_only_that_one() {
    let fixture = fixture(token);
    let first = fixture.client.acquire().unwrap();
    assert!(fixture.client.invalidate(&first));
    assert!(!fixture.client.invalidate(&first), "it is suspect already");
    assert_eq!(fixture.value(), "token-2");
    assert!(!fixture.client.invalidate(&first), "a late report about the old token leaves the new one alone");
    assert_eq!(fixture.value(), "token-2");
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn rejected_token_is_served_again_when_the_quota_refuses_its_replacement() {
    let fleet = fleet(grants(1));
    let (one, two) = (fleet.join(), fleet.join());
    let rejected = one.client.acquire().unwrap();
    two.value();
    one.client.invalidate(&rejected);
    for fixture in [&one, &two, &fleet.join()] {
        assert_eq!(fixture.value(), "token-1");
    }
    assert_eq!(sync(&two), "token-1");
    assert_eq!((fleet.requests(), fleet.suspects()), (2, 1), "one replacement was asked for by the whole fleet");
    fleet.clock.advance(20 * HOUR);
    assert_eq!(one.value(), "token-1", "while it lives");
    one.eventually(Fixture::is_idle);
    fleet.clock.advance(4 * HOUR);
    assert_eq!(one.failure().status(), Status::QuotaRefused);
}

#[test]
fn replacement_that_is_rejected_as_well_is_kept() {
    let fleet = fleet(token);
    let (one, two) = (fleet.join(), fleet.join());
    for _ in 0..20 {
        let rejected = one.client.acquire().unwrap();
        one.client.invalidate(&rejected);
        one.eventually(Fixture::is_idle);
    }
    assert_eq!((one.value(), two.value()), ("token-2".into(), "token-2".into()));
    two.client.invalidate(&two.client.acquire().unwrap());
    assert_eq!(two.value(), "token-2", "which is a replacement for every process");
    assert_eq!(fleet.requests(), 2);
    fleet.clock.advance(HOUR);
    assert_eq!(one.value(), "token-3", "an hour later another one may help");
}

#[test]
fn suspicion_reaches_the_fleet_though_nobody_asks_for_another_token() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    fixture.client.invalidate(&rejected);
    fixture.eventually(|_| fleet.suspects() == 1);
    assert_eq!(fleet.join().value(), "token-2", "which does not take the rejected one from the cache");
    assert_eq!(fixture.value(), "token-2");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn suspicion_that_could_not_be_written_is_written_when_the_cache_recovers() {
    let fleet = fleet(grants(1));
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    fleet.memory_store.break_down(true, true);
    fixture.client.invalidate(&rejected);
    assert_eq!(fixture.value(), "token-1", "nothing can be requested now");
    fixture.eventually(Fixture::is_idle);
    fleet.memory_store.break_down(false, false);
    // Nobody calls.
    fleet.clock.advance(MINUTE);
    fixture.eventually(|_| fleet.suspects() == 1);
}

#[test]
fn rejected_token_is_not_served_by_a_sync_that_is_under_way() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    fleet.memory_store.empty();
    fleet.memory_store.hold(Held::Loads);
    fleet.clock.advance(Duration::from_secs(400));
    fixture.value();
    assert!(!fixture.is_idle());
    assert!(fixture.client.invalidate(&rejected));
    fleet.memory_store.release();
    assert_eq!(fixture.value(), "token-2");
}

#[test]
fn suspicion_survives_a_cache_that_was_emptied() {
    let fleet = fleet(grants(1));
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    fixture.client.invalidate(&rejected);
    fixture.value();
    fleet.memory_store.empty();
    sync(&fixture);
    assert_eq!(fleet.suspects(), 1);
    assert_eq!(fleet.memory_store.entries("record").len(), 1, "and the token is there for those who need it");
}

#[test]
fn token_that_the_server_grants_again_is_trusted_again() {
    let same =
        || ScriptedResponse::json(200, r#"{"access_token":"the-same","expires_in":86400,"token_type":"Bearer"}"#);
    let fleet = fleet(move |_| same());
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    fixture.client.invalidate(&rejected);
    assert_eq!((fixture.value(), fleet.join().value()), ("the-same".into(), "the-same".into()));
    assert_eq!(fleet.suspects(), 0, "the server stands by it");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn suspect_token_in_the_cache_is_served_as_soon_as_the_held_one_expires() {
    let fleet = fleet(grants(2));
    let (one, two) = (fleet.join(), fleet.join());
    one.value();
    two.value();
    fleet.clock.advance(21 * HOUR);
    two.value();
    two.eventually(|two| two.value() == "token-2" && two.is_idle());
    two.client.invalidate(&two.client.acquire().unwrap());
    assert_eq!(two.value(), "token-2", "the quota refuses another one");
    fleet.clock.advance(2 * HOUR + Duration::from_secs(3_100));
    sync(&one);
    assert_eq!(one.value(), "token-1", "no API rejected this one");
    fleet.clock.advance(Duration::from_secs(110));
    assert_eq!(one.value(), "token-2", "though the next sync is not due yet");
    assert_eq!(fleet.requests(), 3);
}

#[test]
fn token_that_is_rejected_before_it_could_be_written_is_written_beside_its_valid_predecessor() {
    let fleet = fleet(grants(2));
    let (one, other) = (fleet.join(), fleet.join());
    one.value();
    other.value();
    fleet.clock.advance(21 * HOUR);
    fleet.server.hold();
    one.value();
    one.eventually(|_| fleet.requests() == 2);
    fleet.memory_store.break_down(false, true);
    fleet.server.release();
    one.eventually(|one| one.value() == "token-2");
    one.client.invalidate(&one.client.acquire().unwrap());
    one.eventually(Fixture::is_idle);
    fleet.memory_store.break_down(false, false);
    sync(&one);
    assert_eq!(fleet.requests(), 3, "a replacement was refused");
    fleet.clock.advance(3 * HOUR);
    assert_eq!((sync(&one), fleet.join().value()), ("token-2".into(), "token-2".into()));
}

#[test]
fn token_that_an_api_accepts_again_is_trusted_by_the_fleet_at_the_next_call() {
    let fleet = fleet(grants(1));
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    fixture.client.invalidate(&rejected);
    fixture.value();
    fixture.eventually(|fixture| fleet.suspects() == 1 && fixture.is_idle());
    fixture.client.0.accept(&rejected);
    fixture.value();
    fixture.eventually(|_| fleet.suspects() == 0);
}

#[test]
fn suspicion_that_arrives_during_a_write_is_written_after_it() {
    let fleet = fleet(grants(1));
    let fixture = fleet.join();
    let rejected = fixture.client.acquire().unwrap();
    // A sync that puts the token back.
    fleet.memory_store.empty();
    fleet.memory_store.hold(Held::Saves);
    fleet.clock.advance(Duration::from_secs(400));
    fixture.value();
    fixture.eventually(|_| fleet.memory_store.holds_one());
    fixture.client.invalidate(&rejected);
    fleet.memory_store.release();
    fixture.eventually(Fixture::is_idle);
    assert_eq!(fleet.suspects(), 0, "the write had begun before");
    // Nobody calls.
    fleet.clock.advance(MINUTE);
    fixture.eventually(|_| fleet.suspects() == 1);
}

#[test]
fn token_that_is_rejected_as_soon_as_it_was_granted_is_not_given_to_callers_who_still_wait() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fleet.memory_store.hold(Held::Unlocks);
    thread::scope(|scope| {
        let first = scope.spawn(|| fixture.value());
        fixture.eventually(|fixture| fixture.client.0.valid_token().is_some());
        fixture.client.invalidate(&fixture.client.acquire().unwrap());
        let second = scope.spawn(|| fixture.value());
        fixture.eventually(|fixture| fixture.client.0.process.get().refreshes.waiters() == 2);
        fleet.memory_store.release();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), ("token-2".into(), "token-2".into()));
    });
    assert_eq!(fleet.requests(), 2);
}
