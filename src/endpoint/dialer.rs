//! Opens TCP connections and makes TLS handshakes.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower_service::Service;

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
}

impl Dialer {
    pub fn new(trust: Trust, connect_timeout: Duration) -> Self {
        let resolver = Resolver::new();
        let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Divided among the addresses of a host, so that one that hangs leaves time for the next.
        tcp.set_connect_timeout(Some(connect_timeout));
        Self { tcp, resolver, trust }
    }

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

/// The reason why no connection can be made that is in the configuration of this machine.
#[derive(Debug)]
pub(super) struct BadConfiguration(pub String);

impl fmt::Display for BadConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for BadConfiguration {}
