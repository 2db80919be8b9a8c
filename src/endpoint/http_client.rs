//! The HTTP client for the token endpoint. It follows no redirect, asks for no compression and keeps a connection for a
//! short time.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Request, Response, Uri, request};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as HttpError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use super::Failure;
use super::body::TrackedBody;
use super::connector::{BadConfiguration, Connector};
use super::proxy;
use super::proxy_failure::ProxyFailure;
use super::transport;
use crate::causes;
use crate::config::{ProxyServer, Settings};
use crate::error::{Error, Status};
use crate::failure_kind::FailureKind;
use crate::secret::Redactor;

/// A connection is kept for a retry only: the next token is requested hours later.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

/// The most lines in the head of a response. Gateways add some, and the limit of 100 of the HTTP library loses tokens.
const MAX_HEADERS: usize = 1_000;

pub(super) struct HttpClient {
    client: Client<Connector, TrackedBody>,
    uri: Uri,
    user_agent: HeaderValue,
    proxy: Option<ProxyServer>,
}

impl HttpClient {
    /// Opens no connection and reads no file.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let uri = settings.token_url.as_str().parse();
        let uri = uri
            .map_err(|error| Error::new(Status::InvalidConfiguration, format!("token_url cannot be used: {error}")))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            // A server that is not quite correct has used up the token of the day nevertheless.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
            // Not to accept them, but to see what a peer without HTTP sent.
            .http09_responses(true)
            .build(Connector::new(settings));
        let transport = &settings.transport;
        Ok(Self { client, uri, user_agent: transport.user_agent.clone(), proxy: transport.proxy.clone() })
    }

    /// Returns a request without a body.
    pub fn post(&self) -> request::Builder {
        let request = Request::post(self.uri.clone()).header(USER_AGENT, self.user_agent.clone());
        match self.forwarding_proxy().and_then(proxy::authorization) {
            Some(authorization) => request.header(PROXY_AUTHORIZATION, authorization),
            None => request,
        }
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    pub async fn send(&self, request: Request<TrackedBody>) -> Result<Response<Incoming>, HttpError> {
        self.client.request(request).await
    }

    /// Returns the proxy that receives the requests themselves, because the server has no TLS.
    pub fn forwarding_proxy(&self) -> Option<&ProxyServer> {
        self.proxy.as_ref().filter(|proxy| proxy.protocol.is_http() && self.uri.scheme_str() == Some("http"))
    }

    /// Returns the failure of a request without a response.
    pub fn failure(&self, error: &(dyn StdError + 'static), sent: bool, url: &Url, redactor: &Redactor) -> Failure {
        if let Some(BadConfiguration(problem)) = causes::find(error) {
            let error = Error::new(Status::InvalidConfiguration, problem);
            return Failure::new(error, FailureKind::NotTrusted);
        }
        match causes::find::<ProxyFailure>(error) {
            Some(proxy) => proxy.failure(redactor),
            None if transport::is_timeout(error) => self.timed_out(sent, url),
            None => transport::failure(error, sent, url, redactor),
        }
    }

    /// Returns the failure of a request whose response did not arrive in time.
    pub fn timed_out(&self, sent: bool, url: &Url) -> Failure {
        match &self.proxy {
            Some(proxy) if !sent => {
                let message = format!(
                    "no connection to {} could be made in time through the proxy {proxy}; check the network and {}",
                    transport::server(url),
                    proxy.setting
                );
                Failure::new(Error::new(Status::TimedOut, message), FailureKind::NotSent)
            }
            _ => transport::timed_out(sent, url),
        }
    }
}

/// Returns the next part of a body; `None` at its end.
pub(super) async fn chunk(body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?.map(Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            // Trailers.
            Ok(Err(_)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}
