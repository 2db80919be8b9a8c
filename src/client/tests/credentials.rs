//! Credentials that are set, set back and set again, at any moment: what was learned of each set of them holds.

use super::fleet::{Fleet, fleet, look, quota_refusal};
use super::*;
use crate::config::Credentials;

fn first() -> Credentials {
    Credentials::new().client("id", "the-secret")
}

fn second() -> Credentials {
    Credentials::new().client("id-2", "secret-2")
}

/// How many requests were sent for this client id.
fn sent_for(server: &Server, id: &str) -> usize {
    server.requests().iter().filter(|request| request.contains(&format!("client_id={id}&"))).count()
}

/// Sets credentials while the request of a caller is under way. Returns what the caller gets.
fn set_during_a_request(bench: &Fixture, credentials: &Credentials) -> Result<Token, Error> {
    let sent = bench.server.requests().len();
    bench.server.hold();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.client.acquire());
        bench.eventually(|bench| bench.server.requests().len() > sent);
        bench.client.set_credentials(credentials).unwrap();
        bench.server.release();
        waiting.join().unwrap()
    })
}

#[test]
fn a_token_for_others_that_lands_after_they_were_set_back_replaces_nothing() {
    let bench = bench(|number| if number <= 2 { token(number) } else { quota_refusal() });
    bench.value();
    bench.server.hold();
    bench.client.set_credentials(&second()).unwrap();
    assert_eq!(bench.value(), "token-1");
    bench.eventually(|bench| bench.server.requests().len() == 2);
    bench.client.set_credentials(&first()).unwrap();
    bench.server.release();
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(bench.value(), "token-1");
    bench.client.set_credentials(&second()).unwrap();
    assert_eq!(bench.value(), "token-2", "which is held as well");
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn each_set_of_credentials_has_its_own_cool_down() {
    let bench = bench(|number| if number == 1 { token(1) } else { quota_refusal() });
    bench.value();
    for _ in 0..3 {
        bench.client.set_credentials(&second()).unwrap();
        assert_eq!(bench.value(), "token-1", "which is valid meanwhile");
        bench.eventually(Fixture::nothing_under_way);
        bench.client.set_credentials(&first()).unwrap();
        assert_eq!(bench.value(), "token-1");
    }
    assert_eq!((sent_for(&bench.server, "id"), sent_for(&bench.server, "id-2")), (1, 1));
}

#[test]
fn a_cool_down_outlives_a_token_that_was_got_with_others() {
    let bench = bench(|number| match number {
        1 | 3 => token(number),
        _ => quota_refusal(),
    });
    bench.value();
    bench.clock.advance(DAY);
    assert_eq!(bench.failure().status(), Status::QuotaRefused);
    bench.client.set_credentials(&second()).unwrap();
    assert_eq!(bench.value(), "token-3");
    bench.client.set_credentials(&first()).unwrap();
    assert_eq!(bench.value(), "token-3", "it is valid, and there is no other");
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(sent_for(&bench.server, "id"), 2);
}

#[test]
fn who_waits_for_others_that_fail_is_refused_what_a_cool_down_forbids() {
    let bench = bench(|number| if number == 2 { ScriptedResponse::text(401, "no") } else { quota_refusal() });
    bench.failure();
    bench.client.set_credentials(&second()).unwrap();
    assert_eq!(set_during_a_request(&bench, &first()).unwrap_err().status(), Status::QuotaRefused);
    assert_eq!(sent_for(&bench.server, "id"), 1);
}

/// A server that grants a token to the second request only.
fn grants_the_second() -> impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static {
    |number| if number == 2 { token(2) } else { quota_refusal() }
}

#[test]
fn a_refusal_of_former_credentials_is_remembered() {
    let bench = bench(grants_the_second());
    assert_eq!(set_during_a_request(&bench, &second()).unwrap().value(), "token-2");
    bench.client.set_credentials(&first()).unwrap();
    bench.value();
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(sent_for(&bench.server, "id"), 1);
}

#[test]
fn a_refusal_of_former_credentials_reaches_those_who_use_them() {
    let fleet = fleet(grants_the_second());
    assert_eq!(set_during_a_request(&fleet.join(), &second()).unwrap().value(), "token-2");
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    assert_eq!(sent_for(&fleet.server, "id"), 1);
}

#[test]
fn a_token_of_former_credentials_is_written_for_those_who_use_them_alone() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join_impatient();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    bench.value();
    bench.client.set_credentials(&second()).unwrap();
    fleet.memory_store.break_down(false, false);
    assert_eq!(bench.value(), "token-1");
    bench.eventually(Fixture::nothing_under_way);
    look(&bench);
    bench.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.join().value(), "token-1");
    let joined = Fleet::join_with(&fleet, |config| config.client_id("id-2").client_secret("secret-2"));
    assert_eq!(joined.failure().status(), Status::QuotaRefused);
}

#[test]
fn the_same_credentials_again_change_nothing() {
    let bench = bench(|_| ScriptedResponse::text(401, "no"));
    bench.failure();
    for _ in 0..3 {
        bench.client.set_credentials(&first()).unwrap();
        bench.failure();
    }
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn a_new_password_does_not_hide_the_reason_of_a_cool_down() {
    let bench = bench(|_| quota_refusal());
    bench.failure();
    bench.client.set_credentials(&Credentials::new().service_account("name", "new")).unwrap();
    let error = bench.failure();
    assert_eq!((error.status(), error.http_status()), (Status::QuotaRefused, Some(400)));
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn nothing_is_sent_for_replaced_credentials_whose_token_is_only_suspected() {
    let fleet = fleet(token);
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    fleet.memory_store.hold_loads();
    bench.client.invalidate(&refused);
    bench.client.set_credentials(&second()).unwrap();
    fleet.memory_store.release();
    bench.eventually(|bench| bench.value() == "token-2");
    assert_eq!((sent_for(&fleet.server, "id"), sent_for(&fleet.server, "id-2")), (1, 1));
    // The suspicion is written, though nobody calls.
    fleet.clock.advance(MINUTE);
    bench.eventually(|_| {
        let ledgers = fleet.memory_store.entries("ledger");
        let ledgers = ledgers.iter().map(|ledger| serde_json::from_slice::<serde_json::Value>(ledger).unwrap());
        ledgers.filter(|ledger| ledger["suspect_tokens"].as_array().is_some_and(|all| !all.is_empty())).count() == 1
    });
}

#[test]
fn a_new_secret_that_is_set_during_a_fetch_gets_its_record_soon() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join();
    let rotated = Credentials::new().client("id", "new-secret");
    assert_eq!(set_during_a_request(&bench, &rotated).unwrap().value(), "token-1");
    bench.eventually(Fixture::nothing_under_way);
    fleet.clock.advance(Duration::from_secs(20));
    bench.value();
    bench.eventually(|_| fleet.memory_store.entries("record").len() == 2);
    assert_eq!(fleet.join_with(|config| config.client_secret("new-secret")).value(), "token-1");
}

#[test]
fn the_same_credentials_set_during_their_refusal_are_not_tried_again() {
    let bench = bench(|_| ScriptedResponse::text(401, "no"));
    assert_eq!(set_during_a_request(&bench, &first()).unwrap_err().status(), Status::CredentialsRefused);
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn retries_end_when_other_credentials_are_set() {
    let bench = bench(|number| if number == 1 { ScriptedResponse::text(503, "") } else { token(number) });
    assert_eq!(set_during_a_request(&bench, &second()).unwrap().value(), "token-2");
    assert_eq!((sent_for(&bench.server, "id"), sent_for(&bench.server, "id-2")), (1, 1));
}

#[test]
fn a_valid_token_is_kept_however_many_credentials_are_tried() {
    let bench = bench(|number| if number == 1 { token(1) } else { ScriptedResponse::text(401, "no") });
    bench.value();
    for number in 2..9 {
        bench.client.set_credentials(&Credentials::new().client(format!("id-{number}"), "x")).unwrap();
        assert_eq!(bench.value(), "token-1");
        bench.eventually(Fixture::nothing_under_way);
    }
}
