//! The client against a real HTTP server on loopback, with a clock that the tests move.

mod authorize;
mod credentials;
mod dpop;
mod fleet;
mod fortnight;
mod memory_store;
mod modes;
mod rejected;
mod server;
mod simulation;
mod waiting;
mod week;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use super::*;
use crate::clock::manual::ManualClock;
use crate::error::Status;
use server::{ScriptedResponse, Server};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

struct Fixture {
    server: Server,
    clock: Arc<ManualClock>,
    client: Client,
}

/// A client of a server that answers its n-th request as `answer(n)` says.
fn bench(answer: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static) -> Fixture {
    bench_with(|_| {}, answer)
}

fn bench_with(
    adjust: impl FnOnce(&mut Config),
    answer: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static,
) -> Fixture {
    let server = Server::start(answer);
    let clock = Arc::new(ManualClock::new());
    let mut config = config_for(&server);
    adjust(&mut config);
    let client =
        Client::with_components(&config, Arc::clone(&clock) as Arc<dyn Clock>, Box::new(SystemComponents)).unwrap();
    Fixture { server, clock, client }
}

fn config_for(server: &Server) -> Config {
    let mut config = Config::new();
    config.token_url(server.url()).proxy("none").client_id("id").client_secret("the-secret");
    config.username("name").password("the-password");
    config
}

impl Fixture {
    fn value(&self) -> String {
        self.client.acquire().unwrap().value().to_owned()
    }

    fn failure(&self) -> Error {
        self.client.acquire().unwrap_err()
    }

    /// Waits for what the library does behind the callers' backs.
    fn eventually(&self, what: impl Fn(&Self) -> bool) {
        for _ in 0..4_000 {
            if what(self) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not happen within 20 seconds");
    }

    fn nothing_under_way(&self) -> bool {
        self.client.0.is_idle()
    }
}

fn token(number: usize) -> ScriptedResponse {
    ScriptedResponse::json(
        200,
        &format!(r#"{{"access_token":"token-{number}","expires_in":86400,"token_type":"Bearer"}}"#),
    )
}

#[test]
fn sixty_four_threads_on_an_empty_client_send_one_request() {
    let bench = bench(token);
    let ready = std::sync::Barrier::new(64);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                ready.wait();
                assert_eq!(bench.value(), "token-1");
            });
        }
    });
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn the_request_is_the_documented_one() {
    let bench = bench(token);
    bench.value();
    let request = bench.server.requests().remove(0);
    assert!(request.starts_with("POST /oauth/token HTTP/1.1\r\n"), "{request}");
    for header in ["content-type: application/x-www-form-urlencoded\r\n", "accept: application/json\r\n"] {
        assert!(request.contains(header), "{header} is not in {request}");
    }
    assert!(!request.contains("accept-encoding"), "no compression is asked for");
    assert!(request.ends_with(
        "\r\n\r\nclient_id=id&client_secret=the-secret&username=name&password=the-password&scope=raas.all\
         &audience=https%3A%2F%2Fapi.tangocard.com%2F&grant_type=password"
    ));
}

#[test]
fn a_held_token_is_served_until_its_window_and_then_renewed_behind_the_caller() {
    let bench = bench(token);
    assert_eq!(bench.value(), "token-1");
    bench.clock.advance(20 * HOUR);
    assert_eq!(bench.value(), "token-1");
    assert_eq!(bench.server.requests().len(), 1);

    bench.clock.advance(HOUR);
    assert_eq!(bench.value(), "token-1", "the caller does not wait for the refresh");
    bench.eventually(|bench| bench.value() == "token-2");
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn a_failed_refresh_keeps_serving_and_backs_off() {
    let bench = bench(|number| if number == 1 { token(1) } else { ScriptedResponse::text(401, "Unauthorized") });
    bench.value();
    bench.clock.advance(21 * HOUR);
    for requests in [2, 3] {
        assert_eq!(bench.value(), "token-1");
        bench.eventually(|bench| bench.server.requests().len() == requests && bench.nothing_under_way());
        for _ in 0..10 {
            assert_eq!(bench.value(), "token-1");
        }
        assert_eq!(bench.server.requests().len(), requests, "nothing is sent while it holds back");
        bench.clock.advance(HOUR / 4);
    }
    bench.clock.advance(3 * HOUR);
    assert_eq!(bench.failure().status(), Status::CredentialsRefused, "and the token is not served beyond its life");
}

#[test]
fn an_error_is_repeated_without_a_request_until_its_time() {
    let bench = bench(|number| if number == 1 { ScriptedResponse::text(401, "no") } else { token(number) });
    let first = bench.failure();
    let again = bench.failure();
    assert_eq!((first.status(), again.status()), (Status::CredentialsRefused, Status::CredentialsRefused));
    assert!(again.message().contains("nothing is sent"));
    assert_eq!(bench.server.requests().len(), 1);

    bench.clock.advance(again.retry_after().unwrap());
    assert_eq!(bench.value(), "token-2");
}

#[test]
fn the_daily_limit_is_a_cool_down_and_never_retried() {
    let bench = bench(|_| ScriptedResponse::text(400, "Client sandbox id has exceeded the daily rate limit"));
    assert_eq!(bench.failure().status(), Status::QuotaRefused);
    bench.clock.advance(HOUR.saturating_sub(Duration::from_secs(1)));
    let error = bench.failure();
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(Duration::from_secs(1))));
    assert_eq!(bench.server.requests().len(), 1);
    bench.clock.advance(Duration::from_secs(1));
    bench.failure();
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn after_a_lost_answer_the_quota_is_known_to_return_twenty_hours_later() {
    let bench = bench(|number| match number {
        1 => ScriptedResponse::Close,
        _ => ScriptedResponse::text(400, "Client sandbox id has exceeded the daily rate limit"),
    });
    let error = bench.failure();
    assert_eq!(bench.server.requests().len(), 2);
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(20 * HOUR + MINUTE)));
}

#[test]
fn a_connection_that_never_came_up_cannot_have_cost_a_token() {
    // It accepts, and never says a word of TLS; the attempt ends before the connection's own deadline does.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let bench = bench_with(
        move |config| {
            config.token_url(url).attempt_timeout(Duration::from_millis(50)).total_timeout(Duration::from_millis(200));
        },
        token,
    );
    let error = bench.failure();
    assert_eq!(error.status(), Status::TimedOut);
    assert!(error.message().starts_with("no connection to"), "{error}");
}

#[test]
fn a_request_of_unknown_outcome_is_repeated_once() {
    let bench = bench(|_| ScriptedResponse::Close);
    assert_eq!(bench.failure().status(), Status::ConnectionLost);
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    let bench = bench(|number| if number < 3 { ScriptedResponse::text(503, "") } else { token(number) });
    assert_eq!(bench.value(), "token-3");
}

#[test]
fn a_server_that_asks_for_more_time_than_there_is_gets_it() {
    let bench =
        bench(|_| ScriptedResponse::Raw("HTTP/1.1 503 Later\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n".into()));
    let error = bench.failure();
    assert_eq!((error.status(), error.retry_after()), (Status::ServerError, Some(HOUR / 6)));
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn a_token_ends_while_the_machine_sleeps() {
    let bench = bench(token);
    bench.value();
    bench.clock.sleep(DAY);
    assert_eq!(bench.value(), "token-2");
}

#[test]
fn a_wall_clock_set_wrong_neither_stretches_a_life_nor_costs_a_request() {
    let bench = bench(token);
    bench.value();
    bench.clock.set_wall_forward(2 * DAY);
    assert_eq!(bench.value(), "token-1");
    bench.clock.set_wall_back(5 * DAY);
    assert_eq!(bench.value(), "token-1");
    assert_eq!(bench.server.requests().len(), 1);
    bench.clock.advance(DAY);
    assert_eq!(bench.value(), "token-2");
}

#[test]
fn sleep_and_a_wall_clock_set_back_by_as_much_deceive_for_a_minute_at_most() {
    let bench = bench(token);
    bench.value();
    bench.clock.sleep(DAY);
    bench.clock.set_wall_back(DAY);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.value(), "token-2");
}

#[test]
fn who_gives_up_waiting_leaves_the_others_alone() {
    let bench = bench(token);
    bench.server.hold();
    let given_up = AtomicUsize::new(0);
    let waiter = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    thread::scope(|scope| {
        let patient = scope.spawn(|| bench.value());
        bench.eventually(|bench| bench.server.requests().len() == 1);
        waiter.block_on(async {
            for _ in 0..10 {
                let impatient = tokio::time::timeout(Duration::from_millis(1), bench.client.acquire_async());
                given_up.fetch_add(usize::from(impatient.await.is_err()), SeqCst);
            }
        });
        bench.server.release();
        assert_eq!(patient.join().unwrap(), "token-1");
    });
    assert_eq!(given_up.load(SeqCst), 10);
    assert_eq!(bench.server.requests().len(), 1);
    assert_eq!(waiter.block_on(bench.client.acquire_async()).unwrap().value(), "token-1");
}

#[test]
fn a_server_that_never_answers_costs_the_total_timeout_and_no_more() {
    let adjust = |config: &mut Config| {
        config.total_timeout(Duration::from_millis(300));
    };
    let bench =
        bench_with(adjust, |_| ScriptedResponse::After(Duration::from_secs(20), ScriptedResponse::Close.into()));
    let started = std::time::Instant::now();
    let error = bench.failure();
    assert_eq!(error.status(), Status::TimedOut);
    assert!(error.message().contains("did not answer in time"), "the flight's own words: {error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_a_server_echoes_comes_out_without_secrets() {
    let echo = "client_secret=the-secret&password=the-password";
    let bench =
        bench(move |_| ScriptedResponse::json(400, &format!(r#"{{"error":"invalid_request","message":"{echo}"}}"#)));
    let error = bench.failure();
    let shown = format!("{error} {error:?} {:?} {:?}", bench.client, bench.failure());
    assert!(
        shown.contains("[redacted]") && !shown.contains("the-secret") && !shown.contains("the-password"),
        "{shown}"
    );
}

#[test]
fn an_answer_that_never_ends_is_cut_off() {
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}", " ".repeat(100_000));
    let bench = bench(move |_| ScriptedResponse::Raw(endless.clone()));
    let error = bench.failure();
    assert_eq!(error.status(), Status::MalformedResponse);
    assert!(error.message().contains("64 KiB"));
}

#[test]
fn a_redirect_is_reported_and_never_followed() {
    let bench = bench(|_| {
        ScriptedResponse::Raw("HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n".into())
    });
    let error = bench.failure();
    assert_eq!(error.status(), Status::UnexpectedResponse);
    assert!(error.message().contains("http://127.0.0.1:1/x"));
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn a_token_that_expires_before_its_refresh_lands_makes_callers_wait() {
    let bench = bench(token);
    bench.value();
    bench.server.hold();
    bench.clock.advance(21 * HOUR);
    assert_eq!(bench.value(), "token-1");
    bench.eventually(|bench| bench.server.requests().len() == 2);
    bench.clock.advance(3 * HOUR);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.value());
        bench.eventually(|bench| bench.client.0.process.get().refreshes.waiters() == 1);
        bench.server.release();
        assert_eq!(waiting.join().unwrap(), "token-2");
    });
    assert_eq!(bench.server.requests().len(), 2, "they wait for the refresh that was under way");
}

#[test]
fn requests_are_seconds_apart_however_short_the_lifetime_is() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":1,"token_type":"Bearer"}}"#);
    let bench = bench(move |number| ScriptedResponse::json(200, &short(number)));
    let started = std::time::Instant::now();
    assert_eq!(bench.value(), "token-1");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.value(), "token-2");
    assert!(started.elapsed() >= Duration::from_millis(900), "the second one waits");
}

#[test]
fn callers_wait_for_the_next_token_in_the_last_seconds_of_the_held_one() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":300,"token_type":"Bearer"}}"#);
    let bench = bench(move |number| ScriptedResponse::json(200, &short(number)));
    bench.value();
    bench.clock.advance(Duration::from_secs(291));
    assert_eq!(bench.value(), "token-2");
}
