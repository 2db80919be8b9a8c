//! One token for several processes, which share a cache, a server and the time.

use super::*;
use crate::dpop::DpopMode;

#[test]
fn new_process_uses_the_token_in_the_cache() {
    let fleet = fleet(token);
    assert_eq!(fleet.join().value(), "token-1");
    fleet.clock.advance(HOUR);
    let later = fleet.join().client.acquire().unwrap();
    assert_eq!((later.value(), later.scope(), later.expires_in()), ("token-1", "raas.all", 23 * HOUR));
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn processes_that_start_at_once_share_one_request() {
    let fleet = fleet(token);
    fleet.server.hold();
    let fixtures: Vec<_> = (0..20).map(|_| fleet.join()).collect();
    thread::scope(|scope| {
        for fixture in &fixtures {
            scope.spawn(|| assert_eq!(fixture.value(), "token-1"));
        }
        fixtures[0].eventually(|_| fleet.requests() == 1 && fleet.memory_store.locks_asked_for() >= 20);
        fleet.server.release();
    });
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn bound_token_is_shared_with_its_key() {
    let fleet =
        fleet(|_| ScriptedResponse::json(200, r#"{"access_token":"bound","expires_in":86400,"token_type":"DPoP"}"#));
    let join = || fleet.join_with(|config| config.dpop(DpopMode::Required));
    let (first, second) = (join().client.acquire().unwrap(), join().client.acquire().unwrap());
    let thumbprint = |token: &Token| token.dpop_key().unwrap().thumbprint().to_owned();
    assert_eq!((second.value(), second.token_type()), ("bound", "DPoP"));
    assert_eq!(thumbprint(&first), thumbprint(&second));
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn refresh_of_one_process_reaches_the_others_before_their_token_expires() {
    let fleet = fleet(token);
    let (one, two) = (fleet.join(), fleet.join());
    assert_eq!((one.value(), two.value()), ("token-1".into(), "token-1".into()));
    fleet.clock.advance(21 * HOUR);
    assert_eq!(one.value(), "token-1", "nobody waits for it");
    one.eventually(|one| one.value() == "token-2");
    assert_eq!(two.value(), "token-1");
    two.eventually(|two| two.value() == "token-2");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn valid_token_is_served_while_another_process_refreshes() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fixture.value();
    fleet.memory_store.hold_lock(true);
    fleet.clock.advance(21 * HOUR);
    for _ in 0..3 {
        assert_eq!(fixture.value(), "token-1");
        fixture.eventually(Fixture::is_idle);
        fleet.clock.advance(Duration::from_secs(6));
    }
    assert_eq!(fleet.requests(), 1);
    fleet.memory_store.hold_lock(false);
    fixture.eventually(|fixture| fixture.value() == "token-2");
}

#[test]
fn caller_waiting_for_another_process_has_its_own_deadline() {
    let fleet = fleet(token);
    fleet.memory_store.hold_lock(true);
    let fixture = fleet.join_with(|config| config.total_timeout(Duration::from_millis(200)));
    let error = fixture.failure();
    assert_eq!(error.status(), Status::TimedOut);
    assert!(error.message().contains("in another process"), "{error}");
    assert_eq!(fleet.requests(), 0);
    fleet.memory_store.hold_lock(false);
    fixture.eventually(Fixture::is_idle);
    assert_eq!(fixture.value(), "token-1");
}

#[test]
fn callers_are_served_from_memory_during_a_sync() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fixture.value();
    fleet.clock.advance(Duration::from_secs(400));
    fleet.memory_store.hold_loads();
    fixture.value();
    assert!(!fixture.is_idle());
    assert!(fixture.client.0.serve_from_memory().is_some());
    fleet.memory_store.release();
    fixture.eventually(Fixture::is_idle);
}

#[test]
fn client_that_has_written_everything_does_not_sync_without_a_caller() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join();
    let refused = fixture.client.acquire().unwrap();
    fixture.client.invalidate(&refused);
    fixture.value();
    fixture.eventually(Fixture::is_idle);
    assert_eq!(fixture.client.0.snapshot.load().next_retry(), None);
}

/// The process starts in the last sixth of a lifetime, and the server fails.
#[test]
fn new_process_gets_the_valid_token_of_the_cache_while_its_refresh_fails_or_hangs() {
    for failure in [ScriptedResponse::text(503, ""), ScriptedResponse::After(HOUR, ScriptedResponse::Close.into())] {
        let fleet = fleet(move |number| if number == 1 { token(1) } else { failure.clone() });
        fleet.join().value();
        fleet.clock.advance(21 * HOUR);
        let started = std::time::Instant::now();
        assert_eq!(fleet.join().value(), "token-1");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[test]
fn new_process_waits_for_a_refresh_that_does_not_take_long() {
    let fleet = fleet(token);
    fleet.join().value();
    fleet.clock.advance(21 * HOUR);
    assert_eq!(fleet.join().value(), "token-2", "a program that ends right after its call loses nothing");
}

#[test]
fn clock_of_a_server_is_shared_with_the_token() {
    let fleet =
        fleet(|_| ScriptedResponse::json(200, r#"{"access_token":"bound","expires_in":86400,"token_type":"DPoP"}"#));
    let join = || fleet.join_with(|config| config.dpop(DpopMode::Required).api_url("https://api.example/"));
    let one = join();
    let call = one.client.authorize("GET", "https://api.example/x").unwrap();
    let right = fleet.clock.wall_seconds() + 600;
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(right.unsigned_abs()));
    let observation = crate::client::Observation { http_status: 200, date: Some(&date), ..Default::default() };
    one.client.observe(&call, &observation).unwrap();
    one.value();
    one.eventually(|_| fleet.memory_store.ledger()["server_clock_offsets_s"]["https://api.example"] == 600);

    let other = join();
    other.value();
    let known = other.client.0.known_clocks(&other.client.0.settings.load());
    assert_eq!(known, [("https://api.example".to_owned(), right)]);
    assert_eq!(fleet.requests(), 1);
}
