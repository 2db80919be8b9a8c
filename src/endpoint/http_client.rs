//! The HTTP client for the token endpoint. It follows no redirect, asks for no compression and keeps a connection for a
//! short time.
//!
//! Requests and responses are reqwest's. Its connections are not: it lets nothing limit what they read, tells no status
//! of CONNECT and reaches no IPv6 address through a proxy. So they are made by `connector`, for the HTTP library below
//! reqwest.

use std::error::Error as StdError;
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqwest::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use reqwest::{Body, Method, Request, Response};
use url::Url;

use super::Failure;
use super::connector::Connector;
use super::dialer::{BadConfiguration, BoxError};
use super::proxy;
use super::proxy_failure::ProxyFailure;
use super::transport;
use crate::causes;
use crate::config::{ProxyServer, Settings};
use crate::error::{Error, Status};
use crate::failure_kind::FailureKind;
use crate::read_budget::{BudgetExceeded, ReadBudget};
use crate::secret::Redactor;

/// A connection is kept for a retry only: the next token is requested hours later.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);
/// The most lines in the head of a response. Gateways add some, and the limit of 100 of the HTTP library loses tokens.
const MAX_HEADERS: usize = 1_000;

pub(super) struct HttpClient {
    url: Url,
    user_agent: HeaderValue,
    proxy: Option<ProxyServer>,
    client: Client<Connector, Body>,
    budget: ReadBudget,
}

impl HttpClient {
    /// Opens no connection and reads no file.
    pub fn new(settings: &Settings) -> Self {
        let budget = ReadBudget::new();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            // A server that is not quite correct has spent the token of the day nevertheless.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
            // Not to accept them, but to see what a peer without HTTP sent.
            .http09_responses(true)
            .build(Connector::new(settings, budget.clone()));
        let transport = &settings.transport;
        let (user_agent, proxy) = (transport.user_agent.clone(), transport.proxy.clone());
        Self { url: settings.token_url.clone(), user_agent, proxy, client, budget }
    }

    /// Returns a request without a body.
    pub fn request(&self, method: Method) -> Request {
        let mut request = Request::new(method, self.url.clone());
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        if let Some(authorization) = self.forwarding_proxy().and_then(proxy::authorization) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        request
    }

    /// What arrives until the next call, the body included, has a limit.
    pub async fn send(&self, request: Request) -> Result<Response, BoxError> {
        self.budget.restart();
        let response = self.client.request(request.try_into()?).await?;
        Ok(response.map(Body::wrap).into())
    }

    /// Returns the proxy that receives the requests themselves, because the server has no TLS.
    fn forwarding_proxy(&self) -> Option<&ProxyServer> {
        self.proxy.as_ref().filter(|proxy| proxy.protocol.is_http() && self.url.scheme() == "http")
    }

    /// Returns the failure of a response that a proxy made, which forwards requests to a server without TLS.
    pub fn refused_by_proxy(&self, response: &Response, redactor: &Redactor) -> Option<Failure> {
        let is_refused = response.status() == reqwest::StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let proxy = self.forwarding_proxy().filter(|_| is_refused)?;
        Some(ProxyFailure::unauthorized(proxy, transport::server(&self.url)).failure(redactor))
    }

    /// Returns the failure of a request without a response.
    pub fn failure(&self, error: &(dyn StdError + 'static), sent: bool, redactor: &Redactor) -> Failure {
        if let Some(BadConfiguration(problem)) = causes::find(error) {
            return Failure::new(Error::new(Status::InvalidConfiguration, problem), FailureKind::NotTrusted);
        }
        match causes::find::<ProxyFailure>(error) {
            Some(proxy) => proxy.failure(redactor),
            None if transport::is_timeout(error) => self.timed_out(sent),
            None if causes::find::<BudgetExceeded>(error).is_some() => transport::too_much(None, sent, &self.url),
            None if let Some(proxy) = &self.proxy
                && !sent
                && causes::find::<rustls::Error>(error).is_none() =>
            {
                // Such as a tunnel that breaks at once, because the proxy cannot reach the server.
                let (server, reason) = (transport::server(&self.url), redactor.clean(&causes::reason(error)));
                let message = format!(
                    "cannot connect to {server} through the proxy {proxy}: {reason}; check the host name, the proxy and \
                     {}",
                    proxy.setting
                );
                Failure::new(Error::new(Status::ConnectFailed, message), FailureKind::NotSent)
            }
            None => transport::failure(error, sent, &self.url, redactor),
        }
    }

    /// Returns the failure of a request whose response did not arrive in time.
    pub fn timed_out(&self, sent: bool) -> Failure {
        match &self.proxy {
            Some(proxy) if !sent => {
                let message = format!(
                    "no connection to {} could be made in time through the proxy {proxy}; check the network and {}",
                    transport::server(&self.url),
                    proxy.setting
                );
                Failure::new(Error::new(Status::TimedOut, message), FailureKind::NotSent)
            }
            _ => transport::timed_out(sent, &self.url),
        }
    }
}
