//! Credentials that are set, set back and set again, at any moment: what was learned of each set of them holds.

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
fn set_during_a_request(fixture: &Fixture, credentials: &Credentials) -> Result<Token, Error> {
    let sent = fixture.server.requests().len();
    fixture.server.hold();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.client.acquire());
        fixture.eventually(|fixture| fixture.server.requests().len() > sent);
        fixture.client.set_credentials(credentials).unwrap();
        fixture.server.release();
        waiting.join().unwrap()
    })
}

#[test]
fn token_that_arrives_after_its_credentials_were_replaced_does_not_replace_the_current_one() {
    let fixture = fixture(|number| if number <= 2 { token(number) } else { quota_refusal() });
    fixture.value();
    fixture.server.hold();
    fixture.client.set_credentials(&second()).unwrap();
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(|fixture| fixture.server.requests().len() == 2);
    fixture.client.set_credentials(&first()).unwrap();
    fixture.server.release();
    fixture.eventually(Fixture::is_idle);
    assert_eq!(fixture.value(), "token-1");
    fixture.client.set_credentials(&second()).unwrap();
    assert_eq!(fixture.value(), "token-2", "which is held as well");
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn each_set_of_credentials_has_its_own_cool_down() {
    let fixture = fixture(|number| if number == 1 { token(1) } else { quota_refusal() });
    fixture.value();
    for _ in 0..3 {
        fixture.client.set_credentials(&second()).unwrap();
        assert_eq!(fixture.value(), "token-1", "which is valid meanwhile");
        fixture.eventually(Fixture::is_idle);
        fixture.client.set_credentials(&first()).unwrap();
        assert_eq!(fixture.value(), "token-1");
    }
    assert_eq!((sent_for(&fixture.server, "id"), sent_for(&fixture.server, "id-2")), (1, 1));
}

#[test]
fn cool_down_of_credentials_outlives_a_token_of_other_credentials() {
    let fixture = fixture(|number| match number {
        1 | 3 => token(number),
        _ => quota_refusal(),
    });
    fixture.value();
    fixture.clock.advance(DAY);
    assert_eq!(fixture.failure().status(), Status::QuotaRefused);
    fixture.client.set_credentials(&second()).unwrap();
    assert_eq!(fixture.value(), "token-3");
    fixture.client.set_credentials(&first()).unwrap();
    assert_eq!(fixture.value(), "token-3", "it is valid, and there is no other");
    fixture.eventually(Fixture::is_idle);
    assert_eq!(sent_for(&fixture.server, "id"), 2);
}

#[test]
fn caller_waiting_for_replaced_credentials_is_refused_by_the_cool_down_of_the_current_ones() {
    let fixture = fixture(|number| if number == 2 { ScriptedResponse::text(401, "no") } else { quota_refusal() });
    fixture.failure();
    fixture.client.set_credentials(&second()).unwrap();
    assert_eq!(set_during_a_request(&fixture, &first()).unwrap_err().status(), Status::QuotaRefused);
    assert_eq!(sent_for(&fixture.server, "id"), 1);
}

/// A server that grants a token to the second request only.
fn grants_the_second() -> impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static {
    |number| if number == 2 { token(2) } else { quota_refusal() }
}

#[test]
fn refusal_of_replaced_credentials_is_remembered() {
    let fixture = fixture(grants_the_second());
    assert_eq!(set_during_a_request(&fixture, &second()).unwrap().value(), "token-2");
    fixture.client.set_credentials(&first()).unwrap();
    fixture.value();
    fixture.eventually(Fixture::is_idle);
    assert_eq!(sent_for(&fixture.server, "id"), 1);
}

#[test]
fn refusal_of_replaced_credentials_reaches_processes_that_use_them() {
    let fleet = fleet(grants_the_second());
    assert_eq!(set_during_a_request(&fleet.join(), &second()).unwrap().value(), "token-2");
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    assert_eq!(sent_for(&fleet.server, "id"), 1);
}

#[test]
fn token_of_replaced_credentials_is_written_only_for_processes_that_use_them() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join_impatient();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    fixture.value();
    fixture.client.set_credentials(&second()).unwrap();
    fleet.memory_store.break_down(false, false);
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(Fixture::is_idle);
    sync(&fixture);
    fixture.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.join().value(), "token-1");
    let joined = Fleet::join_with(&fleet, |config| config.client_id("id-2").client_secret("secret-2"));
    assert_eq!(joined.failure().status(), Status::QuotaRefused);
}

#[test]
fn same_credentials_set_again_do_not_end_a_back_off() {
    let fixture = fixture(|_| ScriptedResponse::text(401, "no"));
    fixture.failure();
    for _ in 0..3 {
        fixture.client.set_credentials(&first()).unwrap();
        fixture.failure();
    }
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn reason_of_a_cool_down_is_kept_when_the_password_changes() {
    let fixture = fixture(|_| quota_refusal());
    fixture.failure();
    fixture.client.set_credentials(&Credentials::new().service_account("name", "new")).unwrap();
    let error = fixture.failure();
    assert_eq!((error.status(), error.http_status()), (Status::QuotaRefused, Some(400)));
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn suspect_token_of_replaced_credentials_is_not_replaced_and_its_suspicion_is_written() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    let refused = fixture.client.acquire().unwrap();
    fleet.memory_store.hold(Held::Loads);
    fixture.client.invalidate(&refused);
    fixture.client.set_credentials(&second()).unwrap();
    fleet.memory_store.release();
    fixture.eventually(|fixture| fixture.value() == "token-2");
    assert_eq!((sent_for(&fleet.server, "id"), sent_for(&fleet.server, "id-2")), (1, 1));
    // The suspicion is written, though nobody calls.
    fleet.clock.advance(MINUTE);
    fixture.eventually(|_| {
        let ledgers = fleet.memory_store.entries("ledger");
        let ledgers = ledgers.iter().map(|ledger| serde_json::from_slice::<serde_json::Value>(ledger).unwrap());
        ledgers.filter(|ledger| ledger["suspect_tokens"].as_array().is_some_and(|all| !all.is_empty())).count() == 1
    });
}

#[test]
fn secret_that_is_set_during_a_refresh_gets_a_record_of_its_own() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join();
    let rotated = Credentials::new().client("id", "new-secret");
    assert_eq!(set_during_a_request(&fixture, &rotated).unwrap().value(), "token-1");
    fixture.eventually(Fixture::is_idle);
    fleet.clock.advance(Duration::from_secs(20));
    fixture.value();
    fixture.eventually(|_| fleet.memory_store.entries("record").len() == 2);
    assert_eq!(fleet.join_with(|config| config.client_secret("new-secret")).value(), "token-1");
}

#[test]
fn same_credentials_set_during_their_refusal_are_not_tried_again() {
    let fixture = fixture(|_| ScriptedResponse::text(401, "no"));
    assert_eq!(set_during_a_request(&fixture, &first()).unwrap_err().status(), Status::CredentialsRefused);
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn retries_end_when_other_credentials_are_set() {
    let fixture = fixture(|number| if number == 1 { ScriptedResponse::text(503, "") } else { token(number) });
    assert_eq!(set_during_a_request(&fixture, &second()).unwrap().value(), "token-2");
    assert_eq!((sent_for(&fixture.server, "id"), sent_for(&fixture.server, "id-2")), (1, 1));
}

#[test]
fn valid_token_is_kept_however_many_credentials_are_tried() {
    let fixture = fixture(|number| if number == 1 { token(1) } else { ScriptedResponse::text(401, "no") });
    fixture.value();
    for number in 2..9 {
        fixture.client.set_credentials(&Credentials::new().client(format!("id-{number}"), "x")).unwrap();
        assert_eq!(fixture.value(), "token-1");
        fixture.eventually(Fixture::is_idle);
    }
}
