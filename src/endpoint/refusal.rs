//! Classifies each response that brings no token: what happened, what to do, and what it means for the next request.

use std::time::Duration;

use super::meaning::Meaning;
use super::received::{Received, RequestContext};
use super::{Failure, daily_limit, headers, proof_refusal};
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;

/// Returns the failure that a response reports, which says this.
pub(super) fn classify(response: &Received<'_>, said: ServerResponse, context: &RequestContext<'_>) -> Failure {
    let meaning = meaning(response, &said, context);
    let (http, advice) = (response.status.as_u16(), meaning.advice);
    let happened = meaning.happened.replacen("the server", &format!("the server {}", context.server), 1);
    let details = details(&said);
    let message = if response.status.is_redirection() && meaning.status == Status::UnexpectedResponse {
        let target = headers::location(response.headers, context.redactor);
        let target = target.map_or_else(String::new, |target| format!(" to {target}"));
        format!("{happened} (HTTP {http}{target}), {advice}")
    } else if advice.is_empty() {
        format!("{happened} (HTTP {http}){details}")
    } else {
        format!("{happened} (HTTP {http}){details}; {advice}")
    };
    Failure::new(Error::new(meaning.status, message).with_response(said), meaning.kind)
}

/// Returns the most specific error of the response, after a colon; an empty string if there is none.
pub(super) fn details(said: &ServerResponse) -> String {
    let description = said.oauth_error_description.as_ref().or(said.server_message.as_ref());
    match (&said.oauth_error, description) {
        (Some(code), Some(description)) => format!(": {code}: {description}"),
        (Some(only), None) | (None, Some(only)) => format!(": {only}"),
        (None, None) => said.i18n_key.as_ref().map_or_else(String::new, |key| format!(": {key}")),
    }
}

fn meaning(response: &Received<'_>, said: &ServerResponse, context: &RequestContext<'_>) -> Meaning {
    let retry_after = headers::retry_after(response.headers, response.now);
    if daily_limit::is_in(response.text) {
        return Meaning {
            status: Status::QuotaRefused,
            kind: FailureKind::Quota { retry_after },
            happened: "the daily limit of tokens for this client is used up".into(),
            advice: "share one token between all processes (set cache)",
        };
    }
    let http = match response.status.as_u16() {
        // An error code in place of a token means what it means with the status that belongs to it.
        200..=299 if said.oauth_error.is_some() => 400,
        http => http,
    };
    let by_code = || match said.oauth_error.as_deref() {
        _ if proof_refusal::is_about_proofs(said) => Some(proof_refusal::meaning(response, said, context)),
        Some(code) => by_code(code, said, retry_after),
        None => None,
    };
    match http {
        // No code says more than these.
        408 | 421 | 425 | 429 | 300..=399 | 500.. => by_status(http, retry_after),
        _ => by_code().unwrap_or_else(|| by_status(http, retry_after)),
    }
}

/// Returns the meaning of an error code (RFC 6749 section 5.2).
fn by_code(code: &str, said: &ServerResponse, retry_after: Option<Duration>) -> Option<Meaning> {
    let (status, happened, advice) = match code {
        "invalid_client" | "invalid_grant" => (Status::CredentialsRefused, CREDENTIALS_REFUSED, CHECK_CREDENTIALS),
        "unauthorized_client" => (
            Status::CredentialsRefused,
            "the server does not let this client use the grant type `password`, or does not accept its credentials",
            "enable the grant for this client, and check client_id and client_secret in the Tango portal",
        ),
        // oidc-provider: "requested grant type is not allowed for this client".
        "invalid_request" if names_grant(said) => (
            Status::RequestRefused,
            "the server does not let this client use the grant type `password`",
            "enable the grant for this client",
        ),
        "unsupported_grant_type" => (
            Status::RequestRefused,
            "the server does not support the grant type `password`",
            "check token_url, or enable the grant at the server",
        ),
        "invalid_scope" => (Status::RequestRefused, REQUEST_REFUSED, "check scope"),
        "invalid_target" => (Status::RequestRefused, REQUEST_REFUSED, "check audience"),
        _ => return by_code_of_failure(code, retry_after),
    };
    Some(Meaning { status, kind: FailureKind::Refused, happened: happened.into(), advice })
}

/// Returns the meaning of a code that servers borrow from RFC 6749 section 4.1.2.1 and RFC 8628 if they fail.
fn by_code_of_failure(code: &str, retry_after: Option<Duration>) -> Option<Meaning> {
    let (status, happened) = match code {
        "temporarily_unavailable" => (Status::ServerError, "the server is temporarily unavailable"),
        "server_error" => (Status::ServerError, "the server reports an error of its own"),
        "slow_down" => (Status::RateLimited, FEWER_REQUESTS),
        _ => return None,
    };
    Some(Meaning { status, kind: FailureKind::Busy { retry_after }, happened: happened.into(), advice: "" })
}

fn names_grant(said: &ServerResponse) -> bool {
    let description = said.oauth_error_description.as_deref().unwrap_or_default().to_ascii_lowercase();
    description.contains("grant type") || description.contains("grant_type")
}

const REQUEST_REFUSED: &str = "the server refuses the token request";
const CREDENTIALS_REFUSED: &str = "the server does not accept the credentials";
const CHECK_CREDENTIALS: &str = "check client_id, client_secret, username and password in the Tango portal";
const FEWER_REQUESTS: &str = "the server asks for fewer requests";

/// Returns the meaning of an HTTP status.
///
/// A request that the server did not process (408, 421, 425, 429, 500, 503) may be repeated. A gateway that lost the
/// server's response leaves open whether there is a token, and so do codes that no standard defines, which proxies use.
/// The other codes, such as 501, would be the response to the next request as well.
fn by_status(http: u16, retry_after: Option<Duration>) -> Meaning {
    let busy = FailureKind::Busy { retry_after };
    match http {
        300..=399 => Meaning {
            status: Status::UnexpectedResponse,
            kind: FailureKind::Refused,
            happened: "the server redirects".into(),
            advice: "and redirects are never followed; check token_url",
        },
        400..=499 => by_client_error(http, busy),
        500..=599 => by_server_error(http, busy),
        _ => Meaning {
            status: Status::UnexpectedResponse,
            // Another response than 200 may report success as well, and contain a token in a form that is not read.
            kind: if http < 300 { FailureKind::InvalidResponse } else { FailureKind::Refused },
            happened: "the response of the server is not one of a token endpoint".into(),
            advice: "check token_url",
        },
    }
}

fn by_client_error(http: u16, busy: FailureKind) -> Meaning {
    let refused = FailureKind::Refused;
    let (status, kind, happened, advice) = match http {
        401 => (Status::CredentialsRefused, refused, CREDENTIALS_REFUSED, CHECK_CREDENTIALS),
        404 | 405 | 410 => (Status::RequestRefused, refused, REQUEST_REFUSED, "check token_url"),
        408 => (Status::ServerError, busy, "the server waited too long for the request", ""),
        421 => (Status::ServerError, busy, "the request reached a server that is not responsible for it", ""),
        425 => (Status::ServerError, busy, "the server was not ready for the request", ""),
        429 => (Status::RateLimited, busy, FEWER_REQUESTS, ""),
        _ => (Status::RequestRefused, refused, REQUEST_REFUSED, "check token_url, audience, scope and the credentials"),
    };
    Meaning { status, kind, happened: happened.into(), advice }
}

fn by_server_error(http: u16, busy: FailureKind) -> Meaning {
    const FAILED: &str = "the server failed";
    let (kind, happened, advice) = match http {
        500 | 503 => (busy, FAILED, ""),
        502 | 504 => (
            FailureKind::NoResponse,
            "a gateway got no valid response from the server",
            "the server may have issued a token anyway",
        ),
        511 => (
            FailureKind::Refused,
            "the network wants a login before it lets requests through",
            "log in to the network, or check the proxy",
        ),
        501 | 505..=508 | 510 => (FailureKind::Refused, FAILED, ""),
        _ => (FailureKind::NoResponse, FAILED, ""),
    };
    Meaning { status: Status::ServerError, kind, happened: happened.into(), advice }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
