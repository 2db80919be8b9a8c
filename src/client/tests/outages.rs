//! A cache that cannot be reached or written.

use super::*;

#[test]
fn unreachable_cache_is_an_error_unless_fetching_without_it_is_allowed() {
    let fleet = fleet(token);
    let held = fleet.join();
    held.value();
    fleet.memory_store.break_down(true, true);
    let error = fleet.join().failure();
    assert_eq!(error.status(), Status::CacheUnavailable);
    assert!(
        error.message().contains("the store is down") && error.message().contains("allow_fetch_without_cache"),
        "{error}"
    );
    assert!(error.retry_after().is_some());
    assert_eq!(fleet.requests(), 1);

    assert_eq!(sync(&held), "token-1", "a held token is served");
    let anyway = fleet.join_with(|config| config.allow_fetch_without_cache(true));
    assert_eq!(anyway.value(), "token-2");
    fleet.clock.advance(21 * HOUR);
    assert_eq!(held.value(), "token-1");
    held.eventually(Fixture::is_idle);
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    held.eventually(|held| held.value() == "token-3");
}

#[test]
fn outage_ends_when_the_cache_recovers() {
    let fleet = fleet(token);
    fleet.memory_store.break_down(true, true);
    let fixture = fleet.join();
    let wait = fixture.failure().retry_after().unwrap();
    assert!(fixture.failure().message().contains("earlier error"), "the cache is not asked at once again");
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(wait);
    assert_eq!(fixture.value(), "token-1");
}

#[test]
fn token_that_cannot_be_written_is_served_and_written_later() {
    let fleet = fleet(token);
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    let fixture = fleet.join_impatient();
    assert_eq!(fixture.value(), "token-1");
    assert!(fleet.memory_store.entries("record").is_empty());
    fleet.memory_store.break_down(false, false);
    fixture.clock.advance(Duration::from_secs(5));
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.join().value(), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn callers_learn_why_a_refresh_failed_although_the_cache_is_slow() {
    let fleet = fleet(|_| ScriptedResponse::After(Duration::from_secs(20), ScriptedResponse::Close.into()));
    fleet.memory_store.slow_down(Duration::from_millis(20));
    let timeout = Duration::from_secs(1);
    let fixture = fleet.join_with(|config| config.total_timeout(timeout).attempt_timeout(timeout));
    let error = fixture.failure();
    assert!(error.message().contains("did not respond in time"), "{error}");
}

#[test]
fn token_that_could_not_be_written_is_written_without_a_caller() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let holder = fleet.join_impatient();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    holder.value();
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    holder.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.join().value(), "token-1");
}

#[test]
fn freed_client_is_not_kept_alive_by_an_unwritten_token() {
    let fleet = fleet(token);
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    let Fixture { client, .. } = fleet.join_impatient();
    client.acquire().unwrap();
    let (kept, settings) = (Arc::downgrade(&client.0), Arc::downgrade(&client.0.settings.load_full()));
    drop(client);
    assert!((0..200).any(|_| {
        thread::sleep(Duration::from_millis(5));
        kept.strong_count() + settings.strong_count() == 0
    }));
}

#[test]
fn rejected_token_is_not_replaced_without_the_cache_while_no_caller_waits() {
    let fleet = fleet(token);
    let fixture = fleet.join_with(|config| config.allow_fetch_without_cache(true));
    let refused = fixture.client.acquire().unwrap();
    fleet.memory_store.break_down(true, true);
    fixture.client.invalidate(&refused);
    fixture.eventually(Fixture::is_idle);
    assert_eq!(fleet.requests(), 1);
    assert_eq!(fixture.value(), "token-1", "a suspect token is good enough while the cache is out of reach");
}

#[test]
fn known_outage_does_not_prevent_fetching_without_the_cache() {
    let fleet = fleet(token);
    let fixture = fleet.join_with(|config| config.allow_fetch_without_cache(true));
    fixture.value();
    fleet.memory_store.break_down(true, true);
    fleet.clock.advance(23 * HOUR);
    for _ in 0..6 {
        assert_eq!(fixture.value(), "token-1");
        fixture.eventually(Fixture::is_idle);
        fleet.clock.advance(MINUTE);
    }
    fleet.clock.advance(HOUR);
    assert_eq!(fixture.value(), "token-2");
}

#[test]
fn nothing_is_sent_while_the_announcement_of_a_request_cannot_be_written() {
    let fleet = fleet(token);
    fleet.memory_store.break_down(false, true);
    let (strict, anyway) = (fleet.join(), fleet.join_with(|config| config.allow_fetch_without_cache(true)));
    let error = strict.failure();
    assert_eq!((error.status(), fleet.requests()), (Status::CacheUnavailable, 0));
    assert!(error.message().contains("the store is full"), "{error}");
    assert!(!fleet.memory_store.is_locked());
    assert_eq!(anyway.value(), "token-1");

    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    anyway.eventually(|anyway| anyway.value() == "token-1" && fleet.memory_store.entries("record").len() == 1);
    assert_eq!((strict.value(), fleet.requests()), ("token-1".into(), 1));
}

#[test]
fn token_that_the_cache_refuses_is_tried_again_before_callers_get_it() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let value = fixture.value();
            (value, fleet.memory_store.entries("record").len())
        });
        fixture.eventually(|_| fleet.memory_store.refused_writes() >= 2);
        assert!(fleet.memory_store.is_locked(), "nobody else may send a request meanwhile");
        assert!(fixture.client.try_acquire().is_none(), "nor may anybody get a token that the fleet does not have");
        fleet.memory_store.break_down(false, false);
        assert_eq!(waiting.join().unwrap(), ("token-1".into(), 1));
    });
}

#[test]
fn token_that_an_emptied_cache_lacks_is_written_before_another_one_is_requested() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { ScriptedResponse::text(400, "no") });
    let fixture = fleet.join();
    fixture.value();
    fleet.memory_store.empty();
    fleet.clock.advance(21 * HOUR);
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(|fixture| fleet.requests() == 2 && fixture.is_idle());
    assert_eq!((fleet.join().value(), fleet.requests()), ("token-1".into(), 2));
}

#[test]
fn token_that_an_emptied_cache_lacks_is_written_soon_after_another_process_gives_the_lock_back() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fixture.value();
    fleet.memory_store.empty();
    fleet.memory_store.hold_lock(true);
    fleet.clock.advance(21 * HOUR);
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(Fixture::is_idle);
    fleet.memory_store.hold_lock(false);
    // Nobody calls.
    fleet.clock.advance(MINUTE);
    fixture.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn ledger_that_changes_during_a_write_is_written_after_it() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fixture.value();
    // A sync that puts the token back.
    fleet.memory_store.empty();
    fleet.memory_store.hold(Held::Saves);
    fleet.clock.advance(Duration::from_secs(400));
    fixture.value();
    fixture.eventually(|_| fleet.memory_store.holds_one());
    let now = fleet.clock.now();
    fixture.client.0.update(|snapshot| snapshot.current_mut().ledger.record_possibly_spent(now, now));
    fleet.memory_store.release();
    fixture.eventually(Fixture::is_idle);
    assert!(fleet.memory_store.ledger()["possibly_spent_ms"].is_null(), "the write had begun before");
    // Nobody calls.
    fleet.clock.advance(MINUTE);
    fixture.eventually(|_| fleet.memory_store.ledger()["possibly_spent_ms"].is_number());
}
