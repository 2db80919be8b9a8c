//! Callers that do not wait, give up, or wait for a thread that hangs or dies.

use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Waker};

use super::*;
use crate::clock::manual::ManualClock;
use crate::dpop::{Algorithm, DpopKey, DpopMode};
use crate::endpoint::{Failure, ProofRetries, TokenResponse, TokenSource};
use crate::runtime::Runtime;
use crate::store::{Names, Store};

#[test]
fn held_token_is_served_without_waiting_and_refreshed_when_that_is_due() {
    let fixture = fixture(token);
    fixture.value();
    let held = || fixture.client.try_acquire().map(|token| token.value().to_owned());
    assert_eq!(held().as_deref(), Some("token-1"));
    fixture.clock.advance(21 * HOUR);
    assert_eq!(held().as_deref(), Some("token-1"), "still valid");
    fixture.eventually(|_| held().as_deref() == Some("token-2"));
    fixture.clock.advance(25 * HOUR);
    assert_eq!(held(), None, "it has expired");
    fixture.eventually(|_| held().as_deref() == Some("token-3"));
    assert_eq!(fixture.server.requests().len(), 3);
}

#[test]
fn refused_client_holds_nothing_and_sends_nothing_when_it_is_asked_without_waiting() {
    let fixture = fixture(|_| ScriptedResponse::json(401, r#"{"error":"invalid_client"}"#));
    let status = fixture.failure().status();
    for _ in 0..20 {
        assert!(fixture.client.try_acquire().is_none());
    }
    assert_eq!(fixture.failure().status(), status, "a caller that waits is told why");
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn dropped_futures_leave_no_waiter() {
    let fixture = fixture(token);
    fixture.server.hold();
    let patient = fixture.client.acquire_async();
    for _ in 0..1_000 {
        let mut impatient = pin!(fixture.client.acquire_async());
        assert!(impatient.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(fixture.client.0.process.get().refreshes.waiters(), 0, "gone at once");
    fixture.server.release();
    let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(executor.block_on(patient).unwrap().value(), "token-1");
}

/// More than the threads on which anything else is waited for.
const SIGNERS: usize = 24;

#[test]
fn signers_that_hang_keep_no_other_client_waiting() {
    let (release, hanging) = mpsc::channel::<()>();
    let hanging = Arc::new(std::sync::Mutex::new(hanging));
    let (entered, has_entered) = mpsc::channel();
    let own = DpopKey::generate(Algorithm::Es256).unwrap();
    let bound: Vec<_> = (0..SIGNERS)
        .map(|_| {
            let (inner, hanging, entered) = (own.clone(), Arc::clone(&hanging), entered.clone());
            let is_trial = std::sync::atomic::AtomicBool::new(true);
            let key = DpopKey::from_signer(Algorithm::Es256, own.public_jwk(), move |message| {
                if !is_trial.swap(false, SeqCst) {
                    entered.send(()).unwrap();
                    let _ = hanging.lock().unwrap().recv();
                }
                Ok(inner.sign_for_test(message))
            });
            let key = key.unwrap();
            let adjust = |config: &mut Config| {
                config.dpop(DpopMode::Required).dpop_key(key);
            };
            fixture_with(adjust, token)
        })
        .collect();
    let pending: Vec<_> = bound.iter().map(|fixture| begun(fixture.client.acquire_async())).collect();
    (0..SIGNERS).for_each(|_| has_entered.recv_timeout(Duration::from_secs(20)).unwrap());

    let other = fixture(token);
    let mut by_name = config_for(&other.server);
    by_name.token_url(other.server.url().replace("127.0.0.1", "localhost")).total_timeout(Duration::from_secs(20));
    let client = Client::new(&by_name).unwrap();
    assert_eq!(client.acquire().unwrap().value(), "token-1");
    drop((pending, release));
}

fn begun<T>(future: impl Future<Output = T> + Send + 'static) -> Pin<Box<dyn Future<Output = T> + Send>> {
    let mut future: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    future
}

/// A defect in the middle of a request.
struct Defect;

impl TokenSource for Defect {
    fn request_token<'a>(
        &'a self,
        _: Duration,
        _: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>> {
        Box::pin(async { panic!("on purpose") })
    }
}

impl Components for Defect {
    fn endpoint(&self, _: &Settings, _: &Arc<ServerClock>, _: &Arc<Counters>) -> Arc<dyn TokenSource> {
        Arc::new(Self)
    }

    fn store(&self, _: &Settings, _: &Names, _: &Arc<Counters>) -> Option<Box<dyn Store>> {
        None
    }

    fn runtime(&self) -> Result<Runtime, Error> {
        Runtime::current()
    }

    fn running(&self) -> Option<Runtime> {
        Runtime::running()
    }
}

#[test]
fn request_whose_task_ended_is_remembered_as_possibly_spent() {
    let server = Server::start(token);
    let client = Client::with_components(&config_for(&server), Arc::new(ManualClock::new()), Box::new(Defect)).unwrap();
    assert_eq!(client.acquire().unwrap_err().status(), Status::Internal);
    let snapshot = client.0.snapshot.load();
    let ledger = &snapshot.current().ledger;
    assert!(ledger.possibly_spent.is_some() && ledger.in_flight.is_none());
}
