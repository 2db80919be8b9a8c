//! The authorization server: one token in 20 hours, whatever it is for.

use std::future::Future;
use std::pin::Pin;

use super::process::SimulatedProcess;
use super::*;
use crate::config::Settings;
use crate::endpoint::{Failure, ProofRetries, TokenResponse, TokenSource};
use crate::failure_kind::FailureKind;
use crate::token::TokenHash;

#[derive(Default)]
pub struct ServerState {
    pub issues: Vec<Duration>,
    /// The issues whose sender died before it had written them.
    pub lost: Vec<Duration>,
    /// The refusals that reached their sender, with the time before which the server grants no token.
    pub refused: Vec<(Duration, Duration)>,
    pub requests: Vec<Duration>,
    /// Requests that were sent inside a cool-down which a process had written.
    pub against_the_ledger: Vec<Duration>,
    /// When senders were stopped before they had written the outcome.
    pub stops: Vec<Duration>,
    /// When senders had a response and the store did not take the outcome.
    pub unwritten: Vec<Duration>,
    /// When senders died.
    pub deaths: Vec<Duration>,
    /// Credentials before this rotation are refused.
    pub oldest_credentials: usize,
}

impl ServerState {
    /// The response to a sender that `dies` before the response reaches it, or not.
    fn respond(&mut self, settings: &Settings, now: Duration, dies: bool) -> Result<TokenResponse, Failure> {
        use secrecy::ExposeSecret;
        let password = settings.request.password.expose_secret();
        if password.rsplit('-').next().unwrap().parse::<usize>().unwrap() < self.oldest_credentials {
            let error = Error::new(Status::CredentialsRefused, "former credentials");
            return Err(Failure::new(error, FailureKind::Refused));
        }
        let returns = self.issues.last().map(|&issued| issued + QUOTA);
        if let Some(returns) = returns.filter(|&returns| now < returns) {
            if !dies {
                self.refused.push((now, returns));
            }
            let error = Error::new(Status::QuotaRefused, "the daily limit");
            return Err(Failure::new(error, FailureKind::Quota { retry_after: None }));
        }
        self.issues.push(now);
        if dies {
            self.lost.push(now);
        }
        Ok(TokenResponse {
            access_token: format!("token-{}", self.issues.len()).into(),
            key: settings.binding.as_ref().map(|binding| binding.key.clone()),
            scope: "raas.all".into(),
            lifetime: DAY,
            proof_ignored: false,
        })
    }
}

impl Simulation {
    /// The outcome of a request that was sent at `sent` is known to its sender now.
    fn note_whether_writable(&self, sent: Duration) {
        let (store, now) = (self.store.lock().unwrap(), self.elapsed());
        if !store.is_writable(now) || store.failed_over.is_some_and(|time| time + MINUTE > sent) {
            self.server.lock().unwrap().unwritten.push(now);
        }
    }
}

pub(super) struct QuotaServer {
    pub process: Arc<SimulatedProcess>,
    pub settings: Settings,
}

impl QuotaServer {
    async fn respond(&self) -> Result<TokenResponse, Failure> {
        let (process, simulation) = (&self.process, &*self.process.simulation);
        let sent = simulation.elapsed();
        if sent < simulation.store.lock().unwrap().closed_until {
            simulation.server.lock().unwrap().against_the_ledger.push(sent);
        }
        let dies = simulation.happens(simulation.hazards.death);
        simulation.within(Duration::from_secs(1)).await;
        if dies && simulation.happens(0.3) {
            process.die_during_a_request();
        }
        process.pause_during_a_request().await;
        let result = {
            let now = simulation.elapsed();
            let mut server = simulation.server.lock().unwrap();
            server.requests.push(now);
            server.respond(&self.settings, now, dies)
        };
        if dies {
            process.die_during_a_request();
        }
        simulation.within(Duration::from_secs(1)).await;
        process.pause_during_a_request().await;
        simulation.note_whether_writable(sent);
        if let Ok(response) = &result {
            self.arrived(response);
        }
        result
    }

    fn arrived(&self, response: &TokenResponse) {
        use secrecy::ExposeSecret;
        let simulation = &self.process.simulation;
        if simulation.happens(simulation.hazards.write_refusal) {
            let lasts = Duration::from_secs(30).mul_f64(simulation.random());
            simulation.store.lock().unwrap().refuse_writes_until(simulation.elapsed() + lasts);
            simulation.server.lock().unwrap().unwritten.push(simulation.elapsed());
        }
        let hash = TokenHash::of(response.access_token.expose_secret());
        tokio::spawn(Arc::clone(&self.process).expect_in_the_store(self.settings.clone(), hash));
    }
}

impl TokenSource for QuotaServer {
    fn request_token<'a>(
        &'a self,
        _: Duration,
        _: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>> {
        Box::pin(self.respond())
    }
}
