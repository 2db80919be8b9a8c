//! A cache that is damaged, was emptied, or does not keep its promises.

use super::memory_store::Fault;
use super::*;

#[test]
fn emptied_cache_gets_the_token_back_from_a_process_that_holds_it() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fixture.value();
    fleet.memory_store.empty();
    sync(&fixture);
    assert_eq!(fleet.join().value(), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn record_that_cannot_be_opened_is_set_aside_and_counts_as_missing() {
    let fleet = fleet(token);
    fleet.join().value();
    fleet.memory_store.change("record", |record| *record.last_mut().unwrap() ^= 1);
    let damaged = fleet.memory_store.entries("record");
    assert_eq!(fleet.join().value(), "token-2");
    assert_eq!(fleet.memory_store.entries("rejected"), damaged);
    assert_eq!(fleet.memory_store.ledger()["rejected_records"], 1);
    assert_eq!(fleet.join().value(), "token-2");
}

#[test]
fn wall_clock_set_back_does_not_make_an_expired_token_fresh() {
    let fleet = fleet(token);
    fleet.join().value();
    fleet.clock.advance(DAY);
    fleet.clock.set_wall_back(DAY);
    assert_eq!(fleet.join().value(), "token-2");
}

#[test]
fn changed_bit_in_the_record_is_repaired_by_a_process_that_holds_the_token() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join();
    fixture.value();
    for byte in 0..20 {
        fleet.memory_store.change("record", |record| record[byte] ^= 1);
        sync(&fixture);
        assert_eq!(fleet.join().value(), "token-1", "byte {byte}");
    }
    assert_eq!(fleet.memory_store.ledger()["rejected_records"], 20, "each is counted once");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn cache_that_forgets_its_lock_is_given_up_with_a_reason() {
    for fault in [Fault::LockIsNotExtended, Fault::ExtensionFails] {
        let fleet = fleet(token);
        fleet.memory_store.be(fault);
        let fixture = fleet.join();
        let error = fixture.failure();
        assert_eq!(error.status(), Status::CacheUnavailable);
        fixture.eventually(Fixture::is_idle);
        let locks = fleet.memory_store.calls().locks;
        assert!(locks < 20, "{fault:?}: {locks}");
        assert!(error.message().contains("lock"), "{error}");
        assert_eq!((fleet.requests(), fleet.memory_store.is_locked()), (0, false));
    }
}

#[test]
fn cache_that_grants_its_lock_to_two_owners_is_reported_and_nothing_is_sent() {
    let fleet = fleet(token);
    fleet.memory_store.be(Fault::LockIsGrantedToEverybody);
    let error = fleet.join().failure();
    assert_eq!((error.status(), fleet.requests()), (Status::CacheUnavailable, 0));
    assert!(error.message().contains("two owners at once"), "{error}");
}

#[test]
fn wall_clock_set_forward_does_not_end_a_token_in_the_cache() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.clock.set_wall_forward(2 * DAY);
    assert_eq!((fleet.join().value(), fleet.requests()), ("token-1".into(), 1));
}
