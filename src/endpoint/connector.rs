//! Makes the connections of the HTTP client through a proxy, with or without TLS.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use reqwest::header::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{self, Instant};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::proxy;
use super::proxy_failure::{ProxyFailure, Reason};
use crate::config::{ProxyServer, Settings};
use crate::resolver::Resolver;
use crate::trust::Trust;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// The bytes to and from a server or a proxy.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Makes connections to one token endpoint.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    dialer: Dialer,
    proxy: ProxyServer,
    user_agent: HeaderValue,
    timeout: Duration,
}

/// Opens TCP connections and secures them.
pub(super) struct Dialer {
    pub tcp: HttpConnector<Resolver>,
    pub resolver: Resolver,
    trust: Trust,
}

impl Connector {
    pub fn new(settings: &Settings, proxy: &ProxyServer) -> Self {
        let transport = &settings.transport;
        let resolver = Resolver::new();
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Divided among the addresses of a host, so that one that hangs leaves time for the next.
        tcp.set_connect_timeout(Some(transport.connect_timeout));
        Self(Arc::new(Inner {
            dialer: Dialer { tcp, resolver, trust: transport.trust.clone() },
            proxy: proxy.clone(),
            user_agent: transport.user_agent.clone(),
            timeout: transport.connect_timeout,
        }))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.connect(&target).await.map(TokioIo::new) })
    }
}

impl Inner {
    /// The timeout covers everything, but a proxy that used it up is told from a server.
    async fn connect(&self, target: &Uri) -> Result<Stream, BoxError> {
        let deadline = Instant::now() + self.timeout;
        let is_tls = target.scheme_str() == Some("https");
        let is_forwarded = self.proxy.protocol.is_http() && !is_tls;
        let opening = proxy::connect(&self.dialer, &self.proxy, target, &self.user_agent);
        let opened = time::timeout_at(deadline, opening).await.unwrap_or(Err(Reason::TimedOut));
        let io = opened.map_err(|reason| ProxyFailure::new(&self.proxy, authority(target), reason))?;
        let io = if is_tls {
            time::timeout_at(deadline, self.dialer.secure(io, target)).await.map_err(timed_out)??
        } else {
            io
        };
        Ok(Stream { io, is_forwarded })
    }
}

impl Dialer {
    pub async fn open(&self, to: &Uri) -> Result<Box<dyn Io>, BoxError> {
        let stream = self.tcp.clone().call(to.clone()).await?;
        Ok(Box::new(stream.into_inner()))
    }

    /// Makes the TLS handshake with the host of `server`.
    pub async fn secure(&self, io: Box<dyn Io>, server: &Uri) -> Result<Box<dyn Io>, BoxError> {
        let name = ServerName::try_from(host(server).to_owned())?;
        let config = read_trust(&self.trust, &self.resolver).await?;
        Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, io).await?))
    }
}

/// Reads the certificate authorities and returns a configuration for HTTP/1.1 that trusts them.
pub(super) async fn read_trust(trust: &Trust, resolver: &Resolver) -> Result<ClientConfig, BoxError> {
    let trust = trust.clone();
    // On another thread, because files of a network can hang.
    let config = resolver.workers().run(move || trust.client_config()).await?;
    let mut config = config.map_err(BadConfiguration)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Returns the host of a URI, an IPv6 address without its brackets.
pub(super) fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_matches(['[', ']'])
}

/// Returns the port of a URI.
pub(super) fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 })
}

/// Returns the host and the port of a URI.
pub(super) fn authority(uri: &Uri) -> String {
    format!("{}:{}", uri.host().unwrap_or_default(), port(uri))
}

fn timed_out(_: time::error::Elapsed) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// The reason why no connection can be made that is in the configuration of this machine.
#[derive(Debug)]
pub(super) struct BadConfiguration(pub String);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for BadConfiguration {}

/// A connection for HTTP.
pub(super) struct Stream {
    io: Box<dyn Io>,
    /// Whether the other end is a proxy that forwards requests, which therefore contain the whole URL.
    is_forwarded: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_forwarded)
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, to)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
