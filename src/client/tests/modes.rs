//! Clients of one service that differ in DPoP mode, key, audience or service account, and share one quota.

use super::*;
use crate::dpop::{Algorithm, DpopKey, DpopMode};

fn bound(number: usize) -> ScriptedResponse {
    ScriptedResponse::json(
        200,
        &format!(r#"{{"access_token":"token-{number}","expires_in":86400,"token_type":"DPoP"}}"#),
    )
}

fn join(fleet: &Fleet, mode: DpopMode) -> Fixture {
    fleet.join_with(|config| config.dpop(mode))
}

fn token_type(fixture: &Fixture) -> String {
    fixture.client.acquire().unwrap().token_type().to_owned()
}

/// The platform does not know DPoP.
#[test]
fn bearer_token_that_a_strict_client_cannot_use_is_kept_for_the_others() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let strict = join(&fleet, DpopMode::Required);
    assert_eq!(strict.failure().status(), Status::Downgraded);
    for mode in [DpopMode::Optional, DpopMode::Off] {
        assert_eq!(join(&fleet, mode).value(), "token-1", "{mode:?}");
    }
    assert_eq!(strict.failure().status(), Status::Downgraded, "whose back-off is its own");
    assert_eq!(fleet.requests(), 1);
    assert!(fleet.memory_store.ledger()["last_issue_ms"].is_i64(), "the quota is spent");
}

#[test]
fn optional_client_serves_the_bearer_token_until_the_quota_allows_a_bound_one() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { bound(number) });
    join(&fleet, DpopMode::Off).value();
    let optional = join(&fleet, DpopMode::Optional);
    assert_eq!(token_type(&optional), "Bearer");
    fleet.clock.advance(20 * HOUR);
    assert_eq!(token_type(&optional), "Bearer");
    assert_eq!(fleet.requests(), 1, "within 20 hours a request would be refused");
    fleet.clock.advance(2 * MINUTE);
    optional.value();
    optional.eventually(|optional| token_type(optional) == "DPoP");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn bearer_token_that_was_granted_despite_a_proof_is_not_replaced_before_its_time() {
    let fleet = fleet(token);
    for _ in 0..3 {
        let optional = join(&fleet, DpopMode::Optional);
        assert_eq!(token_type(&optional), "Bearer");
        fleet.clock.advance(6 * HOUR);
        optional.value();
        optional.eventually(Fixture::is_idle);
    }
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn token_bound_to_another_key_is_served_until_the_quota_allows_one_for_the_configured_key() {
    let fleet = fleet(bound);
    join(&fleet, DpopMode::Required).value();
    let key = DpopKey::generate(Algorithm::Es256).unwrap();
    let given = fleet.join_with(|config| config.dpop(DpopMode::Required).dpop_key(key.clone()));
    let bound_to = || given.client.acquire().unwrap().dpop_key().unwrap().thumbprint().to_owned();
    assert_ne!(bound_to(), key.thumbprint());
    fleet.clock.advance(20 * HOUR);
    bound_to();
    assert_eq!(fleet.requests(), 1);
    fleet.clock.advance(2 * MINUTE);
    bound_to();
    given.eventually(|_| bound_to() == key.thumbprint());
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn quota_of_a_client_is_spent_for_each_of_its_audiences_scopes_and_accounts() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.clock.advance(3 * HOUR);
    for (index, other) in [
        fleet.join_with(|config| config.username("another")),
        fleet.join_with(|config| config.scope("raas.some")),
        fleet.join_with(|config| config.audience("https://api.tangocard.com")),
        join(&fleet, DpopMode::Required),
    ]
    .iter()
    .enumerate()
    {
        let error = other.failure();
        assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(17 * HOUR + MINUTE)), "{index}");
        assert!(error.message().contains("was issued 3 h 0 min ago, at "), "{error}");
        assert!(error.message().contains("the next can be had in 17 h 1 min, at "), "{error}");
    }
    assert_eq!(fleet.requests(), 2, "and the fleet is refused once");
    assert_eq!(fleet.join().value(), "token-1");
}

#[test]
fn quota_refusal_without_a_known_issue_says_how_long_it_can_take() {
    let error = fixture(|_| quota_refusal()).failure();
    assert_eq!(error.retry_after(), Some(HOUR));
    assert!(error.message().contains("is not known, so it can take up to 20 hours"), "{error}");
}

#[test]
fn each_identity_has_its_own_back_off() {
    let fleet = fleet(|number| if number == 1 { ScriptedResponse::text(400, "no such scope") } else { token(number) });
    let wrong = fleet.join_with(|config| config.scope("raas.wrong"));
    assert_eq!(wrong.failure().status(), Status::RequestRefused);
    assert_eq!(fleet.join().value(), "token-2");
    assert_eq!(wrong.failure().status(), Status::RequestRefused);
    let again = fleet.join_with(|config| config.scope("raas.wrong")).failure();
    assert!(again.message().contains("earlier error"), "a process that makes the same mistake learns of it: {again}");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn quota_of_tokens_with_a_short_lifetime_holds_back_for_minutes() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":300,"token_type":"Bearer"}}"#);
    let fleet =
        fleet(move |number| if number <= 3 { ScriptedResponse::json(200, &short(number)) } else { quota_refusal() });
    let fixture = fleet.join_with(|config| config.audience("5min"));
    for number in 1..=3 {
        assert_eq!(fixture.value(), format!("token-{number}"));
        fleet.clock.advance(Duration::from_secs(300));
    }
    let wait = fixture.failure().retry_after().unwrap();
    assert!(wait <= Duration::from_secs(300), "{wait:?}");
}
