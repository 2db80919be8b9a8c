//! The headers of one API call, and what the client learns from its response.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use secrecy::{ExposeSecret, SecretString};

use super::Client;
use crate::api::{Challenges, Origin, Refusal};
use crate::clock::BootTime;
use crate::dpop::{DpopKey, NonceHeader, check_method, is_nonce};
use crate::error::{Error, ServerResponse, Status};
use crate::nul_terminated::without_nul;
use crate::secret::Redactor;
use crate::token::Token;

/// How often a request is sent again because other requests used up the nonce of its proof.
const MAX_NONCE_RETRIES: u8 = 8;

/// Requires a proof with the nonce of this response (RFC 9449 section 9).
const USE_DPOP_NONCE: &str = "use_dpop_nonce";

/// The headers of one request to an API: `Authorization`, and `DPoP` for a token that is bound to a key.
///
/// It is good for one request. Pass it to `observe` with the response.
pub struct Authorization {
    /// With a NUL at its end, so that C borrows it as it is.
    header: SecretString,
    /// With a NUL at its end.
    proof: Option<String>,
    /// The nonce of a refusal, for the next attempt of this request alone.
    own_nonce: OnceLock<String>,
    call: Call,
    token: Token,
}

/// The request that an authorization is for.
#[derive(Clone)]
struct Call {
    method: String,
    url: String,
    origin: Arc<Origin>,
    number: u64,
    nonce: Option<String>,
    iat: i64,
    made: BootTime,
    /// How often the request was sent before.
    retries: u8,
    /// The number of its first attempt.
    first: u64,
}

/// What the next attempt of a request has to know of the last one.
struct Attempt {
    retries: u8,
    first: u64,
    nonce: Option<String>,
}

impl Attempt {
    fn after(refused: &Authorization) -> Self {
        let call = &refused.call;
        Self { retries: call.retries.saturating_add(1), first: call.first, nonce: refused.own_nonce.get().cloned() }
    }
}

impl Call {
    /// Whether other requests to the same origin were under way with this one, and may have used its nonce.
    fn is_contended(&self) -> bool {
        self.number != self.first + u64::from(self.retries) || self.origin.last_number() != self.number
    }
}

/// The response of an API, as far as it concerns the token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observation<'a> {
    /// The HTTP status. Some servers send one that HTTP does not have, such as 999 or 0: that is the program's concern.
    pub http_status: u16,
    /// The `DPoP-Nonce` header, if there is one. Pass it for every response, a successful one too.
    pub dpop_nonce: Option<&'a str>,
    /// The `WWW-Authenticate` header, if there is one; several joined by `, `. It is read up to 64 KiB.
    pub www_authenticate: Option<&'a str>,
    /// The `Date` header, if there is one.
    pub date: Option<&'a str>,
}

/// What to do after a response of an API. Giving up is an error, whose message says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Verdict {
    /// The response is for the program: the API accepted the token and the proof, or did not check them.
    Done = 1,
    /// Send the request once more, with `authorize_again`: a nonce, a clock or a token was learned.
    Retry = 2,
}

impl Client {
    /// The headers of one call of the API: acquires a token if none is held, and makes a proof if it is bound to a key.
    ///
    /// `method` as it is sent, `url` where it goes. A URL whose origin is neither the API's nor was allowed is refused,
    /// so that no token is sent to a wrong host by mistake.
    pub fn authorize(&self, method: &str, url: &str) -> Result<Authorization, Error> {
        self.authorization(method, url, None)
    }

    /// The headers for sending the same request once more, after [`Verdict::Retry`]. Go on while that is the verdict:
    /// it ends, usually after one retry, and after a few if other requests use up the API's nonces meanwhile.
    pub fn authorize_again(&self, refused: &Authorization) -> Result<Authorization, Error> {
        self.authorization(&refused.call.method, &refused.call.url, Some(Attempt::after(refused)))
    }

    /// The same as [`authorize`](Self::authorize) without blocking, on any executor. Dropping the future gives up
    /// waiting and disturbs nobody else.
    pub fn authorize_async(
        &self,
        method: &str,
        url: &str,
    ) -> impl Future<Output = Result<Authorization, Error>> + Send + 'static {
        self.authorization_async(method, url, None)
    }

    /// The same as [`authorize_again`](Self::authorize_again) without blocking.
    pub fn authorize_again_async(
        &self,
        refused: &Authorization,
    ) -> impl Future<Output = Result<Authorization, Error>> + Send + 'static {
        self.authorization_async(&refused.call.method, &refused.call.url, Some(Attempt::after(refused)))
    }

    fn authorization(&self, method: &str, url: &str, attempt: Option<Attempt>) -> Result<Authorization, Error> {
        let origin = self.destination(method, url)?;
        self.headers(origin, method, url, self.acquire()?, attempt)
    }

    fn authorization_async(
        &self,
        method: &str,
        url: &str,
        attempt: Option<Attempt>,
    ) -> impl Future<Output = Result<Authorization, Error>> + Send + 'static {
        let (client, method, url) = (self.clone(), method.to_owned(), url.to_owned());
        async move {
            let origin = client.destination(&method, &url)?;
            let token = client.acquire_async().await?;
            client.headers(origin, &method, &url, token, attempt)
        }
    }

    /// What the caller gives is checked first: a mistake there must not cost a token.
    fn destination(&self, method: &str, url: &str) -> Result<Arc<Origin>, Error> {
        check_method(method)?;
        self.0.origins.of(url).map(Arc::clone)
    }

    fn headers(
        &self,
        origin: Arc<Origin>,
        method: &str,
        url: &str,
        token: Token,
        attempt: Option<Attempt>,
    ) -> Result<Authorization, Error> {
        // The nonce first: it then comes from an earlier request, and the response to this one replaces it.
        let newest_nonce = origin.nonce();
        let number = origin.number_request();
        let Attempt { retries, first, nonce } = attempt.unwrap_or(Attempt { retries: 0, first: number, nonce: None });
        let nonce = nonce.or(newest_nonce);
        let (iat, made) = (self.time_at(&origin), origin.clock.boot_time());
        let prove = |key: &DpopKey| key.proof_at(iat, method, url, Some(token.value()), nonce.as_deref());
        let proof = token.dpop_key().map(prove).transpose()?.map(|proof| proof + "\0");
        let call = Call { method: method.into(), url: url.into(), origin, number, nonce, iat, made, retries, first };
        // Sized before it is filled: a growing string would leave copies of the secret behind.
        let mut header = String::with_capacity(token.token_type().len() + token.value().len() + 2);
        for part in [token.token_type(), " ", token.value(), "\0"] {
            header.push_str(part);
        }
        Ok(Authorization { header: header.into(), proof, own_nonce: OnceLock::new(), call, token })
    }

    /// Until an API has told its time, the authorization server's is the best guess.
    fn time_at(&self, origin: &Origin) -> i64 {
        origin.clock.known().unwrap_or_else(|| self.0.server_clock.now())
    }

    /// Learns from an API's response, and says whether to send the request once more.
    ///
    /// A nonce and the server's clock are learned from every response. A token that was rejected as `invalid_token` becomes
    /// suspect. An error is a refusal that sending the request again would not change, and says why.
    pub fn observe(&self, authorization: &Authorization, response: &Observation<'_>) -> Result<Verdict, Error> {
        let call = &authorization.call;
        let origin = &call.origin;
        let header = response.www_authenticate.filter(|_| response.http_status == 401);
        let challenges = Challenges::read(header.unwrap_or_default());
        let code = challenges.refusal.as_ref().map(|refusal| refusal.error.as_str());
        if let Some(nonce) = response.dpop_nonce {
            authorization.learn_nonce(nonce, code);
        }
        if let Some(date) = response.date
            && origin.clock.learn(date, call.made, self.time_at(origin))
        {
            self.0.share_clocks();
        }
        if response.http_status != 401 {
            if (200..400).contains(&response.http_status) {
                self.0.accept(&authorization.token);
            }
            return Ok(Verdict::Done);
        }
        let may_succeed = self.may_succeed(authorization, code);
        let client = &self.0.settings.load().request.client_id;
        tracing::debug!(
            client,
            api = origin.name(),
            http_status = 401,
            retry = may_succeed,
            "an API refused a request"
        );
        if may_succeed {
            return Ok(Verdict::Retry);
        }
        let redactor = self.redactor(&authorization.token);
        Err(match challenges.refusal {
            Some(refusal) => self.given_up(&refusal, response.dpop_nonce, &redactor),
            None => without_reason(&redactor.clean(header.unwrap_or_default()), challenges.is_valid),
        })
    }

    /// Whether the request, refused with this error code, may succeed with a new proof or another token. Marks a token that was
    /// rejected as suspect.
    fn may_succeed(&self, authorization: &Authorization, code: Option<&str>) -> bool {
        let (call, has_proof) = (&authorization.call, authorization.proof.is_some());
        let origin = &call.origin;
        let is_first = call.retries == 0;
        if code == Some(USE_DPOP_NONCE) {
            // One retry; more only where another request can have used up the nonce of this one.
            let may_repeat = is_first || (call.retries < MAX_NONCE_RETRIES && call.is_contended());
            let next = authorization.own_nonce.get().cloned().or_else(|| origin.nonce());
            return has_proof && may_repeat && next != call.nonce;
        }
        // Some APIs respond to a proof with a wrong time as if the token were at fault.
        if is_first && has_proof && origin.clock.disagrees_with(call.iat, call.made, self.time_at(origin)) {
            return true;
        }
        if code != Some("invalid_token") {
            return false;
        }
        self.invalidate(&authorization.token);
        is_first && self.0.can_replace(&authorization.token)
    }

    /// Returns a redactor that knows the configured secrets, the token that was sent, and the one that is held.
    fn redactor(&self, sent: &Token) -> Redactor {
        let redactor = self.0.settings.load().redactor().with(sent.value());
        match self.0.valid_token() {
            Some(held) => redactor.with(held.token().value()),
            None => redactor,
        }
    }

    fn given_up(&self, refusal: &Refusal, nonce: Option<&str>, redactor: &Redactor) -> Error {
        let code = redactor.clean(&refusal.error);
        let description = refusal.description.as_ref().map(|text| redactor.clean(text));
        let said = description.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
        let (status, message) = match code.as_str() {
            USE_DPOP_NONCE => {
                let problem = NonceHeader::of_value(nonce).problem();
                let message = format!("the API requires a nonce in the DPoP proof, and sent {problem}");
                return refused(Status::ProofRefused, message + &said, Some(code), description);
            }
            "invalid_dpop_proof" => (Status::ProofRefused, "the API refuses the DPoP proof"),
            "invalid_token" => (Status::TokenRefused, "the API rejects the token, and there is no other to try"),
            _ => (Status::TokenRefused, "the API refuses the token for a reason that another token does not change"),
        };
        let reason = self.0.reason_against_replacement().filter(|_| code == "invalid_token");
        let reason = reason.map_or_else(String::new, |reason| format!("; no replacement is requested: {reason}"));
        refused(status, format!("{message}{said}{reason}"), Some(code), description)
    }
}

/// Returns the error for a 401 response whose challenges, as they are shown, name no error code.
fn without_reason(shown: &str, is_valid: bool) -> Error {
    let message = match (shown, is_valid) {
        ("", _) => "the API refuses the request (HTTP 401) without a reason; the token is kept".into(),
        (_, true) => format!(
            "the API refuses the request (HTTP 401) without a reason (WWW-Authenticate: {shown}); the token is kept"
        ),
        (_, false) => format!(
            "the API refuses the request (HTTP 401), and its WWW-Authenticate header cannot be read ({shown}); \
             the token is kept"
        ),
    };
    refused(Status::TokenRefused, message, None, None)
}

fn refused(status: Status, message: String, code: Option<String>, description: Option<String>) -> Error {
    Error::new(status, message).with_response(ServerResponse {
        http_status: Some(401),
        oauth_error: code,
        oauth_error_description: description,
        ..ServerResponse::default()
    })
}

impl Authorization {
    /// The value of the `Authorization` header: a secret. Keep it out of logs.
    pub fn authorization(&self) -> &str {
        without_nul(self.authorization_with_nul())
    }

    /// The value of the `DPoP` header; `None` for a Bearer token.
    pub fn dpop(&self) -> Option<&str> {
        self.dpop_with_nul().map(without_nul)
    }

    /// Stores the nonce of a response for the next requests. If the nonces of several attempts were refused, other
    /// requests use them up: then the nonce is kept for the next attempt of this request alone.
    fn learn_nonce(&self, nonce: &str, code: Option<&str>) {
        let call = &self.call;
        if code == Some(USE_DPOP_NONCE) && call.retries > 0 && call.is_contended() && is_nonce(nonce) {
            self.own_nonce.get_or_init(|| nonce.to_owned());
        } else {
            call.origin.adopt(nonce, call.number);
        }
    }

    pub(crate) fn authorization_with_nul(&self) -> &str {
        self.header.expose_secret()
    }

    pub(crate) fn dpop_with_nul(&self) -> Option<&str> {
        self.proof.as_deref()
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("method", &self.call.method)
            .field("origin", &self.call.origin.name())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
