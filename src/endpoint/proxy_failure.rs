//! The failures of proxies. Each message names the proxy and the setting to change.

use std::error::Error as StdError;
use std::fmt;

use reqwest::StatusCode;

use super::Failure;
use super::dialer::BoxError;
use super::transport::is_timeout;
use crate::causes;
use crate::config::ProxyServer;
use crate::error::{Error, Status};
use crate::failure_kind::FailureKind;
use crate::read_budget::BudgetExceeded;
use crate::secret::Redactor;
use crate::tls_failure;

/// A proxy that makes no connection, and the reason. Nothing was sent to the server.
#[derive(Debug)]
pub(super) struct ProxyFailure {
    proxy: ProxyServer,
    /// The host and the port of the server.
    target: String,
    reason: Reason,
}

#[derive(Debug)]
pub(super) enum Reason {
    /// No connection to the proxy could be made.
    Unreachable(BoxError),
    TimedOut,
    /// The TLS handshake with the proxy failed.
    Untrusted(BoxError),
    /// The proxy wants credentials, or others.
    Unauthorized(String),
    /// The proxy makes no tunnel to this server.
    Refused(String),
    /// The other end does not know how to make a tunnel, like a server that is no proxy.
    NoTunnel(String),
    /// The proxy cannot reach the server.
    NoRoute(String),
    /// The connection to the proxy broke.
    Broken(BoxError),
    /// What the other end sends is not of the protocol of a proxy.
    NoProxy(&'static str),
    /// The proxy sent as much as a request may cost, and made no connection.
    TooMuch,
    /// This machine cannot resolve the server's name, which a `socks5://` proxy leaves to it.
    Unresolved(BoxError),
}

impl ProxyFailure {
    pub fn new(proxy: &ProxyServer, target: String, reason: Reason) -> Self {
        let reason = match reason {
            Reason::Unreachable(error) if is_timeout(&*error) => Reason::TimedOut,
            Reason::Broken(error) if causes::find::<BudgetExceeded>(&*error).is_some() => Reason::TooMuch,
            reason => reason,
        };
        Self { proxy: proxy.clone(), target, reason }
    }

    /// The failure of a request that a proxy, which forwards it, refused with this status.
    pub fn unauthorized(proxy: &ProxyServer, target: String) -> Self {
        Self::new(proxy, target, Reason::of_status(StatusCode::PROXY_AUTHENTICATION_REQUIRED))
    }

    pub fn failure(&self, redactor: &Redactor) -> Failure {
        // What would fail again in the same way is not repeated at once.
        let (status, kind) = match self.reason {
            Reason::Unreachable(_) | Reason::NoRoute(_) | Reason::Broken(_) | Reason::Unresolved(_) => {
                (Status::ConnectFailed, FailureKind::NotSent)
            }
            Reason::TimedOut => (Status::TimedOut, FailureKind::NotSent),
            Reason::Untrusted(_) => (Status::TlsFailed, FailureKind::NotTrusted),
            // The next one waits longer: a proxy can lock out an account after a few wrong passwords.
            Reason::Unauthorized(_) if self.proxy.credentials.is_some() => {
                (Status::ConnectFailed, FailureKind::Refused)
            }
            Reason::Unauthorized(_)
            | Reason::Refused(_)
            | Reason::NoTunnel(_)
            | Reason::NoProxy(_)
            | Reason::TooMuch => (Status::ConnectFailed, FailureKind::NotTrusted),
        };
        Failure::new(Error::new(status, self.message(redactor)), kind)
    }

    fn message(&self, redactor: &Redactor) -> String {
        let Self { proxy, target, reason } = self;
        let setting = proxy.setting;
        let end = |error: &BoxError| redactor.clean(&causes::reason(&**error));
        match reason {
            Reason::Unreachable(error) => {
                format!("cannot connect to the proxy {proxy}: {}; check {setting} and the network", end(error))
            }
            Reason::TimedOut => format!("the proxy {proxy} did not respond in time; check {setting} and the network"),
            Reason::Untrusted(error) => {
                let names = tls_failure::SettingNames { ca_file: "ca_file", address: setting };
                let reason = match causes::find(&**error) {
                    Some(tls) => tls_failure::explain(tls, &names),
                    None => causes::reason(&**error),
                };
                format!("no secure connection to the proxy {proxy}: {}", redactor.clean(&reason))
            }
            Reason::Unauthorized(told) if proxy.credentials.is_some() => {
                format!(
                    "the proxy {proxy} does not accept the user name and the password in {setting} ({told}); correct them"
                )
            }
            Reason::Unauthorized(told) => format!(
                "the proxy {proxy} wants a user name and a password ({told}); put them into {setting}, as in \
                 http://user:password@host:port"
            ),
            Reason::Refused(told) => format!(
                "the proxy {proxy} does not allow a connection to {target} ({told}); check its rules and {setting}"
            ),
            Reason::NoTunnel(told) => format!(
                "the proxy {proxy} makes no connection to {target} ({told}) and may be another kind of server; check \
                 the host and the port in {setting}, and its rules"
            ),
            Reason::NoRoute(told) => {
                format!("the proxy {proxy} cannot connect to {target} ({told}); check the host name and the proxy")
            }
            Reason::Broken(error) => format!(
                "the connection to the proxy {proxy} broke: {}; check the scheme and the port in {setting}",
                end(error)
            ),
            Reason::NoProxy(what) => {
                format!("the response of the proxy {proxy} is not {what}; check the scheme and the port in {setting}")
            }
            Reason::TooMuch => {
                format!("the proxy {proxy} is not usable: {BudgetExceeded}; check the host and the port in {setting}")
            }
            Reason::Unresolved(error) => format!(
                "cannot resolve {target}: {}; with socks5h:// in {setting} the proxy {proxy} resolves it",
                end(error)
            ),
        }
    }
}

impl Reason {
    /// The reason for which a proxy responds to CONNECT with this status, which is not a success.
    pub fn of_status(status: StatusCode) -> Self {
        let told = format!("HTTP {}", status.as_u16());
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Self::Unauthorized(told),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                Self::NoTunnel(told)
            }
            _ if status.is_server_error() => Self::NoRoute(told),
            _ => Self::Refused(told),
        }
    }
}

impl fmt::Display for ProxyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection through the proxy {}", self.proxy)
    }
}

impl StdError for ProxyFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.reason {
            Reason::Unreachable(error)
            | Reason::Untrusted(error)
            | Reason::Broken(error)
            | Reason::Unresolved(error) => Some(&**error),
            _ => None,
        }
    }
}
