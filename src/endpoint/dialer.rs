//! Opens TCP connections and makes TLS handshakes.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::read_budget::{Budgeted, ReadBudget};
use crate::resolver::Resolver;
use crate::trust::Trust;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// The bytes to and from a server or a proxy.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Opens TCP connections and secures them.
pub(super) struct Dialer {
    tcp: HttpConnector<Resolver>,
    pub resolver: Resolver,
    trust: Trust,
    budget: ReadBudget,
}

impl Dialer {
    /// Everything that its connections read is taken from `budget`.
    pub fn new(trust: Trust, connect_timeout: Duration, budget: ReadBudget) -> Self {
        let resolver = Resolver::new();
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Divided among the addresses of a host, so that one that hangs leaves time for the next.
        tcp.set_connect_timeout(Some(connect_timeout));
        Self { tcp, resolver, trust, budget }
    }

    pub async fn open(&self, to: &Uri) -> Result<Box<dyn Io>, BoxError> {
        let stream = self.tcp.clone().call(to.clone()).await?;
        Ok(Box::new(Budgeted::new(stream.into_inner(), self.budget.clone())))
    }

    /// Reads the certificate authorities and makes the TLS handshake with the host of `server`.
    pub async fn secure(&self, io: Box<dyn Io>, server: &Uri) -> Result<Box<dyn Io>, BoxError> {
        Ok(Box::new(handshake(io, server, self.read_trust(|verifier| verifier).await?).await?))
    }

    /// Makes the handshake with a verifier around the one that decides.
    pub async fn secure_watched(
        &self,
        io: Box<dyn Io>,
        server: &Uri,
        watch: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> + Send + 'static,
    ) -> Result<TlsStream<Box<dyn Io>>, BoxError> {
        handshake(io, server, self.read_trust(watch).await?).await
    }

    /// Opens a TCP connection to `server` and secures it. Authorities that cannot be used are told before the server is
    /// found to be out of reach.
    pub async fn open_secured(&self, server: &Uri) -> Result<Box<dyn Io>, BoxError> {
        let config = self.read_trust(|verifier| verifier).await?;
        Ok(Box::new(handshake(self.open(server).await?, server, config).await?))
    }

    /// Reads the certificate authorities and returns a configuration for HTTP/1.1 that trusts them.
    async fn read_trust(
        &self,
        watch: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> + Send + 'static,
    ) -> Result<ClientConfig, BoxError> {
        let trust = self.trust.clone();
        // On another thread, because files of a network can hang.
        let config = self.resolver.workers().run(move || trust.client_config_watched(watch)).await?;
        let mut config = config.map_err(BadConfiguration)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

async fn handshake(io: Box<dyn Io>, server: &Uri, config: ClientConfig) -> Result<TlsStream<Box<dyn Io>>, BoxError> {
    let name = ServerName::try_from(host(server).to_owned())?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, io).await?)
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

/// The reason why no connection can be made that is in the configuration of this machine.
#[derive(Debug)]
pub(super) struct BadConfiguration(pub String);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for BadConfiguration {}
