//! A connection to one server or to a cluster, for one refresh or sync.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::io::AsyncDNSResolver;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisError, RedisFuture, TlsCertificates};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{PORT, RedisAddress};
use crate::human;
use crate::read_budget::{Budgeted, ReadBudget};
use crate::resolver::Resolver;
use crate::tls_provider;

/// Short enough to try once more within the timeout of an operation.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) enum Connection {
    Single {
        connection: MultiplexedConnection,
        budget: ReadBudget,
        _driver: Driver,
    },
    /// Its connections are made by the redis crate, which limits what they read by time alone.
    Cluster(ClusterConnection),
}

impl Connection {
    pub async fn open(address: &RedisAddress) -> Result<Self, RedisError> {
        if address.is_cluster() {
            return match cluster(address).await {
                Ok(connection) => Ok(Self::Cluster(connection)),
                // The cluster client keeps only the words of a cause, and those of a TLS handshake need an explanation.
                Err(error) if address.has_tls() => {
                    let handshake = time::timeout(CONNECT_TIMEOUT, secured(address, ReadBudget::new())).await;
                    Err(handshake.ok().and_then(Result::err).map_or(error, RedisError::from))
                }
                Err(error) => Err(error),
            };
        }
        time::timeout(CONNECT_TIMEOUT, Self::single(address)).await.map_err(|_| timed_out())?
    }

    async fn single(address: &RedisAddress) -> Result<Self, RedisError> {
        let budget = ReadBudget::new();
        let stream: Pin<Box<dyn Stream>> = if address.has_tls() {
            Box::pin(secured(address, budget.clone()).await?)
        } else {
            Box::pin(Budgeted::new(connected(address).await?, budget.clone()))
        };
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(CONNECT_TIMEOUT));
        let info = address.info()?;
        let (connection, driver) =
            MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await?;
        Ok(Self::Single { connection, budget, _driver: Driver(tokio::spawn(driver)) })
    }

    pub async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        async fn query<T: FromRedisValue>(
            connection: &mut impl ConnectionLike,
            command: &Cmd,
        ) -> Result<T, RedisError> {
            command.query_async(connection).await
        }
        match self {
            Self::Single { connection, budget, .. } => {
                budget.restart();
                query(connection, command).await
            }
            Self::Cluster(connection) => query(connection, command).await,
        }
    }
}

/// The bytes to and from a server.
trait Stream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// For clusters.
impl AsyncDNSResolver for Resolver {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let addresses = self.addresses(host, port).await?;
            Ok(Box::new(addresses.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

/// The task that transfers the bytes of a connection. It ends with the connection.
pub(super) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn cluster(address: &RedisAddress) -> Result<ClusterConnection, RedisError> {
    let mut builder = ClusterClientBuilder::new(address.nodes().iter().cloned())
        .retries(1)
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(CONNECT_TIMEOUT)
        .async_dns_resolver(address.resolver().clone());
    if address.has_tls() {
        tls_provider::install();
        let root_cert = address.trusted().pem().map_err(io::Error::other)?;
        builder = builder.certs(TlsCertificates { client_tls: None, root_cert });
    }
    builder.build()?.get_async_connection().await
}

/// Opens a connection to the first node. The redis crate would not limit what is read from it. All addresses are tried
/// at once, because one may hang.
async fn connected(address: &RedisAddress) -> io::Result<TcpStream> {
    let addresses = address.resolver().addresses(host(address), address.nodes()[0].port().unwrap_or(PORT)).await?;
    let mut attempts: JoinSet<_> = addresses.into_iter().map(TcpStream::connect).collect();
    let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
    while outcome.is_err()
        && let Some(attempt) = attempts.join_next().await
    {
        outcome = attempt.map_err(io::Error::other).flatten();
    }
    let stream = outcome?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Returns the host of the first node, an IPv6 address without its brackets.
fn host(address: &RedisAddress) -> &str {
    address.nodes()[0].host_str().unwrap_or_default().trim_matches(['[', ']'])
}

/// Opens a TLS connection to a single server. The redis crate would read the system's authorities even if others are to
/// be trusted, and would fail if one of them is damaged.
async fn secured(address: &RedisAddress, budget: ReadBudget) -> io::Result<TlsStream<Budgeted<TcpStream>>> {
    let name = ServerName::try_from(host(address).to_owned()).map_err(io::Error::other)?;
    let stream = Budgeted::new(connected(address).await?, budget);
    let trust = address.trusted().clone();
    let config = address.resolver().workers().run(move || trust.client_config()).await.map_err(io::Error::other)?;
    let config = config.map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {}", human::span(CONNECT_TIMEOUT)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn host_name_is_resolved_though_the_blocking_threads_of_the_runtime_hang() {
        for (scheme, parameters) in [("redis", ""), ("rediss", ""), ("redis", "?cluster=true")] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let (accepted, connected) = mpsc::channel();
            thread::spawn(move || accepted.send(listener.accept().is_ok()));
            let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
            let (hang, hanging) = mpsc::channel::<()>();
            runtime.spawn_blocking(move || hanging.recv());
            let address = RedisAddress::parse(&format!("{scheme}://localhost:{port}{parameters}")).unwrap();
            // Nobody speaks the protocol there.
            drop(runtime.block_on(Connection::open(&address)));
            assert_eq!(connected.recv_timeout(CONNECT_TIMEOUT), Ok(true), "{address} with {scheme}{parameters}");
            drop(hang);
        }
    }
}
