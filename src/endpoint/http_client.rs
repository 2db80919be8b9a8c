//! The HTTP client for the token endpoint. It follows no redirect, asks for no compression and keeps a connection for a
//! short time.
//!
//! reqwest makes direct connections. Through a proxy it tells no status of CONNECT and reaches no IPv6 address, so
//! these connections are made by `connector`, for the HTTP library below reqwest. Requests and responses are reqwest's
//! in both.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqwest::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use reqwest::{Body, Method, Request, Response, redirect};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;
use url::Url;

use super::Failure;
use super::connector::Connector;
use super::dialer::{BadConfiguration, BoxError, read_trust};
use super::proxy;
use super::proxy_failure::ProxyFailure;
use super::transport;
use crate::causes;
use crate::config::{ProxyServer, Settings};
use crate::error::{Error, Status};
use crate::failure_kind::FailureKind;
use crate::resolver::Resolver;
use crate::secret::Redactor;
use crate::trust::{self, Trust};

/// A connection is kept for a retry only: the next token is requested hours later.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);
/// The most lines in the head of a response. Gateways add some, and the limit of 100 of the HTTP library loses tokens.
const MAX_HEADERS: usize = 1_000;

pub(super) struct HttpClient {
    url: Url,
    user_agent: HeaderValue,
    connections: Connections,
}

enum Connections {
    Direct(Direct),
    Proxied { proxy: ProxyServer, client: Client<Connector, Body> },
}

/// Direct connections. The client of reqwest is made again when its connection is gone, so that the certificate
/// authorities are read for each connection.
struct Direct {
    trust: Trust,
    resolver: Resolver,
    connect_timeout: Duration,
    last: Mutex<Option<(Instant, reqwest::Client)>>,
}

impl HttpClient {
    /// Opens no connection and reads no file.
    pub fn new(settings: &Settings) -> Self {
        let transport = &settings.transport;
        let connections = match &transport.proxy {
            Some(proxy) => Connections::Proxied { proxy: proxy.clone(), client: proxied(settings, proxy) },
            None => Connections::Direct(Direct {
                trust: transport.trust.clone(),
                resolver: Resolver::new(),
                connect_timeout: transport.connect_timeout,
                last: Mutex::new(None),
            }),
        };
        Self { url: settings.token_url.clone(), user_agent: transport.user_agent.clone(), connections }
    }

    /// Returns a request without a body.
    pub fn post(&self) -> Request {
        let mut request = Request::new(Method::POST, self.url.clone());
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        if let Some(authorization) = self.forwarding_proxy().and_then(proxy::authorization) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        request
    }

    pub async fn send(&self, request: Request) -> Result<Response, BoxError> {
        match &self.connections {
            Connections::Direct(direct) => {
                let client = direct.client(self.url.scheme() == "https").await?;
                let response = client.execute(request).await;
                if response.is_err() {
                    direct.forget();
                }
                // The query of the URL may contain a secret.
                Ok(response.map_err(reqwest::Error::without_url)?)
            }
            Connections::Proxied { client, .. } => {
                let response = client.request(request.try_into()?).await?;
                Ok(response.map(Body::wrap).into())
            }
        }
    }

    fn proxy(&self) -> Option<&ProxyServer> {
        match &self.connections {
            Connections::Direct(_) => None,
            Connections::Proxied { proxy, .. } => Some(proxy),
        }
    }

    /// Returns the proxy that receives the requests themselves, because the server has no TLS.
    fn forwarding_proxy(&self) -> Option<&ProxyServer> {
        self.proxy().filter(|proxy| proxy.protocol.is_http() && self.url.scheme() == "http")
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
            None if let Some(proxy) =
                self.proxy().filter(|_| !sent && causes::find::<rustls::Error>(error).is_none()) =>
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
        match self.proxy() {
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

impl Direct {
    async fn client(&self, has_tls: bool) -> Result<reqwest::Client, BoxError> {
        if let Some(client) = self.connected_client() {
            return Ok(client);
        }
        let tls = if has_tls { read_trust(&self.trust, &self.resolver).await? } else { without_trust()? };
        let builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(self.connect_timeout)
            .dns_resolver(Arc::new(self.resolver.clone()))
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .https_only(has_tls)
            .tls_backend_preconfigured(tls)
            // A server that is not quite correct has spent the token of the day nevertheless.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
            // Not to accept them, but to see what a peer without HTTP sent.
            .http09_responses();
        let client = builder.build()?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), client.clone()));
        Ok(client)
    }

    /// The next connection reads the authorities again: they may be why this one failed.
    fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the last client while it may have a connection.
    fn connected_client(&self) -> Option<reqwest::Client> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, client) = last.as_mut().filter(|(used, _)| used.elapsed() < IDLE_CONNECTION)?;
        *used = Instant::now();
        Some(client.clone())
    }
}

/// The same client for connections through a proxy.
fn proxied(settings: &Settings, proxy: &ProxyServer) -> Client<Connector, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(1)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
        .http09_responses(true)
        .build(Connector::new(settings, proxy))
}

/// Returns a configuration for connections without TLS, for which reqwest needs one nevertheless.
fn without_trust() -> Result<ClientConfig, BoxError> {
    let builder = trust::builder().map_err(BadConfiguration)?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
