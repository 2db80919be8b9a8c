//! The token endpoint (RFC 6749 section 3.2): one POST, and out of it a token or a typed error.

mod body;
mod refusal;
mod response;
mod transport;

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE};
use reqwest::{Body, Response, StatusCode};
use secrecy::ExposeSecret;
use tokio::task::spawn_blocking;
use tokio::time;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::config::{Settings, TokenRequest};
use crate::dpop::{Binding, Nonce, ServerClock};
use crate::error::{Error, Status};
use crate::failure_kind::FailureKind;
use crate::runtime::forbid_blocking;
use crate::secret::Redactor;

use body::{Sent, TrackedBody};
pub(crate) use response::TokenResponse;
use response::{Problem, RequestContext};

/// An answer of this endpoint has a few hundred bytes; what is longer is not one.
const LONGEST_BODY: usize = 64 * 1024;

/// Where tokens come from.
pub(crate) trait TokenSource: Send + Sync {
    /// Asks for one and waits for at most `timeout`. `proof_retries` is one and the same for all requests of a fetch.
    fn request_token<'a>(
        &'a self,
        timeout: Duration,
        proof_retries: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>>;
}

impl TokenSource for TokenEndpoint {
    fn request_token<'a>(
        &'a self,
        timeout: Duration,
        proof_retries: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>> {
        Box::pin(self.request(timeout, proof_retries))
    }
}

/// The server of one client's tokens. It keeps the connection for a request that follows soon.
pub(crate) struct TokenEndpoint {
    http: reqwest::Client,
    url: url::Url,
    form: Zeroizing<String>,
    requested_scope: String,
    documented_lifetime: Duration,
    binding: Option<Binding>,
    /// The newest that this server has sent.
    nonce: Nonce,
    server_clock: Arc<ServerClock>,
    redactor: Redactor,
}

/// Which of the reasons for a new proof were used up in a fetch.
#[derive(Default)]
pub(crate) struct ProofRetries {
    nonce: bool,
    clock: bool,
}

/// Why one request brought no token, and what that means for the next.
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
    /// Opens nothing and sends nothing.
    pub fn new(settings: &Settings, server_clock: &Arc<ServerClock>) -> Result<Self, Error> {
        Ok(Self {
            http: transport::http_client(settings)?,
            url: settings.token_url.clone(),
            form: form(&settings.request),
            requested_scope: settings.request.scope.clone(),
            documented_lifetime: settings.request.documented_lifetime,
            binding: settings.binding.clone(),
            nonce: Nonce::default(),
            server_clock: Arc::clone(server_clock),
            redactor: settings.redactor(),
        })
    }

    /// Sends the token request (RFC 6749 section 4.3.2) and waits for its answer for at most `timeout`.
    ///
    /// A server that refuses the proof gets the same request with a new one: once in a fetch if it sent a nonce (RFC
    /// 9449 section 8), once if its clock turns out to be another.
    async fn request(&self, timeout: Duration, proof_retries: &mut ProofRetries) -> Result<TokenResponse, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            let (nonce, iat, made) = (self.nonce.current(), self.server_clock.now(), self.server_clock.moment());
            let failure = match self.send(deadline, iat, nonce.clone()).await {
                Err(failure) if self.binding.is_some() && failure.error.status() == Status::ProofRefused => failure,
                outcome => return outcome,
            };
            let (used_up, is_new) = if failure.kind == FailureKind::NonceWanted {
                (&mut proof_retries.nonce, self.nonce.current() != nonce)
            } else {
                (&mut proof_retries.clock, self.server_clock.disagrees_with(iat, made, self.server_clock.now()))
            };
            if mem::replace(used_up, true) || !is_new {
                return Err(failure);
            }
        }
    }

    async fn send(&self, deadline: Instant, iat: i64, nonce: Option<Arc<String>>) -> Result<TokenResponse, Failure> {
        let sent = Sent::default();
        let left = || deadline.saturating_duration_since(Instant::now());
        let proof = self.proof(left(), iat, nonce).await?;
        let form = Bytes::from_owner(Zeroizing::new(self.form.as_bytes().to_vec()));
        let mut request = self
            .http
            .post(self.url.clone())
            .timeout(left())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(Body::wrap(TrackedBody::new(form, sent.clone())));
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        let sent_at = self.server_clock.moment();
        let mut response = request.send().await.map_err(|error| self.unanswered(error, &sent))?;
        self.nonce.adopt(response.headers());
        if let Some(date) = response.headers().get(DATE).and_then(|date| date.to_str().ok()) {
            self.server_clock.learn(date, sent_at, self.server_clock.now());
        }
        let status = response.status();
        let body = match read_body(&mut response).await {
            Ok(body) => body,
            // What a refusal says is useful but not needed to know that it is one.
            Err(_) if status != StatusCode::OK => Zeroizing::default(),
            Err(Interrupted::TooLong) => return Err(self.unusable(&response, "is longer than 64 KiB".into())),
            Err(Interrupted::Broken(error)) => return Err(self.unanswered(error, &sent)),
        };
        if status == StatusCode::OK {
            let asked = RequestContext {
                scope: &self.requested_scope,
                documented_lifetime: self.documented_lifetime,
                binding: self.binding.as_ref(),
            };
            response::parse(&body, &asked).map_err(|problem| self.unusable(&response, problem))
        } else {
            Err(refusal::classify(status, response.headers(), &body, &self.redactor))
        }
    }

    /// A proof for one token request, with the newest nonce of this server.
    async fn proof(&self, timeout: Duration, iat: i64, nonce: Option<Arc<String>>) -> Result<Option<String>, Failure> {
        let Some(Binding { key, .. }) = &self.binding else { return Ok(None) };
        let (key, url) = (key.clone(), self.url.clone());
        let in_this_process = key.is_in_this_process();
        let prove = move || key.proof_at(iat, "POST", url.as_str(), None, nonce.as_deref().map(String::as_str));
        // A key service may take its time; the library's thread has others to serve meanwhile.
        let proof = if in_this_process {
            prove()
        } else {
            let failed = |how: &str| Err(Error::new(Status::SigningFailed, format!("the signer of this key {how}")));
            match time::timeout(timeout, spawn_blocking(|| forbid_blocking(prove))).await {
                Ok(Ok(proof)) => proof,
                Ok(Err(_)) => failed("ended unexpectedly"),
                Err(_) => failed("made no signature in time"),
            }
        };
        proof.map(Some).map_err(|error| Failure::new(error, FailureKind::NotTrusted))
    }

    fn unanswered(&self, error: reqwest::Error, sent: &Sent) -> Failure {
        // What the URL's query holds is nobody's business.
        transport::failure(&error.without_url(), sent.is_true(), &self.url, &self.redactor)
    }

    fn unusable(&self, response: &Response, problem: Problem) -> Failure {
        response::unusable(response.headers(), problem, &self.redactor)
    }
}

/// The request's body, encoded as RFC 6749 appendix B says.
fn form(request: &TokenRequest) -> Zeroizing<String> {
    let fields = [
        ("client_id", request.client_id.as_str()),
        ("client_secret", request.client_secret.expose_secret()),
        ("username", &request.username),
        ("password", request.password.expose_secret()),
        ("scope", &request.scope),
        ("audience", &request.audience),
        ("grant_type", "password"),
    ];
    // Sized before it is filled: a growing string would leave copies of the secrets behind.
    let longest = fields.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(longest));
    Zeroizing::new(form.extend_pairs(fields).finish())
}

enum Interrupted {
    TooLong,
    Broken(reqwest::Error),
}

/// Reads to the end, because only a connection whose answer was read can serve the next request.
async fn read_body(response: &mut Response) -> Result<Zeroizing<Vec<u8>>, Interrupted> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(chunk) = response.chunk().await.map_err(Interrupted::Broken)? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(Interrupted::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_exact() {
        let request = TokenRequest {
            client_id: "id".into(),
            client_secret: "a+b&c=d%e f".into(),
            username: "ünï".into(),
            password: "*-._~\n".into(),
            scope: "raas.all".into(),
            audience: "https://api.tangocard.com/".into(),
            documented_lifetime: Duration::ZERO,
            quota: crate::policy::Quota::Daily,
        };
        assert_eq!(
            form(&request).as_str(),
            "client_id=id&client_secret=a%2Bb%26c%3Dd%25e+f&username=%C3%BCn%C3%AF&password=*-._%7E%0A\
             &scope=raas.all&audience=https%3A%2F%2Fapi.tangocard.com%2F&grant_type=password"
        );
    }
}
