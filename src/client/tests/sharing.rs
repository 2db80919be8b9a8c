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
        fixtures[0].eventually(|_| fleet.requests() == 1 && fleet.memory_store.calls().locks >= 20);
        fleet.server.release();
    });
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn process_that_gets_the_lock_after_another_one_reads_again_and_sends_nothing() {
    let fleet = fleet(token);
    let (late, other) = (fleet.join(), fleet.join());
    // It has read that there is no token.
    fleet.memory_store.hold(Held::OneLock);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| late.value());
        late.eventually(|_| fleet.memory_store.holds_one());
        assert_eq!(other.value(), "token-1");
        fleet.memory_store.release();
        assert_eq!(waiting.join().unwrap(), "token-1");
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
    let fixture = fleet.join_with(|config| config.total_timeout(Duration::from_secs(1)));
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
    fleet.memory_store.hold(Held::Loads);
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

/// Makes calls for two minutes, less than the interval of syncs and the shortest cool-down. Returns what they cost the
/// shared cache.
fn calls_of_two_minutes(fleet: &Fleet, fixture: &Fixture) -> Calls {
    fixture.eventually(Fixture::is_idle);
    let before = fleet.memory_store.calls();
    for _ in 0..9 {
        fixture.value();
        fixture.eventually(Fixture::is_idle);
        fleet.clock.advance(Duration::from_secs(15));
    }
    let after = fleet.memory_store.calls();
    let (loads, saves) = (after.loads - before.loads, after.saves - before.saves);
    Calls { loads, saves, locks: after.locks - before.locks }
}

#[test]
fn client_that_has_just_written_or_read_everything_does_not_sync_at_the_next_calls() {
    let fleet = fleet(|number| if number <= 2 { token(number) } else { quota_refusal() });
    let (one, other) = (fleet.join(), fleet.join());
    one.value();
    assert_eq!(calls_of_two_minutes(&fleet, &one), Calls::default(), "after a new token");
    other.value();
    assert_eq!(calls_of_two_minutes(&fleet, &other), Calls::default(), "after another process's token");

    one.client.invalidate(&one.client.acquire().unwrap());
    one.eventually(|_| fleet.suspects() == 1);
    one.eventually(|one| one.value() == "token-2");
    assert_eq!(calls_of_two_minutes(&fleet, &one), Calls::default(), "after a replacement");
    one.client.invalidate(&one.client.acquire().unwrap());
    one.eventually(|_| fleet.suspects() == 2);
    assert_eq!(calls_of_two_minutes(&fleet, &one), Calls::default(), "after a suspicion");
    one.client.0.accept(&one.client.acquire().unwrap());
    one.value();

    fleet.clock.advance(2 * HOUR);
    sync(&one);
    one.client.invalidate(&one.client.acquire().unwrap());
    // On a busy machine the call can get the suspect token before the request is sent.
    one.eventually(|one| one.value() == "token-2" && fleet.requests() == 3);
    assert_eq!(calls_of_two_minutes(&fleet, &one), Calls::default(), "after a replacement that the quota refused");
    assert_eq!(fleet.requests(), 3);

    let accepted = one.client.acquire().unwrap();
    one.client.0.accept(&accepted);
    one.value();
    one.eventually(|_| fleet.suspects() == 1);
    assert_eq!(calls_of_two_minutes(&fleet, &one), Calls::default(), "after a token that is trusted again");

    fleet.memory_store.empty();
    sync(&one);
    assert_eq!(calls_of_two_minutes(&fleet, &one), Calls::default(), "after everything was written again");
}

#[test]
fn client_whose_write_failed_does_not_sync_at_the_next_calls_after_it_was_made_up_for() {
    let fleet = fleet(token);
    let fixture = fleet.join_impatient();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    fixture.value();
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    fixture.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(calls_of_two_minutes(&fleet, &fixture), Calls::default());

    // The suspicion is written at once, and the clock of the replacement starts.
    fixture.client.invalidate(&fixture.client.acquire().unwrap());
    fixture.eventually(Fixture::is_idle);
    fixture.client.0.accept(&fixture.client.0.valid_token().unwrap().token());
    fixture.value();
    assert_eq!(calls_of_two_minutes(&fleet, &fixture), Calls::default());
}
