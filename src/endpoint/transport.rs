//! The classification of requests without a response.

use std::error::Error as StdError;
use std::io;

use url::Url;

use super::Failure;
use crate::error::{Error, Status};
use crate::failure_kind::FailureKind;
use crate::secret::Redactor;

/// Returns the failure of a request without a response. `sent` tells whether the server may have received the request.
pub(super) fn failure(error: &(dyn StdError + 'static), sent: bool, url: &Url, redactor: &Redactor) -> Failure {
    let server = server(url);
    let reason = redactor.clean(&innermost(error).to_string());
    let is_untrusted = causes(error).any(<dyn StdError>::is::<rustls::Error>);
    let (status, kind, message) = match (sent, is_untrusted) {
        (true, _) => (
            Status::ConnectionLost,
            FailureKind::NoResponse,
            format!("the connection to {server} broke: {reason}; the server may have issued a token anyway"),
        ),
        (false, true) => (
            Status::TlsFailed,
            FailureKind::NotTrusted,
            format!(
                "no secure connection to {server}: {reason}; \
                 check the host name, ca_file, and the certificates and the clock of this machine"
            ),
        ),
        (false, false) => (
            Status::ConnectFailed,
            FailureKind::NotSent,
            format!("cannot connect to {server}: {reason}; check the host name, the network and the proxy"),
        ),
    };
    Failure::new(Error::new(status, message), kind)
}

/// Returns the failure of a request whose response did not arrive in time.
pub(super) fn timed_out(sent: bool, url: &Url) -> Failure {
    let server = server(url);
    let (kind, message) = if sent {
        (FailureKind::NoResponse, format!("{server} did not respond in time; it may have issued a token anyway"))
    } else {
        let message = format!("no connection to {server} could be made in time; check the network and the proxy");
        (FailureKind::NotSent, message)
    };
    Failure::new(Error::new(Status::TimedOut, message), kind)
}

/// Returns the host and the port of a server, for messages.
pub(super) fn server(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// Returns whether time ran out.
pub(super) fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    let is_io = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    causes(error).filter_map(<dyn StdError>::downcast_ref).any(is_io)
}

/// Returns the chain of sources of an error, including those wrapped in an `io::Error`, from the outermost to the
/// innermost.
pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

/// Returns the last source of an error.
pub(super) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}
