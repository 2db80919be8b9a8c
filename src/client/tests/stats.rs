//! The metrics of a client: what each path of a call counts.

use super::*;
use crate::dpop::DpopMode;
use crate::stats::Stats;

fn assert_values(stats: &Stats, expected: &[(&str, f64)]) {
    for &(name, value) in expected {
        assert_eq!(stats.value(name), Some(value), "{name}");
    }
}

#[test]
fn first_token_counts_as_issued_and_the_next_calls_as_served_from_memory() {
    let fixture = fixture(token);
    assert_values(&fixture.client.stats(), &[("tango.token.requests", 0.0), ("tango.token.expires_in", 0.0)]);
    for _ in 0..4 {
        fixture.value();
    }
    fixture.clock.advance(HOUR);
    assert_values(
        &fixture.client.stats(),
        &[
            ("tango.token.requests", 1.0),
            ("tango.token.requests{outcome=issued}", 1.0),
            ("tango.token.responses{http.response.status_class=2xx}", 1.0),
            ("tango.token.request.duration", 1.0),
            ("tango.token.refreshes{outcome=issued}", 1.0),
            ("tango.token.served{source=token_endpoint}", 1.0),
            ("tango.token.served{source=memory}", 3.0),
            ("tango.token.errors", 0.0),
            ("tango.token.expires_in", 23.0 * 3600.0),
            ("tango.token.lifetime", 24.0 * 3600.0),
        ],
    );
}

#[test]
fn refusal_of_the_quota_counts_once_at_the_server_and_for_each_call() {
    let fixture = fixture(|_| quota_refusal());
    fixture.failure();
    fixture.failure();
    assert_values(
        &fixture.client.stats(),
        &[
            ("tango.token.requests{outcome=quota_refused}", 1.0),
            ("tango.token.responses{http.response.status_class=4xx}", 1.0),
            ("tango.token.refreshes{outcome=failed}", 1.0),
            ("tango.token.errors{reason=cool_down}", 2.0),
            ("tango.token.errors", 2.0),
            ("tango.token.cool_down", 3600.0),
        ],
    );
}

#[test]
fn lost_response_counts_as_possibly_spent_and_its_repetition_as_a_retry() {
    let fixture = fixture(|number| if number == 1 { ScriptedResponse::Close } else { token(number) });
    fixture.value();
    assert_values(
        &fixture.client.stats(),
        &[
            ("tango.token.requests{outcome=no_response}", 1.0),
            ("tango.token.requests{outcome=issued}", 1.0),
            ("tango.token.possibly_spent", 1.0),
            ("tango.token.retries", 1.0),
            ("tango.token.request.duration", 2.0),
        ],
    );
}

#[test]
fn nonce_challenge_and_proofs_are_counted() {
    let nonce = "HTTP/1.1 400 Bad\r\nDPoP-Nonce: one\r\ncontent-length: 26\r\n\r\n{\"error\":\"use_dpop_nonce\"}";
    let body = r#"{"access_token":"bound","expires_in":86400,"token_type":"DPoP"}"#;
    let fixture = fixture_with(
        |config| {
            config.dpop(DpopMode::Required).api_url("https://api.example");
        },
        move |number| if number == 1 { ScriptedResponse::Raw(nonce.into()) } else { ScriptedResponse::json(200, body) },
    );
    let client = &fixture.client;
    let authorization = client.authorize("GET", "https://api.example/v2").unwrap();
    let refused = Observation {
        http_status: 401,
        dpop_nonce: Some("two"),
        www_authenticate: Some("DPoP error=\"use_dpop_nonce\""),
        ..Observation::default()
    };
    assert_eq!(client.observe(&authorization, &refused).unwrap(), Verdict::Retry);
    assert_values(
        &client.stats(),
        &[
            ("tango.token.requests{outcome=nonce_required}", 1.0),
            ("tango.dpop.nonce_challenges{server=token_endpoint}", 1.0),
            ("tango.dpop.nonce_challenges{server=api}", 1.0),
            ("tango.dpop.proofs{server=token_endpoint}", 2.0),
            ("tango.dpop.proofs{server=api}", 1.0),
        ],
    );
}

#[test]
fn token_of_the_shared_cache_and_failures_of_the_cache_are_counted() {
    let fleet = fleet(token);
    fleet.join().value();
    let second = fleet.join();
    second.value();
    assert_values(
        &second.client.stats(),
        &[
            ("tango.token.requests", 0.0),
            ("tango.token.served{source=shared_cache}", 1.0),
            ("tango.token.served{source=memory}", 0.0),
            ("tango.cache.errors", 0.0),
        ],
    );
    fleet.memory_store.break_down(true, true);
    let third = fleet.join_impatient();
    third.failure();
    let stats = third.client.stats();
    assert!(stats.value("tango.cache.errors{operation=load}").unwrap() >= 1.0);
    assert_values(&stats, &[("tango.token.errors{reason=shared_cache}", 1.0)]);
}

#[test]
fn rejected_token_is_counted() {
    let fixture = fixture(token);
    let held = fixture.client.acquire().unwrap();
    assert!(fixture.client.invalidate(&held) && !fixture.client.invalidate(&held));
    assert_values(&fixture.client.stats(), &[("tango.token.rejections", 1.0)]);
}
