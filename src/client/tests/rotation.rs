//! New passwords, new secrets and other service accounts in a fleet.

use super::*;
use crate::config::Credentials;

#[test]
fn wrong_secret_or_password_of_one_process_does_not_disturb_the_others() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { ScriptedResponse::text(401, "no") });
    fleet.join().value();
    let wrong_secret = fleet.join_with(|config| config.client_secret("wrong"));
    assert_eq!(wrong_secret.failure().status(), Status::CredentialsRefused);
    assert_eq!(fleet.join().value(), "token-1", "the record is still there, and still the right one");
    let wrong = fleet.join_with(|config| config.client_secret("wrong"));
    assert!(wrong.failure().message().contains("earlier error"), "a process with the same mistake learns of it");
    assert_eq!(fleet.requests(), 2);

    // A wrong password opens the record, and one that is refused closes nothing for processes with the right one.
    fleet.memory_store.change("record", Vec::clear);
    let wrong_password = fleet.join_with(|config| config.password("wrong"));
    assert_eq!(wrong_password.failure().status(), Status::CredentialsRefused);
    assert!(!fleet.join().failure().message().contains("earlier error"), "it was asked");
}

#[test]
fn new_password_of_the_service_account_keeps_the_token() {
    let fleet = fleet(token);
    fleet.join().value();
    assert_eq!(fleet.join_with(|config| config.password("a new one")).value(), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn token_of_replaced_credentials_is_served_until_there_is_one_for_the_new_ones() {
    let fleet = fleet(|number| if number == 2 { ScriptedResponse::text(503, "") } else { token(number) });
    let fixture = fleet.join();
    assert_eq!(fixture.value(), "token-1");
    fixture.client.set_credentials(&Credentials::new().client("id-2", "secret-2")).unwrap();
    assert_eq!(fixture.value(), "token-1", "the valid token is served meanwhile");
    fixture.eventually(|fixture| fixture.value() == "token-3");
    let last = fleet.server.requests().pop().unwrap();
    assert!(last.contains("client_id=id-2&client_secret=secret-2&username=name&password=the-password"), "{last}");

    let rotated = fleet.join_with(|config| config.client_id("id-2").client_secret("secret-2"));
    assert_eq!(rotated.value(), "token-3", "others with the new credentials find it");
    assert_eq!(fleet.join().value(), "token-1", "and those with the old ones theirs");
    assert_eq!(fleet.requests(), 3);
}

#[test]
fn rotation_to_credentials_whose_token_is_in_the_cache_sends_nothing() {
    let fleet = fleet(token);
    let fixture = fleet.join();
    fixture.value();
    fleet.join_with(|config| config.username("name-2")).value();
    fixture.client.set_credentials(&Credentials::new().service_account("name-2", "the-password")).unwrap();
    fixture.value();
    fixture.eventually(|fixture| fixture.value() == "token-2");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn corrected_password_is_tried_at_once() {
    let fleet = fleet(|number| if number == 1 { ScriptedResponse::text(401, "no") } else { token(number) });
    let fixture = fleet.join();
    fixture.failure();
    fixture.client.set_credentials(&Credentials::new().service_account("name", "corrected")).unwrap();
    assert_eq!(fixture.value(), "token-2");
    assert!(fixture.client.set_credentials(&Credentials::new().client("", "x")).is_err());
}

#[test]
fn password_that_changes_during_a_refresh_costs_no_second_token() {
    let fleet = fleet(token);
    fleet.server.hold();
    let fixture = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.value());
        fixture.eventually(|_| fleet.requests() == 1);
        fixture.client.set_credentials(&Credentials::new().service_account("name", "new")).unwrap();
        fleet.server.release();
        assert_eq!(waiting.join().unwrap(), "token-1");
    });
    assert_eq!(sync(&fixture), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn password_that_changes_during_its_refusal_is_tried_for_waiting_callers() {
    let fleet = fleet(|number| if number == 1 { ScriptedResponse::text(401, "no") } else { token(number) });
    fleet.server.hold();
    let fixture = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.value());
        fixture.eventually(|_| fleet.requests() == 1);
        fixture.client.set_credentials(&Credentials::new().service_account("name", "new")).unwrap();
        fleet.server.release();
        assert_eq!(waiting.join().unwrap(), "token-2");
    });
}

#[test]
fn process_with_a_wrong_secret_does_not_overwrite_the_record() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let (right, wrong) = (fleet.join(), fleet.join());
    assert_eq!((right.value(), wrong.value()), ("token-1".into(), "token-1".into()));
    wrong.client.set_credentials(&Credentials::new().client("id", "a wrong secret")).unwrap();
    sync(&wrong);
    assert_eq!(fleet.join().value(), "token-1");
}

#[test]
fn credentials_that_are_set_and_set_back_send_nothing() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join();
    fixture.value();
    fixture.client.set_credentials(&Credentials::new().client("id-2", "secret-2")).unwrap();
    fixture.client.set_credentials(&Credentials::new().client("id-3", "secret-3")).unwrap();
    fixture.client.set_credentials(&Credentials::new().client("id", "the-secret")).unwrap();
    assert_eq!(sync(&fixture), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn cool_down_is_still_known_when_credentials_are_set_back() {
    let fixture = fixture(|number| if number == 1 { token(1) } else { quota_refusal() });
    fixture.value();
    fixture.clock.advance(DAY);
    let wait = fixture.failure().retry_after();
    fixture.client.set_credentials(&Credentials::new().client("id-2", "secret-2")).unwrap();
    fixture.client.set_credentials(&Credentials::new().client("id", "the-secret")).unwrap();
    let error = fixture.failure();
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, wait));
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn new_secret_of_a_client_finds_the_token_of_a_running_process_that_was_given_it() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let fixture = fleet.join();
    fixture.value();
    fixture.client.set_credentials(&Credentials::new().client("id", "rotated")).unwrap();
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(|_| fleet.memory_store.entries("record").len() == 2);
    assert_eq!(fleet.join_with(|config| config.client_secret("rotated")).value(), "token-1");
    assert_eq!(fleet.join().value(), "token-1", "and those who have the old one");
    assert_eq!(fleet.requests(), 1);
}
