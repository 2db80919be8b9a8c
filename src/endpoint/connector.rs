//! Makes the connections of the HTTP client: direct or through a proxy, with or without TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::header::HeaderValue;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{self, Instant};
use tower_service::Service;

use super::dialer::{BoxError, Dialer, Io, authority};
use super::proxy;
use super::proxy_failure::{ProxyFailure, Reason};
use crate::config::{ProxyServer, Settings};
use crate::read_budget::ReadBudget;

/// Makes connections to one token endpoint.
#[derive(Clone)]
pub(super) struct Connector(Arc<ConnectorData>);

struct ConnectorData {
    dialer: Dialer,
    proxy: Option<ProxyServer>,
    user_agent: HeaderValue,
    timeout: Duration,
}

impl Connector {
    /// Everything that its connections read is taken from `budget`.
    pub fn new(settings: &Settings, budget: ReadBudget) -> Self {
        let transport = &settings.transport;
        Self(Arc::new(ConnectorData {
            dialer: Dialer::new(transport.trust.clone(), transport.connect_timeout, budget),
            proxy: transport.proxy.clone(),
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

impl ConnectorData {
    async fn connect(&self, target: &Uri) -> Result<Stream, BoxError> {
        let deadline = Instant::now() + self.timeout;
        let is_tls = target.scheme_str() == Some("https");
        if let Some(proxy) = &self.proxy {
            return self.connect_through(proxy, target, is_tls, deadline).await;
        }
        let opening =
            async { if is_tls { self.dialer.open_secured(target).await } else { self.dialer.open(target).await } };
        let io = time::timeout_at(deadline, opening).await.map_err(timed_out)??;
        Ok(Stream { io, is_forwarded: false })
    }

    /// The timeout covers everything, but a proxy that used it up is told from a server.
    async fn connect_through(
        &self,
        proxy: &ProxyServer,
        target: &Uri,
        is_tls: bool,
        deadline: Instant,
    ) -> Result<Stream, BoxError> {
        let is_forwarded = proxy.protocol.is_http() && !is_tls;
        let opening = proxy::connect(&self.dialer, proxy, target, &self.user_agent);
        let opened = time::timeout_at(deadline, opening).await.unwrap_or(Err(Reason::TimedOut));
        let io = opened.map_err(|reason| ProxyFailure::new(proxy, authority(target), reason))?;
        let io = if is_tls {
            time::timeout_at(deadline, self.dialer.secure(io, target)).await.map_err(timed_out)??
        } else {
            io
        };
        Ok(Stream { io, is_forwarded })
    }
}

fn timed_out(_: time::error::Elapsed) -> io::Error {
    io::ErrorKind::TimedOut.into()
}

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
