//! Learns from the response to an API call, and decides whether the request is to be sent again.

use super::Client;
use super::authorize::{Authorization, RetryReason};
use crate::api::{Challenges, Refusal};
use crate::counters::Event;
use crate::dpop::{NonceHeader, is_nonce};
use crate::error::{Error, ServerResponse, Status};
use crate::secret::Redactor;
use crate::token::Token;

/// The number of times that a request is sent again because other requests used up the nonce of its proof.
const MAX_NONCE_RETRIES: u8 = 8;

/// Requires a proof with the nonce of this response (RFC 9449 section 9).
const USE_DPOP_NONCE: &str = "use_dpop_nonce";

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
    /// Learns from an API's response, and says whether to send the request once more.
    ///
    /// A nonce and the server's clock are learned from every response. A token that was rejected as `invalid_token`
    /// becomes suspect. An error is a refusal that sending the request again would not change, and says why.
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
        let reason = self.reason_to_repeat(authorization, code);
        let client = &self.0.settings.load().request.client_id;
        tracing::debug!(
            client,
            api = origin.name(),
            http_status = 401,
            retry = reason.is_some(),
            "an API refused a request"
        );
        if let Some(reason) = reason {
            authorization.retry_reason.get_or_init(|| reason);
            return Ok(Verdict::Retry);
        }
        let redactor = self.redactor(&authorization.token);
        Err(match challenges.refusal {
            Some(refusal) => self.given_up(&refusal, response.dpop_nonce, &redactor),
            None => without_reason(&redactor.clean(header.unwrap_or_default()), challenges.is_valid),
        })
    }

    /// Returns why the request, refused with this error code, may succeed with a new proof or another token. Returns
    /// `None` if there is no such reason, or the request was repeated for it. Marks a rejected token as suspect.
    fn reason_to_repeat(&self, authorization: &Authorization, code: Option<&str>) -> Option<RetryReason> {
        let (call, has_proof) = (&authorization.call, authorization.proof.is_some());
        let (origin, retries) = (&call.origin, &call.retries);
        if code == Some(USE_DPOP_NONCE) {
            self.0.count(Event::NonceChallengeOfApi);
            // One retry; more only where another request can have used up the nonce of this one.
            let may_repeat = retries.nonce == 0 || (retries.nonce < MAX_NONCE_RETRIES && call.is_contended());
            let next = authorization.own_nonce.get().cloned().or_else(|| origin.nonce());
            return (has_proof && may_repeat && next != call.nonce).then_some(RetryReason::Nonce);
        }
        // Some APIs respond to a proof with a wrong time as if the token were at fault.
        if !retries.clock && has_proof && origin.clock.disagrees_with(call.iat, call.made, self.time_at(origin)) {
            return Some(RetryReason::Clock);
        }
        if code != Some("invalid_token") {
            return None;
        }
        self.invalidate(&authorization.token);
        (!retries.token && self.0.can_replace(&authorization.token)).then_some(RetryReason::Token)
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
            _ => (Status::TokenRefused, "the API refuses the token, and would refuse another one as well"),
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
    /// Stores the nonce of a response for the next requests. If the nonces of several attempts were refused, other
    /// requests use them up: then the nonce is kept for the next attempt of this request alone.
    fn learn_nonce(&self, nonce: &str, code: Option<&str>) {
        let call = &self.call;
        if code == Some(USE_DPOP_NONCE) && call.retries.nonce > 0 && call.is_contended() && is_nonce(nonce) {
            self.own_nonce.get_or_init(|| nonce.to_owned());
        } else {
            call.adopt(nonce);
        }
    }
}
