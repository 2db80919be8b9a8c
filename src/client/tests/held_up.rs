//! Responses that arrive while the library's thread is held up: a process is stopped, or a machine sleeps.

use tokio::time::{self, Instant};

use super::*;
use crate::clock::manual::ManualClock;
use crate::endpoint::{Failure, ProofRetries, TokenEndpoint, TokenResponse, TokenSource};
use crate::failure_kind::FailureKind;

const TIMEOUT: Duration = Duration::from_millis(300);

/// Requests a token on a thread that stops as soon as the server has the request, and continues after the deadline.
fn request_on_a_thread_that_stops(response: ScriptedResponse) -> Result<TokenResponse, Failure> {
    let response = ScriptedResponse::After(Duration::from_millis(50), response.into());
    let server = Server::start(move |_| response.clone());
    let clock = Arc::new(ManualClock::new());
    let mut config = config_for(&server);
    config.dpop(crate::dpop::DpopMode::Optional);
    let settings = config.resolve().unwrap();
    let endpoint = TokenEndpoint::new(&settings, &Arc::new(ServerClock::new(clock)), &Arc::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let continues = Instant::now() + 3 * TIMEOUT;
        tokio::spawn(async move {
            while server.requests().is_empty() {
                time::sleep(Duration::from_millis(1)).await;
            }
            thread::sleep(continues.saturating_duration_since(Instant::now()));
        });
        endpoint.request_token(TIMEOUT, &mut ProofRetries::default()).await
    })
}

#[test]
fn request_is_not_repeated_with_a_nonce_that_arrived_after_the_deadline() {
    let challenge =
        "HTTP/1.1 400 Bad Request\r\ndpop-nonce: one\r\ncontent-length: 26\r\n\r\n{\"error\":\"use_dpop_nonce\"}";
    let failure = request_on_a_thread_that_stops(ScriptedResponse::Raw(challenge.into())).err().unwrap();
    assert_eq!((failure.error.status(), failure.kind), (Status::TimedOut, FailureKind::NotSent));
}

#[test]
fn response_that_arrived_while_the_thread_was_held_up_is_read() {
    let response = request_on_a_thread_that_stops(token(1));
    assert!(response.is_ok_and(|response| !response.lifetime.is_zero()));
}

#[test]
fn body_that_arrived_while_the_thread_was_held_up_is_read() {
    // A body that never ends: what has come of it is too long.
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}", " ".repeat(100_000));
    let failure = request_on_a_thread_that_stops(ScriptedResponse::Raw(endless)).err().unwrap();
    assert_eq!(failure.error.status(), Status::MalformedResponse);
}

#[test]
fn server_that_never_responds_is_not_waited_for_though_the_thread_was_held_up() {
    let never = ScriptedResponse::After(Duration::from_secs(20), ScriptedResponse::Close.into());
    let failure = request_on_a_thread_that_stops(never).err().unwrap();
    assert_eq!((failure.error.status(), failure.kind), (Status::TimedOut, FailureKind::NoResponse));
}

#[test]
fn gateway_without_a_response_is_asked_once_more() {
    for gateway in [502, 504] {
        let fixture = fixture(move |_| ScriptedResponse::text(gateway, "upstream reset"));
        let error = fixture.failure();
        assert_eq!((error.status(), error.server_message()), (Status::ServerError, Some("upstream reset")));
        assert_eq!(fixture.server.requests().len(), 2, "HTTP {gateway}");
    }
}

#[test]
fn date_that_is_not_believed_is_not_compared_with_retry_after() {
    let soon = u64::try_from(ManualClock::new().wall_seconds()).unwrap() + 1;
    let soon = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(soon));
    let response = format!(
        "HTTP/1.1 503 Later\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: {soon}\r\n\
         content-length: 0\r\n\r\n"
    );
    let fixture =
        fixture(move |number| if number == 1 { ScriptedResponse::Raw(response.clone()) } else { token(number) });
    assert_eq!(fixture.value(), "token-2");
}
