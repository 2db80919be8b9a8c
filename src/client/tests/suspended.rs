//! Processes that are stopped or die in the middle of a refresh.

use super::*;

#[test]
fn request_of_a_dead_sender_counts_as_possibly_spent() {
    let fleet = fleet(|_| quota_refusal());
    fleet.server.hold();
    let dead = fleet.join();
    let dying = dead.client.acquire_async();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_millis(50), dying).await.unwrap_err() });
    dead.eventually(|_| fleet.requests() == 1);
    assert!(fleet.memory_store.ledger()["in_flight_since_ms"].is_i64(), "written before it was sent");

    // The store opens the lock of a dead process, whose response nobody reads.
    fleet.memory_store.hold_lock(false);
    fleet.clock.advance(MINUTE);
    fleet.server.hold_only(1);
    let error = fleet.join().failure();
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(20 * HOUR)));
    assert!(fleet.memory_store.ledger()["possibly_spent_ms"].is_i64());
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn second_dead_sender_starts_a_back_off() {
    let fleet = fleet(token);
    fleet.join().value();
    // As two senders leave it that died, one after the other.
    fleet.memory_store.remove("record");
    fleet.memory_store.change("ledger", |ledger| {
        let mut page: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        page["in_flight_since_ms"] = page["changed_ms"].clone();
        page["identities"].as_object_mut().unwrap().values_mut().for_each(|section| section["failures"] = 1.into());
        *ledger = page.to_string().into_bytes();
    });
    let held_back = fleet.join().failure();
    assert_eq!(held_back.status(), Status::ConnectionLost);
    assert!(
        fleet.memory_store.ledger()["in_flight_since_ms"].is_null(),
        "it is written, so that nobody counts it twice"
    );
    let another = fleet.join().failure();
    assert_eq!((another.status(), another.retry_after()), (held_back.status(), held_back.retry_after()));
    assert_eq!(fleet.requests(), 1);
    fleet.clock.advance(held_back.retry_after().unwrap());
    assert_eq!(fleet.join().value(), "token-2");
}

/// Stops a process with its first request at the server, for longer than its lease. Another process sends the second
/// request meanwhile, and is refused. Returns what the caller of the first process gets when that continues.
fn stopped_during_its_request(fleet: &Fleet, stopped: &Fixture, other: &Fixture) -> Result<Token, Error> {
    fleet.server.hold_only(1);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stopped.client.acquire());
        stopped.eventually(|_| fleet.requests() == 1);
        fleet.memory_store.hold_lock(false);
        fleet.clock.advance(Duration::from_secs(16));
        assert_eq!(other.failure().status(), Status::QuotaRefused);
        fleet.server.release();
        waiting.join().unwrap()
    })
}

#[test]
fn process_stopped_past_its_lease_does_not_repeat_its_request_inside_a_cool_down() {
    let late =
        [ScriptedResponse::Close, ScriptedResponse::text(400, "no such audience"), ScriptedResponse::text(503, "")];
    for late in late {
        let fleet = fleet(move |number| if number == 1 { late.clone() } else { quota_refusal() });
        let stopped = fleet.join();
        let error = stopped_during_its_request(&fleet, &stopped, &fleet.join()).unwrap_err();
        assert_eq!(error.status(), Status::QuotaRefused, "what keeps it from going on");
        assert_eq!(fleet.requests(), 2, "its request is not repeated inside the cool-down of the other");
        let ledger = fleet.memory_store.ledger();
        assert!(ledger["cool_down_until_ms"].is_i64(), "which it does not write over");
        assert_eq!(ledger["quota_failure"]["status"], Status::QuotaRefused as i32);
        for later in [Duration::from_secs(1), MINUTE, HOUR / 2] {
            fleet.clock.advance(later);
            for fixture in [&stopped, &fleet.join()] {
                assert_eq!(fixture.failure().status(), Status::QuotaRefused);
            }
        }
        assert_eq!(fleet.requests(), 2);
    }
}

#[test]
fn token_that_arrived_at_a_stopped_process_reaches_the_fleet() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let (stopped, other) = (fleet.join(), fleet.join());
    assert_eq!(stopped_during_its_request(&fleet, &stopped, &other).unwrap().value(), "token-1");
    fleet.clock.advance(Duration::from_secs(15));
    assert_eq!((other.value(), fleet.join().value()), ("token-1".into(), "token-1".into()));
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn process_stopped_before_its_request_reads_again_and_leaves_no_lock_behind() {
    let fleet = fleet(token);
    let (stopped, other) = (fleet.join(), fleet.join());
    // It has the lock, and is stopped as it reads for the second time.
    fleet.memory_store.hold(Held::OneLoadUnderTheLock);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stopped.value());
        stopped.eventually(|_| fleet.memory_store.holds_one());
        fleet.memory_store.hold_lock(false);
        fleet.clock.advance(Duration::from_secs(16));
        assert_eq!(other.value(), "token-1");
        fleet.memory_store.release();
        assert_eq!(waiting.join().unwrap(), "token-1", "which the other got");
    });
    assert_eq!(fleet.requests(), 1);
    assert!(!fleet.memory_store.is_locked());
}

#[test]
fn token_that_has_expired_on_arrival_costs_no_second_request() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":1,"token_type":"Bearer"}}"#);
    let fleet = fleet(move |number| ScriptedResponse::json(200, &short(number)));
    fleet.server.hold();
    let fixture = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.value());
        fixture.eventually(|_| fleet.requests() == 1);
        fleet.clock.advance(Duration::from_secs(2));
        fleet.server.release();
        assert_eq!(waiting.join().unwrap(), "token-1");
    });
    fixture.eventually(Fixture::is_idle);
    assert_eq!(fleet.requests(), 1);
}

/// A program that was stopped for longer than every lease, where the system keeps the lock.
#[test]
fn lock_without_a_lease_is_held_however_long_its_holder_is_stopped() {
    let fleet = fleet(|number| {
        if number == 1 { ScriptedResponse::After(Duration::from_millis(300), token(1).into()) } else { quota_refusal() }
    });
    fleet.memory_store.keep_locks();
    let fixture = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.value());
        fixture.eventually(|_| fleet.requests() == 1);
        fleet.clock.advance(MINUTE);
        // A process that asked for the lock again would not get it.
        fleet.memory_store.hold_lock(true);
        assert_eq!(waiting.join().unwrap(), "token-1");
    });
    assert_eq!((fleet.memory_store.entries("record").len(), fleet.requests()), (1, 1));
}
