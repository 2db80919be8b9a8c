//! Quota refusals: the cool-down of the fleet, its reason, and how it ends.

use super::*;

#[test]
fn quota_refusal_holds_for_the_fleet_and_outlives_its_process() {
    let fleet = fleet(|_| quota_refusal());
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    fleet.clock.advance(HOUR / 2);
    let error = fleet.join().failure();
    assert_eq!((error.status(), error.http_status()), (Status::QuotaRefused, Some(400)));
    assert_eq!(error.retry_after(), Some(HOUR / 2));
    assert!(error.message().contains("earlier error; nothing is sent"), "{error}");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn cool_down_holds_for_a_process_that_cannot_open_the_record() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.memory_store.change("record", Vec::clear);
    assert_eq!(
        fleet.join().failure().retry_after(),
        Some(20 * HOUR + MINUTE),
        "from the issue, which the ledger remembers"
    );
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn refused_process_finds_the_token_that_another_process_puts_back() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let holder = fleet.join();
    holder.value();
    fleet.memory_store.empty();
    let refused = fleet.join();
    assert_eq!(refused.failure().status(), Status::QuotaRefused);
    sync(&holder);
    assert_eq!(fleet.memory_store.entries("record").len(), 1);
    fleet.clock.advance(Duration::from_secs(15));
    assert_eq!(refused.value(), "token-1");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn cool_down_holds_although_the_ledger_was_written_with_a_clock_ahead() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join();
    fixture.value();
    // By another host, whose clock is 50 minutes ahead.
    fleet.memory_store.change("ledger", |ledger| {
        let mut page: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        page["changed_ms"] = (page["changed_ms"].as_i64().unwrap() + 3_000_000).into();
        *ledger = page.to_string().into_bytes();
    });
    sync(&fixture);
    fleet.memory_store.empty();
    fleet.clock.advance(MINUTE);
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    let token = fixture.client.acquire().unwrap();
    fixture.client.invalidate(&token);
    assert_eq!(fixture.value(), "token-1", "nothing is requested in its place");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn cool_down_is_the_error_although_the_cache_is_unreachable_too() {
    let fleet = fleet(|_| quota_refusal());
    let fixture = fleet.join();
    assert_eq!(fixture.failure().status(), Status::QuotaRefused);
    fleet.memory_store.break_down(true, true);
    for _ in 0..3 {
        fleet.clock.advance(Duration::from_secs(400));
        let error = fixture.failure();
        assert_eq!(error.status(), Status::QuotaRefused);
        assert!(error.retry_after() > Some(HOUR / 2), "{error:?}");
    }
}

#[test]
fn process_that_was_just_refused_finds_the_token_that_is_put_back_at_its_next_call() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let holder = fleet.join();
    holder.value();
    fleet.memory_store.empty();
    let refused = fleet.join();
    assert_eq!(refused.failure().status(), Status::QuotaRefused);
    holder.clock.advance(Duration::from_secs(376));
    holder.value();
    holder.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(refused.value(), "token-1");
}

#[test]
fn reason_of_a_cool_down_is_kept_when_a_token_is_read_from_the_cache() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let first = fleet.join();
    first.value();
    fleet.clock.advance(21 * HOUR);
    first.value();
    first.eventually(|first| fleet.requests() == 2 && first.is_idle());
    let second = fleet.join();
    second.value();
    let snapshot = second.client.0.snapshot.load();
    assert_eq!(snapshot.current().last_error.as_ref().unwrap().status(), Status::QuotaRefused);
}

#[test]
fn quota_refusal_that_could_not_be_written_stays_the_error() {
    let fleet = fleet(|_| quota_refusal());
    fleet.server.hold();
    let fixture = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.failure());
        fixture.eventually(|_| fleet.requests() == 1);
        fleet.memory_store.break_down(false, true);
        fleet.server.release();
        assert_eq!(waiting.join().unwrap().status(), Status::QuotaRefused);
    });
    fixture.eventually(Fixture::is_idle);
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(Duration::from_secs(20));
    assert_eq!(fixture.failure().status(), Status::QuotaRefused);
    let others = fleet.join().failure();
    assert_eq!((others.status(), fleet.requests()), (Status::QuotaRefused, 1));
    assert!(fleet.memory_store.ledger()["possibly_spent_ms"].is_null(), "the response arrived");
}

#[test]
fn known_cool_down_is_the_error_while_the_cache_hangs() {
    let fleet = fleet(|_| quota_refusal());
    let fixture = fleet.join_with(|config| config.total_timeout(Duration::from_secs(2)));
    fixture.failure();
    fleet.memory_store.hold(Held::Loads);
    fleet.clock.advance(Duration::from_secs(20));
    for _ in 0..3 {
        assert_eq!(fixture.failure().status(), Status::QuotaRefused);
    }
    fleet.memory_store.release();
}

/// A clock that is a minute ahead, and a disk that is full: an own cool-down is not forgotten at the next sync.
#[test]
fn unwritten_cool_down_holds_against_an_issue_from_the_future() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.memory_store.change("ledger", |ledger| {
        let mut page: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        for name in ["changed_ms", "last_issue_ms"] {
            page[name] = (page[name].as_i64().unwrap() + 55_000).into();
        }
        page["clock"] = serde_json::Value::Null;
        *ledger = page.to_string().into_bytes();
    });
    fleet.memory_store.remove("record");
    fleet.clock.advance(Duration::from_secs(10));
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    let fixture = fleet.join();
    for _ in 0..10 {
        assert_eq!(fixture.failure().status(), Status::QuotaRefused);
        fleet.clock.advance(Duration::from_secs(15));
    }
    assert_eq!(fleet.requests(), 2);
}
