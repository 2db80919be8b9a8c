//! The token endpoint (RFC 6749 section 3.2): sends one POST and returns a token or a typed error.

mod body;
mod connector;
mod daily_limit;
mod dialer;
mod error_body;
mod form;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod headers;
mod http_client;
mod json;
mod lifetime;
mod markup;
mod meaning;
mod outcome;
mod probe;
mod proof_refusal;
mod proxy;
mod proxy_failure;
mod received;
mod refusal;
mod repair;
mod resolver;
mod response;
mod response_body;
mod scope;
mod text;
mod token_type;
mod transport;

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::clock::BootTime;
use crate::config::Settings;
use crate::counters::{Counters, Event};
use crate::deadline;
use crate::dpop::{Binding, Nonce, ServerClock};
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::human::milliseconds_since;
use crate::secret::Redactor;

use body::{Sent, TrackedBody};
use http_client::HttpClient;
pub(crate) use probe::{Negotiated, Probe};
use received::RequestContext;
pub(crate) use response::TokenResponse;
use response_body::{End, MAX_LENGTH, PartialBody};

/// The source of tokens, which tests replace.
pub(crate) trait TokenSource: Send + Sync {
    /// Requests a token and waits at most `timeout`. All requests of a refresh share one `proof_retries`.
    fn request_token<'a>(
        &'a self,
        timeout: Duration,
        proof_retries: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>>;

    /// Notes the token that the client holds, which no error may repeat.
    fn hide(&self, _held_token: Option<SecretString>) {}
}

impl TokenSource for TokenEndpoint {
    fn request_token<'a>(
        &'a self,
        timeout: Duration,
        proof_retries: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>> {
        Box::pin(self.request(timeout, proof_retries))
    }

    fn hide(&self, held_token: Option<SecretString>) {
        self.held_token.store(held_token.map(Arc::new));
    }
}

/// The token endpoint of one client. It keeps its connection for a short time, for a retry.
pub(crate) struct TokenEndpoint {
    http: HttpClient,
    url: url::Url,
    client_id: String,
    form: Zeroizing<String>,
    requested_scope: String,
    documented_lifetime: Duration,
    binding: Option<Binding>,
    /// The newest nonce from this server.
    nonce: Nonce,
    server_clock: Arc<ServerClock>,
    /// Knows the configured secrets.
    redactor: Redactor,
    held_token: ArcSwapOption<SecretString>,
    counters: Arc<Counters>,
}

/// The reasons for a new proof that were used in a refresh. Each may be used once.
#[derive(Default)]
pub(crate) struct ProofRetries {
    nonce: bool,
    clock: bool,
}

/// The reason why a request returned no token, and its kind, which decides about the next request.
#[derive(Debug)]
pub(crate) struct Failure {
    pub error: Error,
    pub kind: FailureKind,
    /// A token that came although it is not what was asked for. Other clients of the fleet can use it.
    pub token: Option<Box<TokenResponse>>,
}

impl Failure {
    pub fn new(error: Error, kind: FailureKind) -> Self {
        Self { error, kind, token: None }
    }
}

impl TokenEndpoint {
    /// Opens no connection and sends nothing.
    pub fn new(settings: &Settings, server_clock: &Arc<ServerClock>, counters: &Arc<Counters>) -> Self {
        Self {
            http: HttpClient::new(settings),
            url: settings.token_url.clone(),
            client_id: settings.request.client_id.clone(),
            form: form::encoded(&settings.request),
            requested_scope: settings.request.scope.clone(),
            documented_lifetime: settings.request.documented_lifetime,
            binding: settings.binding.clone(),
            nonce: Nonce::default(),
            server_clock: Arc::clone(server_clock),
            redactor: settings.redactor(),
            held_token: ArcSwapOption::empty(),
            counters: Arc::clone(counters),
        }
    }

    /// Sends the token request (RFC 6749 section 4.3.2) and waits at most `timeout` for the response.
    ///
    /// If the server refuses the proof, the request is repeated with a new one: once in a refresh if the server sent a
    /// nonce (RFC 9449 section 8), and once if the server's clock turned out to differ.
    async fn request(&self, timeout: Duration, proof_retries: &mut ProofRetries) -> Result<TokenResponse, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            let (nonce, iat, made_at) = (self.nonce.current(), self.server_clock.now(), self.server_clock.boot_time());
            let failure = match self.send_counted(deadline, iat, nonce.clone()).await {
                Err(failure) if self.binding.is_some() && failure.error.status() == Status::ProofRefused => failure,
                outcome => return outcome,
            };
            let (was_used, is_new) = if failure.kind == FailureKind::NonceWanted {
                (&mut proof_retries.nonce, self.nonce.current() != nonce)
            } else {
                (&mut proof_retries.clock, self.server_clock.disagrees_with(iat, made_at, self.server_clock.now()))
            };
            if mem::replace(was_used, true) || !is_new {
                return Err(failure);
            }
            // This process may have been stopped meanwhile: what is sent now has no time for its response.
            if Instant::now() >= deadline {
                let message = "no time was left to repeat the request with a new DPoP proof; ask again";
                return Err(Failure::new(Error::new(Status::TimedOut, message), FailureKind::NotSent));
            }
        }
    }

    /// Sends the request and counts what became of it.
    async fn send_counted(
        &self,
        deadline: Instant,
        iat: i64,
        nonce: Option<Arc<String>>,
    ) -> Result<TokenResponse, Failure> {
        let start = Instant::now();
        let outcome = self.send(deadline, iat, nonce).await;
        self.counters.record_duration(start.elapsed());
        match &outcome {
            // A token of another kind than the client asked for was issued all the same.
            Err(failure) if failure.token.is_none() => {
                self.counters.add(Event::of_failure(failure.kind));
                if failure.kind == FailureKind::NonceWanted {
                    self.counters.add(Event::NonceChallengeOfEndpoint);
                }
            }
            _ => self.counters.add(Event::RequestIssued),
        }
        outcome
    }

    async fn send(&self, deadline: Instant, iat: i64, nonce: Option<Arc<String>>) -> Result<TokenResponse, Failure> {
        let (sent, redactor) = (Sent::default(), self.redactor());
        let request = self.http_request(self.proof(deadline, iat, nonce).await?, &sent);
        let (start, sent_at) = (std::time::Instant::now(), self.server_clock.boot_time());
        let (client, dpop) = (&self.client_id, self.binding.is_some());
        tracing::debug!(client, dpop, "a token request is sent to {}", transport::server(&self.url));
        // Not the timeout of the HTTP client, which looks at its clock before it looks at the response.
        let timed_out = || self.http.timed_out(sent.is_true());
        let response = deadline::until(deadline, self.http.send(request)).await.ok_or_else(timed_out)?;
        let mut response = response.map_err(|error| self.http.failure(&*error, sent.is_true(), &redactor))?;
        if let Some(failure) = self.http.refused_by_proxy(&response, &redactor) {
            return Err(failure);
        }
        if response.version() == Version::HTTP_09 {
            let beginning = response_body::read_beginning(&mut response, deadline).await;
            return Err(transport::not_http(&beginning, &self.url, &redactor));
        }
        self.counters.add(Event::of_response(response.status().as_u16()));
        self.log_response(&response, start, &redactor);
        let now = self.learn(response.headers(), sent_at);
        let body = response_body::read(&mut response, deadline).await;
        self.read(&response, body, now, &redactor)
    }

    /// Reads a response. What arrived of its body is used, although it may have been cut off or announced with a wrong
    /// length.
    fn read(
        &self,
        response: &Response,
        body: PartialBody,
        now: i64,
        redactor: &Redactor,
    ) -> Result<TokenResponse, Failure> {
        let (status, headers) = (response.status(), response.headers());
        let bytes = match response_body::decode(body.bytes, headers) {
            Ok(bytes) => bytes,
            Err(coding) if status.is_success() => return Err(self.unusable(response, coding.problem(), redactor)),
            Err(coding) => Zeroizing::new(format!("a body that {}", coding.problem()).into()),
        };
        let is_too_long = matches!(body.end, End::TooLong) || bytes.len() > MAX_LENGTH;
        let server = transport::server(&self.url);
        let context = RequestContext {
            server: &server,
            scope: &self.requested_scope,
            documented_lifetime: self.documented_lifetime,
            binding: self.binding.as_ref(),
            redactor,
        };
        let outcome = outcome::read(status, headers, &bytes, now, &context);
        let is_malformed = outcome.as_ref().is_err_and(|failure| failure.error.status() == Status::MalformedResponse);
        match body.end {
            End::Broken(error) if is_malformed => {
                Err(transport::broken_body(&error, status.as_u16(), &self.url, redactor))
            }
            End::TimedOut if is_malformed => Err(transport::timed_out(true, &self.url)),
            // A response of this length is another server's, whatever it begins with.
            _ if is_too_long && (is_malformed || outcome.is_ok()) => {
                Err(self.unusable(response, "is longer than 64 KiB", redactor))
            }
            _ => outcome,
        }
    }

    /// Returns the failure of a response whose body is not read.
    fn unusable(&self, response: &Response, problem: &'static str, redactor: &Redactor) -> Failure {
        let said = ServerResponse {
            http_status: Some(response.status().as_u16()),
            request_id: headers::request_id(response.headers(), redactor),
            ..ServerResponse::default()
        };
        response::unusable(problem.into(), said, &transport::server(&self.url))
    }

    /// Returns a redactor that knows the configured secrets and the token that is held.
    fn redactor(&self) -> Redactor {
        match &*self.held_token.load() {
            Some(token) => self.redactor.clone().with(token.expose_secret()),
            None => self.redactor.clone(),
        }
    }

    /// Learns the nonce and the clock of the server from a response. Returns the server's time.
    fn learn(&self, headers: &HeaderMap, sent_at: BootTime) -> i64 {
        self.nonce.adopt(headers);
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date {
            self.server_clock.learn(date, sent_at, self.server_clock.now());
        }
        self.server_clock.time_of(date)
    }

    fn log_response(&self, response: &Response, start: std::time::Instant, redactor: &Redactor) {
        tracing::debug!(
            client = self.client_id,
            http_status = response.status().as_u16(),
            ms = milliseconds_since(start),
            request_id = headers::request_id(response.headers(), redactor),
            "the token endpoint responded"
        );
    }

    fn http_request(&self, proof: Option<HeaderValue>, sent: &Sent) -> Request {
        let form = Bytes::from_owner(Zeroizing::new(self.form.as_bytes().to_vec()));
        let mut request = self.http.request(Method::POST);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(proof) = proof {
            headers.insert(HeaderName::from_static("dpop"), proof);
        }
        *request.body_mut() = Some(Body::wrap(TrackedBody::new(form, sent.clone())));
        request
    }

    /// Returns the proof for one token request, if the client sends proofs.
    async fn proof(
        &self,
        deadline: Instant,
        iat: i64,
        nonce: Option<Arc<String>>,
    ) -> Result<Option<HeaderValue>, Failure> {
        let Some(Binding { key, .. }) = &self.binding else { return Ok(None) };
        let (key, url) = (key.clone(), self.url.clone());
        let workers = key.workers().cloned();
        let prove = move || key.proof_at(iat, "POST", url.as_str(), None, nonce.as_deref().map(String::as_str));
        let proof = match workers {
            None => prove(),
            // A custom signer may be slow, and must not delay other tasks of the library's thread.
            Some(workers) => match deadline::until(deadline, workers.run(prove)).await {
                Some(Ok(proof)) => proof,
                Some(Err(problem)) => signer_failed(&problem),
                None => signer_failed(&"it did not return a signature in time"),
            },
        };
        let header = |proof: String| {
            HeaderValue::try_from(proof).map_err(|error| Error::new(Status::Internal, error.to_string()))
        };
        let proof = proof.and_then(header).map_err(|error| Failure::new(error, FailureKind::NotTrusted))?;
        self.counters.add(Event::ProofForEndpoint);
        Ok(Some(proof))
    }
}

fn signer_failed<T>(problem: &dyn fmt::Display) -> Result<T, Error> {
    Err(Error::new(Status::SigningFailed, format!("the signer of the DPoP key failed: {problem}")))
}

#[cfg(test)]
mod wire_tests;
