//! The client against a real HTTP server on loopback, with a clock that the tests move.

mod authorize;
mod cool_downs;
mod credentials;
mod damaged;
mod dpop;
mod fortnight;
mod held_up;
mod leases;
pub(crate) mod local;
mod memory_store;
mod modes;
mod outages;
mod rejected;
mod rotation;
mod server;
mod sharing;
mod simulation;
mod stats;
mod support;
mod suspended;
mod waiting;
mod week;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use super::*;
use crate::error::Status;
use crate::secret::HIDDEN;
use memory_store::{Calls, Held};
use server::{ScriptedResponse, Server};
use support::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn threads_that_start_at_once_on_an_empty_client_share_one_request() {
    let fixture = fixture(token);
    let ready = std::sync::Barrier::new(64);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                ready.wait();
                assert_eq!(fixture.value(), "token-1");
            });
        }
    });
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn token_request_is_the_documented_one() {
    let fixture = fixture(token);
    fixture.value();
    let request = fixture.server.requests().remove(0);
    assert!(request.starts_with("POST /oauth/token HTTP/1.1\r\n"), "{request}");
    for header in [
        "content-type: application/x-www-form-urlencoded\r\n",
        "accept: application/json\r\n",
        "accept-encoding: identity\r\n",
    ] {
        assert!(request.contains(header), "{header} is not in {request}");
    }
    assert!(request.ends_with(
        "\r\n\r\nclient_id=id&client_secret=the-secret&username=name&password=the-password&scope=raas.all\
         &audience=https%3A%2F%2Fapi.tangocard.com%2F&grant_type=password"
    ));
}

#[test]
fn held_token_is_served_until_its_refresh_window_and_then_refreshed_behind_the_caller() {
    let fixture = fixture(token);
    assert_eq!(fixture.value(), "token-1");
    fixture.clock.advance(20 * HOUR);
    assert_eq!(fixture.value(), "token-1");
    assert_eq!(fixture.server.requests().len(), 1);

    fixture.clock.advance(HOUR);
    assert_eq!(fixture.value(), "token-1", "the caller does not wait for the refresh");
    fixture.eventually(|fixture| fixture.value() == "token-2");
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn lifetime_starts_when_the_request_is_sent_however_late_its_response_comes() {
    let fixture = fixture(token);
    fixture.server.hold();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.client.acquire().unwrap());
        fixture.eventually(|fixture| fixture.server.requests().len() == 1);
        fixture.clock.advance(Duration::from_secs(100));
        fixture.server.release();
        assert_eq!(waiting.join().unwrap().expires_in(), Duration::from_secs(86_300));
    });
}

#[test]
fn failed_refresh_backs_off_while_the_valid_token_is_served() {
    let fixture = fixture(|number| if number == 1 { token(1) } else { ScriptedResponse::text(401, "Unauthorized") });
    fixture.value();
    fixture.clock.advance(21 * HOUR);
    for requests in [2, 3] {
        assert_eq!(fixture.value(), "token-1");
        fixture.eventually(|fixture| fixture.server.requests().len() == requests && fixture.is_idle());
        for _ in 0..10 {
            assert_eq!(fixture.value(), "token-1");
        }
        assert_eq!(fixture.server.requests().len(), requests, "nothing is sent while it holds back");
        fixture.clock.advance(HOUR / 4);
    }
    fixture.clock.advance(3 * HOUR);
    assert_eq!(
        fixture.failure().status(),
        Status::CredentialsRefused,
        "and the token is not served after it has expired"
    );
}

#[test]
fn error_is_repeated_without_a_request_until_its_back_off_ends() {
    let fixture = fixture(|number| if number == 1 { ScriptedResponse::text(401, "no") } else { token(number) });
    let first = fixture.failure();
    let again = fixture.failure();
    assert_eq!((first.status(), again.status()), (Status::CredentialsRefused, Status::CredentialsRefused));
    assert!(again.message().contains("nothing is sent"));
    assert_eq!(fixture.server.requests().len(), 1);

    assert_eq!((first.retry_after(), again.retry_after()), (None, None), "waiting does not correct a credential");

    fixture.clock.advance(Duration::from_secs(30));
    assert_eq!(fixture.value(), "token-2");
}

#[test]
fn quota_refusal_starts_a_cool_down_and_is_not_retried() {
    let fixture = fixture(|_| ScriptedResponse::text(400, "Client sandbox id has exceeded the daily rate limit"));
    assert_eq!(fixture.failure().status(), Status::QuotaRefused);
    fixture.clock.advance(HOUR.saturating_sub(Duration::from_secs(1)));
    let error = fixture.failure();
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(Duration::from_secs(1))));
    assert_eq!(fixture.server.requests().len(), 1);
    fixture.clock.advance(Duration::from_secs(1));
    fixture.failure();
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn quota_refusal_after_a_lost_response_holds_back_for_twenty_hours() {
    let fixture = fixture(|number| match number {
        1 => ScriptedResponse::Close,
        _ => ScriptedResponse::text(400, "Client sandbox id has exceeded the daily rate limit"),
    });
    let error = fixture.failure();
    assert_eq!(fixture.server.requests().len(), 2);
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(20 * HOUR + MINUTE)));
}

#[test]
fn connection_that_was_never_established_counts_as_not_sent() {
    // It accepts connections and never sends a byte of TLS; the attempt ends before the connection's own deadline does.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let fixture = fixture_with(
        move |config| {
            config.token_url(url).attempt_timeout(Duration::from_millis(50)).total_timeout(Duration::from_millis(200));
        },
        token,
    );
    let error = fixture.failure();
    assert_eq!(error.status(), Status::TimedOut);
    assert!(error.message().starts_with("no connection to"), "{error}");
}

#[test]
fn request_without_a_response_is_repeated_once() {
    let fixture = fixture(|_| ScriptedResponse::Close);
    assert_eq!(fixture.failure().status(), Status::ConnectionLost);
    assert_eq!(fixture.server.requests().len(), 2);
}

#[test]
fn unavailable_server_is_asked_again_until_it_recovers() {
    let fixture = fixture(|number| if number < 3 { ScriptedResponse::text(503, "") } else { token(number) });
    assert_eq!(fixture.value(), "token-3");
}

#[test]
fn retry_after_beyond_the_deadline_ends_the_refresh() {
    let fixture = fixture(|_| {
        ScriptedResponse::Raw("HTTP/1.1 503 Later\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n".into())
    });
    let error = fixture.failure();
    assert_eq!((error.status(), error.retry_after()), (Status::ServerError, Some(HOUR / 6)));
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn token_expires_while_the_machine_sleeps() {
    let fixture = fixture(token);
    fixture.value();
    fixture.clock.sleep(DAY);
    assert_eq!(fixture.value(), "token-2");
}

#[test]
fn wall_clock_that_is_set_neither_extends_a_lifetime_nor_costs_a_request() {
    let fixture = fixture(token);
    fixture.value();
    fixture.clock.set_wall_forward(2 * DAY);
    assert_eq!(fixture.value(), "token-1");
    fixture.clock.set_wall_back(5 * DAY);
    assert_eq!(fixture.value(), "token-1");
    assert_eq!(fixture.server.requests().len(), 1);
    fixture.clock.advance(DAY);
    assert_eq!(fixture.value(), "token-2");
}

#[test]
fn sleep_with_a_wall_clock_set_back_extends_a_lifetime_by_a_minute_at_most() {
    let fixture = fixture(token);
    fixture.value();
    fixture.clock.sleep(DAY);
    fixture.clock.set_wall_back(DAY);
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.value(), "token-2");
}

#[test]
fn caller_that_gives_up_does_not_disturb_other_callers() {
    let fixture = fixture(token);
    fixture.server.hold();
    let given_up = AtomicUsize::new(0);
    let waiter = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    thread::scope(|scope| {
        let patient = scope.spawn(|| fixture.value());
        fixture.eventually(|fixture| fixture.server.requests().len() == 1);
        waiter.block_on(async {
            for _ in 0..10 {
                let impatient = tokio::time::timeout(Duration::from_millis(1), fixture.client.acquire_async());
                given_up.fetch_add(usize::from(impatient.await.is_err()), SeqCst);
            }
        });
        fixture.server.release();
        assert_eq!(patient.join().unwrap(), "token-1");
    });
    assert_eq!(given_up.load(SeqCst), 10);
    assert_eq!(fixture.server.requests().len(), 1);
    assert_eq!(waiter.block_on(fixture.client.acquire_async()).unwrap().value(), "token-1");
}

#[test]
fn server_that_never_responds_costs_a_caller_the_total_timeout() {
    let adjust = |config: &mut Config| {
        config.total_timeout(Duration::from_secs(1));
    };
    let fixture =
        fixture_with(adjust, |_| ScriptedResponse::After(Duration::from_secs(20), ScriptedResponse::Close.into()));
    let started = std::time::Instant::now();
    let error = fixture.failure();
    assert_eq!(error.status(), Status::TimedOut);
    assert!(error.message().contains("did not respond in time"), "the reason that the refresh gives: {error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn text_in_which_a_server_repeats_secrets_is_not_shown() {
    let echo = "client_secret=the-secret&password=the-password";
    let fixture =
        fixture(move |_| ScriptedResponse::json(400, &format!(r#"{{"error":"invalid_request","message":"{echo}"}}"#)));
    let error = fixture.failure();
    let shown = format!("{error} {error:?} {:?} {:?}", fixture.client, fixture.failure());
    assert!(shown.contains(HIDDEN) && !shown.contains("the-secret") && !shown.contains("the-password"), "{shown}");
}

#[test]
fn response_that_is_too_long_is_cut_off() {
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}", " ".repeat(100_000));
    let fixture = fixture(move |_| ScriptedResponse::Raw(endless.clone()));
    let error = fixture.failure();
    assert_eq!(error.status(), Status::MalformedResponse);
    assert!(error.message().contains("64 KiB"));
}

#[test]
fn redirect_is_reported_and_not_followed() {
    let fixture = fixture(|_| {
        ScriptedResponse::Raw("HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n".into())
    });
    let error = fixture.failure();
    assert_eq!(error.status(), Status::UnexpectedResponse);
    assert!(error.message().contains("http://127.0.0.1:1/x"));
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn callers_wait_for_a_running_refresh_when_the_held_token_expires() {
    let fixture = fixture(token);
    fixture.value();
    fixture.server.hold();
    fixture.clock.advance(21 * HOUR);
    assert_eq!(fixture.value(), "token-1");
    fixture.eventually(|fixture| fixture.server.requests().len() == 2);
    fixture.clock.advance(3 * HOUR);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.value());
        fixture.eventually(|fixture| fixture.client.0.process.get().refreshes.waiters() == 1);
        fixture.server.release();
        assert_eq!(waiting.join().unwrap(), "token-2");
    });
    assert_eq!(fixture.server.requests().len(), 2, "they wait for the refresh that was under way");
}

#[test]
fn requests_are_seconds_apart_however_short_the_lifetime_is() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":1,"token_type":"Bearer"}}"#);
    let fixture = fixture(move |number| ScriptedResponse::json(200, &short(number)));
    let started = std::time::Instant::now();
    assert_eq!(fixture.value(), "token-1");
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.value(), "token-2");
    assert!(started.elapsed() >= Duration::from_millis(900), "the second one waits");
}

#[test]
fn callers_wait_for_the_next_token_in_the_last_seconds_of_the_held_one() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":300,"token_type":"Bearer"}}"#);
    let fixture = fixture(move |number| ScriptedResponse::json(200, &short(number)));
    fixture.value();
    fixture.clock.advance(Duration::from_secs(291));
    assert_eq!(fixture.value(), "token-2");
}
