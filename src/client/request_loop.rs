//! The token requests of one refresh: attempts, back-off between them, and the lock that is kept for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};

use super::refresh::RefreshTask;
use super::refresh_deadline::RefreshDeadline;
use crate::clock::BootTime;
use crate::counters::Event;
use crate::endpoint::{Failure, ProofRetries, TokenResponse, TokenSource};
use crate::exit::RequestGuard;
use crate::human;
use crate::random::jitter;
use crate::retry::Attempts;
use crate::store::{Locked, OPERATION_TIMEOUT, Saved, StoreError};
use crate::token::HeldToken;

/// How the requests of a refresh ended.
pub(super) enum Requested {
    Token {
        requested: BootTime,
        response: TokenResponse,
        /// Keeps the process from ending before the token is written.
        guard: RequestGuard,
    },
    Failed {
        failure: Failure,
        /// A token that this client cannot use, and others of the fleet can.
        token: Option<Arc<HeldToken>>,
    },
    /// Nothing was sent, because another process may have the lock.
    LockLost,
    /// Nothing was sent, because the cache does not take what must be known of a request before it is sent.
    NotAnnounced(StoreError),
}

impl Requested {
    fn failed(failure: Failure) -> Self {
        Self::Failed { failure, token: None }
    }
}

impl RefreshTask {
    /// Sends a request, again where that makes sense, and says so in the shared cache before, with the token that it lacks.
    pub(super) async fn send_requests(
        &self,
        mut lock: Option<&mut Locked<'_>>,
        unpublished: Option<&Arc<HeldToken>>,
    ) -> Requested {
        let endpoint = self.inner.endpoint(&self.process, &self.settings);
        self.keep_interval().await;
        let deadline = self.deadline.of_requests();
        let (mut attempts, mut proof_retries) = (Attempts::default(), ProofRetries::default());
        let mut last_failure = None;
        loop {
            if let Err(not_sent) = self.announce_request(lock.as_deref_mut(), unpublished).await {
                return last_failure.map_or(not_sent, Requested::failed);
            }
            let failure = match self.request_once(&*endpoint, deadline, &mut proof_retries).await {
                Ok(requested) => return requested,
                Err(failure) => failure,
            };
            let pause = attempts.pause(failure.kind, deadline.remaining(), jitter()).filter(|_| self.is_current());
            let Some(pause) = pause else { return Requested::failed(failure) };
            if let Some(lock) = lock.as_deref_mut()
                && lock.extend(self.deadline.lease(pause)).await != Ok(true)
            {
                // Another process may be sending a request by then.
                return Requested::failed(failure);
            }
            self.log_retry(&failure, pause);
            self.inner.count(Event::Retry);
            last_failure = Some(failure);
            time::sleep(pause).await;
        }
    }

    /// Says in the shared cache, if there is one, that a request is about to be sent. An error is why it must not be sent.
    async fn announce_request(
        &self,
        lock: Option<&mut Locked<'_>>,
        unpublished: Option<&Arc<HeldToken>>,
    ) -> Result<(), Requested> {
        let Some(lock) = lock else {
            self.record(|state, now| state.ledger.mark_in_flight(self.process.id, now));
            return Ok(());
        };
        let not_sent = match self.announce(lock, unpublished).await {
            Ok(true) => return Ok(()),
            Ok(false) => Requested::LockLost,
            Err(error) => Requested::NotAnnounced(error),
        };
        self.record(|state, now| {
            if state.ledger.in_flight.is_some() {
                state.ledger.clear_in_flight(now);
            }
        });
        Err(not_sent)
    }

    /// Sends one request. An error is a failure after which another request may make sense.
    async fn request_once(
        &self,
        endpoint: &dyn TokenSource,
        deadline: RefreshDeadline,
        proof_retries: &mut ProofRetries,
    ) -> Result<Requested, Failure> {
        let requested = self.inner.clock.now();
        let timeout = deadline.of_attempt();
        let guard = RequestGuard::new(deadline.lease(Duration::ZERO));
        // A server that refuses another token may repeat the one that it issued.
        endpoint.hide(self.inner.valid_token().map(|held| held.token().value().into()));
        let outcome = endpoint.request_token(timeout, proof_retries).await;
        endpoint.hide(None);
        let mut failure = match outcome {
            Ok(response) => return Ok(Requested::Token { requested, response, guard }),
            Err(failure) => failure,
        };
        drop(guard);
        if let Some(response) = failure.token.take() {
            let held = self.held_of(requested, &response);
            self.record(|state, now| state.ledger.record_issue(requested, now));
            return Ok(Requested::Failed { failure, token: Some(held) });
        }
        if failure.kind.may_have_cost_a_token() {
            self.record(|state, now| state.ledger.record_possibly_spent(requested, now));
            self.inner.count(Event::PossiblySpent);
        }
        Err(failure)
    }

    fn log_retry(&self, failure: &Failure, pause: Duration) {
        tracing::warn!(
            client = self.settings.request.client_id,
            status = failure.error.status().name(),
            request_id = failure.error.request_id(),
            "{}; trying again in {}",
            failure.error,
            human::span(pause)
        );
    }

    /// Waits until a further token for the same purpose may be requested, however short the lifetime of the last one was. The
    /// replacement of a rejected token does not wait.
    async fn keep_interval(&self) {
        let wait = self.record(|state, now| {
            let is_replacement = state.held.as_ref().is_some_and(|held| state.is_suspect(held));
            state.ledger.next_request().filter(|_| !is_replacement).map(|next| next.since(now))
        });
        time::sleep(wait.unwrap_or_default()).await;
    }

    /// Makes sure that the lock holds until the response to the next request, and says in the shared cache that the request is about
    /// to be sent. False if the lock was lost. Nothing is sent then, nor after an error.
    async fn announce(&self, lock: &mut Locked<'_>, unpublished: Option<&Arc<HeldToken>>) -> Result<bool, StoreError> {
        let lease = self.deadline.lease(Duration::ZERO);
        if !lock.extend(lease).await? {
            return Ok(false);
        }
        self.record(|state, now| state.ledger.mark_in_flight(self.process.id, now));
        let saved = self.save(lock, unpublished, Instant::now() + 2 * OPERATION_TIMEOUT).await?;
        if saved == Saved::LockLost {
            return Ok(false);
        }
        if lock.is_held_for(self.deadline.least_lease()) {
            return Ok(true);
        }
        // Writing took so long that the lease would end during the request.
        Ok(lock.extend(lease).await? && lock.is_held_for(self.deadline.least_lease()))
    }
}
