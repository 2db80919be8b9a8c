//! The classification of requests without a response, and of responses that are not HTTP.

use std::error::Error as StdError;
use std::io;

use url::Url;

use super::Failure;
use crate::causes;
use crate::error::{Error, ServerResponse, Status};
use crate::failure_kind::FailureKind;
use crate::read_budget::BudgetExceeded;
use crate::secret::Redactor;
use crate::tls_failure::{self, SettingNames};

const SETTING_NAMES: SettingNames = SettingNames { ca_file: "ca_file", address: "token_url" };
/// The longest part of a response without HTTP that a message shows.
const MAX_BANNER: usize = 60;
/// A longer word may be a token.
const MAX_WORD: usize = 24;
/// The first byte of a TLS record with an alert or a handshake, and the major version that follows.
const TLS_ALERT: u8 = 0x15;
const TLS_HANDSHAKE: u8 = 0x16;
const TLS_MAJOR: u8 = 3;
/// The type of the frame with which HTTP/2 begins (RFC 9113 section 3.4), after a length of three bytes.
const HTTP2_SETTINGS: u8 = 4;

/// Returns the failure of a request without a response. `sent` tells whether the server may have received the request.
pub(super) fn failure(error: &(dyn StdError + 'static), sent: bool, url: &Url, redactor: &Redactor) -> Failure {
    match causes::find::<rustls::Error>(error) {
        // With TLS 1.3 a server can refuse the handshake after the client has sent its request, which it does not read.
        Some(tls) if !sent || matches!(tls, rustls::Error::AlertReceived(_)) => untrusted(tls, url, redactor),
        _ if let Some(problem) = unreadable_head(error) => unreadable(problem, None, url),
        _ if spoke_first(error) => not_http(&[], url, redactor),
        _ if sent => lost(error, url, redactor),
        _ => {
            let (server, reason) = (server(url), redactor.clean(&causes::reason(error)));
            let message =
                format!("cannot connect to {server}: {reason}; check the host name, the network and the proxy");
            Failure::new(Error::new(Status::ConnectFailed, message), FailureKind::NotSent)
        }
    }
}

/// Returns the failure of a response whose body ended too early, and whose status is `http_status`.
pub(super) fn broken_body(
    error: &(dyn StdError + 'static),
    http_status: u16,
    url: &Url,
    redactor: &Redactor,
) -> Failure {
    if causes::find::<BudgetExceeded>(error).is_some() {
        return too_much(Some(http_status), true, url);
    }
    let kind = causes::find::<io::Error>(error).map(io::Error::kind);
    let is_damaged = matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData));
    if is_damaged && causes::find::<rustls::Error>(error).is_none() {
        return unreadable("the length of a part of its body cannot be read", Some(http_status), url);
    }
    lost(error, url, redactor)
}

/// Returns the failure of a peer that sent these bytes first, or bytes that could not be obtained.
pub(super) fn not_http(beginning: &[u8], url: &Url, redactor: &Redactor) -> Failure {
    let server = server(url);
    let message = match beginning {
        [TLS_ALERT | TLS_HANDSHAKE, TLS_MAJOR, ..] => {
            format!(
                "the server {server} expects TLS, and token_url is without: change its scheme to https, or its port"
            )
        }
        [_, _, _, HTTP2_SETTINGS, ..] => {
            format!("the server {server} speaks HTTP/2 only, and this library HTTP/1.1; check the port in token_url")
        }
        _ => {
            let shown = banner(beginning, redactor).map_or_else(String::new, |banner| format!(" but `{banner}`"));
            format!("what the server {server} sent is not HTTP{shown}; check the host and the port in token_url")
        }
    };
    Failure::new(Error::new(Status::UnexpectedResponse, message), FailureKind::Refused)
}

/// Returns the failure of a request whose response did not arrive in time.
pub(super) fn timed_out(sent: bool, url: &Url) -> Failure {
    let server = server(url);
    let (kind, message) = if sent {
        (
            FailureKind::NoResponse,
            format!("the server {server} did not respond in time; it may have issued a token anyway"),
        )
    } else {
        let message = format!("no connection to {server} could be made in time; check the network and the proxy");
        (FailureKind::NotSent, message)
    };
    Failure::new(Error::new(Status::TimedOut, message), kind)
}

/// Returns the failure of a server that sent as much as a request may cost, and still no whole response.
pub(super) fn too_much(http_status: Option<u16>, sent: bool, url: &Url) -> Failure {
    let (kind, end) = if sent {
        (FailureKind::InvalidResponse, "; the server may have issued a token anyway")
    } else {
        (FailureKind::Refused, "")
    };
    let message = format!(
        "the server {} is not usable: {BudgetExceeded}; check token_url, and what gateways in between send{end}",
        server(url)
    );
    let response = ServerResponse { http_status, ..ServerResponse::default() };
    Failure::new(Error::new(Status::UnexpectedResponse, message).with_response(response), kind)
}

/// Returns whether time ran out.
pub(super) fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    let mut errors = causes::causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes::find(error).is_some_and(reqwest::Error::is_timeout)
        || errors.any(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Returns the host and the port of a server, for messages.
pub(super) fn server(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn untrusted(error: &rustls::Error, url: &Url, redactor: &Redactor) -> Failure {
    // Names in a certificate come from the server.
    let reason = redactor.clean(&tls_failure::explain(error, &SETTING_NAMES));
    let message = format!("no secure connection to {}: {reason}", server(url));
    Failure::new(Error::new(Status::TlsFailed, message), FailureKind::NotTrusted)
}

fn lost(error: &(dyn StdError + 'static), url: &Url, redactor: &Redactor) -> Failure {
    let is_cut_off = causes::find(error).is_some_and(hyper::Error::is_incomplete_message);
    let reason = match causes::find::<rustls::Error>(error) {
        Some(tls) => tls_failure::explain(tls, &SETTING_NAMES),
        None if is_cut_off => "the connection was closed before the whole response had arrived".into(),
        None => causes::reason(error),
    };
    let message = format!(
        "the connection to {} broke: {}; the server may have issued a token anyway",
        server(url),
        redactor.clean(&reason)
    );
    Failure::new(Error::new(Status::ConnectionLost, message), FailureKind::NoResponse)
}

/// Returns the failure of a response that breaks the rules of HTTP. A server that sent one may have issued a token.
fn unreadable(problem: &str, http_status: Option<u16>, url: &Url) -> Failure {
    let message = format!(
        "the response of the server {} is not valid HTTP: {problem}; check token_url, and whether a gateway in between \
         changes responses; the server may have issued a token anyway",
        server(url)
    );
    let response = ServerResponse { http_status, ..ServerResponse::default() };
    Failure::new(Error::new(Status::UnexpectedResponse, message).with_response(response), FailureKind::InvalidResponse)
}

/// Returns what is wrong with the head of a response, if it arrived and could not be read.
fn unreadable_head(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let parse =
        causes::causes(error).filter_map(|cause| cause.downcast_ref()).find(|&cause| hyper::Error::is_parse(cause));
    // The HTTP library tells them apart only by these words. If it changes them, messages say less.
    parse.map(|error| match error.to_string().as_str() {
        "message head is too large" => "its head is too long, or has too many lines",
        "invalid content-length parsed" => "its Content-Length is not a number, or contradicts another one",
        "unexpected transfer-encoding parsed" => "its Transfer-Encoding is not allowed",
        "invalid HTTP status-code parsed" => "its status is not a number",
        "invalid HTTP header parsed" => "a line of its head cannot be read",
        _ => "its head cannot be read",
    })
}

/// Returns whether the peer sent something before the request, as no HTTP server does.
fn spoke_first(error: &(dyn StdError + 'static)) -> bool {
    let mut errors = causes::causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>());
    errors.any(|error| error.to_string() == "received unexpected message from connection")
}

/// Returns the first line if it is text, such as `SSH-2.0-OpenSSH_9.2`, and cannot have a token.
fn banner(beginning: &[u8], redactor: &Redactor) -> Option<String> {
    let line = beginning.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let line = str::from_utf8(&line[..line.len().min(MAX_BANNER)]).ok()?.trim();
    let is_printable = line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let may_have_a_token = line.starts_with(['{', '[', '<'])
        || line.contains(['=', '`'])
        || line.split(' ').any(|word| word.len() > MAX_WORD);
    (!line.is_empty() && is_printable && !may_have_a_token).then(|| redactor.clean(line))
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
