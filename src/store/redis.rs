//! Redis, Valkey and what speaks their protocol, alone or as a cluster.
//!
//! A connection lives as long as one fetch, which comes a few times a day: hundreds of idle ones would help nobody, and
//! none breaks unseen between two uses.

use std::fmt;
use std::mem;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, TlsCertificates,
};
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time;
use url::Url;

use super::{Entry, Kind, LONGEST_OPERATION, Loaded, Names, Reply, Store, Trouble, blocking};

/// What keys begin with unless the address says otherwise.
const PREFIX: &str = "tango-token:";
/// A server that is there is reached sooner, and one that is not leaves time to try once more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Both entries and the time, which is the same for all who ask this server.
const LOAD: &str = "return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('TIME')}";
const LOCK: &str = "local owner = redis.call('GET', KEYS[1]) \
    if owner and owner ~= ARGV[1] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
/// For each key a value and how long to keep it; no value removes the key.
const SAVE: &str = "for i, key in ipairs(KEYS) do \
    if ARGV[2 * i] == '0' then redis.call('DEL', key) else redis.call('SET', key, ARGV[2 * i - 1], 'PX', ARGV[2 * i]) end \
    end return 1";

/// Where the server is, or the servers of a cluster.
#[derive(Clone)]
pub(crate) struct RedisAddress {
    nodes: Vec<Url>,
    is_cluster: bool,
    prefix: String,
    /// The authorities to trust instead of the system's, in PEM.
    authorities: Option<Vec<u8>>,
}

impl RedisAddress {
    /// `redis://` or, with TLS, `rediss://`, then `[user:password@]host[:port][/database]`, and as parameters `cluster=true`
    /// and `prefix=`. Further URLs, after a space, are further nodes of the cluster.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut address = Self { nodes: Vec::new(), is_cluster: false, prefix: PREFIX.into(), authorities: None };
        for word in text.split_ascii_whitespace() {
            let mut url = Url::parse(word).map_err(|_| "is not a URL")?;
            if !matches!(url.scheme(), "redis" | "rediss") || !url.has_host() {
                return Err("must be a redis:// or rediss:// URL with a host");
            }
            for (name, value) in url.query_pairs() {
                match (&*name, &*value) {
                    ("cluster", "true") => address.is_cluster = true,
                    ("cluster", "false") => {}
                    ("prefix", prefix) if !prefix.contains(['{', '}']) => prefix.clone_into(&mut address.prefix),
                    _ => return Err("has a parameter that is neither cluster=true nor prefix= without braces"),
                }
            }
            url.set_query(None);
            url.clone().into_connection_info().map_err(|_| "has a host, port or database that cannot be one")?;
            address.nodes.push(url);
        }
        match address.nodes.as_slice() {
            [] => Err("is empty"),
            [_] => Ok(address),
            [first, rest @ ..] if address.is_cluster && rest.iter().all(|url| url.scheme() == first.scheme()) => {
                Ok(address)
            }
            _ => Err("has several URLs, which need cluster=true and one scheme"),
        }
    }

    pub fn trust(&mut self, authorities: Option<Vec<u8>>) {
        self.authorities = authorities;
    }

    /// Everything in it that nobody may see.
    pub fn passwords(&self) -> impl Iterator<Item = SecretString> {
        self.nodes
            .iter()
            .filter_map(|url| url.password())
            .map(|password| percent_decoded(password).unwrap_or_else(|| password.to_owned()).into())
    }

    async fn connect(&self) -> Result<Connection, RedisError> {
        if self.nodes[0].scheme() == "rediss" {
            // A program with several providers of cryptography has to choose one; if it did, that is the one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let certificates =
            || self.authorities.clone().map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) });
        if self.is_cluster {
            let mut builder = ClusterClientBuilder::new(self.nodes.iter().cloned())
                .retries(1)
                .connection_timeout(CONNECT_TIMEOUT)
                .response_timeout(CONNECT_TIMEOUT);
            if let Some(certificates) = certificates() {
                builder = builder.certs(certificates);
            }
            return builder.build()?.get_async_connection().await.map(Connection::Cluster);
        }
        let client = match certificates().filter(|_| self.nodes[0].scheme() == "rediss") {
            Some(certificates) => Client::build_with_tls(self.nodes[0].clone(), certificates)?,
            None => Client::open(self.nodes[0].clone())?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CONNECT_TIMEOUT));
        client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
    }
}

/// Hosts and ports, and nothing that is a secret.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, url) in self.nodes.iter().enumerate() {
            let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(6379));
            write!(f, "{}{host}:{port}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    // A form has one more escape, `+`, which is hidden from it.
    let form = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        async fn query<T: FromRedisValue>(
            connection: &mut impl ConnectionLike,
            command: &Cmd,
        ) -> Result<T, RedisError> {
            command.query_async(connection).await
        }
        match self {
            Self::Single(connection) => query(connection, command).await,
            Self::Cluster(connection) => query(connection, command).await,
        }
    }
}

/// The entries of one cache key on a server, for one fetch.
pub(crate) struct Redis {
    address: RedisAddress,
    names: Names,
    owner: String,
    connection: Mutex<Option<Connection>>,
}

impl Redis {
    pub fn new(address: RedisAddress, names: Names) -> Self {
        Self { address, names, owner: blocking::new_owner(), connection: Mutex::new(None) }
    }

    /// A connection that broke is made anew once. Every command here can be given twice.
    async fn run<T: FromRedisValue>(&self, command: Cmd) -> Result<T, Trouble> {
        let running = async {
            let mut connection = self.connection.lock().await;
            let mut is_new = connection.is_none();
            loop {
                let current = match &mut *connection {
                    Some(current) => current,
                    empty => empty.insert(self.address.connect().await?),
                };
                match current.query(&command).await {
                    Err(error) if error.is_io_error() || error.is_unrecoverable_error() => {
                        *connection = None;
                        if mem::replace(&mut is_new, true) {
                            return Err(error);
                        }
                    }
                    outcome => return outcome,
                }
            }
        };
        match time::timeout(LONGEST_OPERATION, running).await {
            Ok(outcome) => outcome.map_err(|error| self.trouble(&error)),
            Err(_) => Err(Trouble(format!("{} did not answer within {} s", self.address, LONGEST_OPERATION.as_secs()))),
        }
    }

    fn trouble(&self, error: &RedisError) -> Trouble {
        let advice = match error.kind() {
            ErrorKind::AuthenticationFailed => "; check the user and the password in the address of the cache",
            ErrorKind::InvalidClientConfig => "; check the address of the cache",
            _ => "",
        };
        Trouble(format!("{}: {error}{advice}", self.address))
    }

    fn script(text: &str, keys: &[String]) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(text).arg(keys.len()).arg(keys);
        command
    }

    fn entry(&self, kind: Kind) -> String {
        self.names.redis_entry(&self.address.prefix, kind)
    }

    fn lock_key(&self) -> [String; 1] {
        [self.names.redis_lock(&self.address.prefix)]
    }
}

impl Store for Redis {
    fn load(&self) -> Reply<'_, Loaded> {
        Box::pin(async {
            let keys = [self.entry(Kind::Record), self.entry(Kind::Ledger)];
            let (record, ledger, (seconds, microseconds)): (_, _, (i64, i64)) =
                self.run(Self::script(LOAD, &keys)).await?;
            Ok(Loaded {
                record,
                ledger,
                unix_ms: Some(seconds.saturating_mul(1000).saturating_add(microseconds / 1000)),
            })
        })
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> Reply<'a, ()> {
        Box::pin(async move {
            let keys: Vec<_> = entries.iter().map(|entry| self.entry(entry.kind)).collect();
            let mut command = Self::script(SAVE, &keys);
            for entry in entries {
                let keep = entry.keep.as_millis().clamp(1, u32::MAX.into()).to_string();
                match &entry.bytes {
                    Some(bytes) => command.arg(bytes).arg(keep),
                    None => command.arg("").arg("0"),
                };
            }
            self.run::<i64>(command).await.map(drop)
        })
    }

    fn lock(&self, lease: Duration) -> Reply<'_, bool> {
        Box::pin(async move {
            let mut command = Self::script(LOCK, &self.lock_key());
            command.arg(&self.owner).arg(lease.as_millis().max(1).to_string());
            self.run::<i64>(command).await.map(|taken| taken == 1)
        })
    }

    fn unlock(&self) -> Reply<'_, ()> {
        Box::pin(async {
            let mut command = Self::script(UNLOCK, &self.lock_key());
            command.arg(&self.owner);
            self.run::<i64>(command).await.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn an_address_is_a_url_with_two_parameters() {
        let address =
            RedisAddress::parse("rediss://me:p%40ss+w@cache.example:7000/3?prefix=shop:&cluster=false").unwrap();
        assert_eq!((address.prefix.as_str(), address.is_cluster), ("shop:", false));
        assert_eq!(address.to_string(), "cache.example:7000");
        let passwords: Vec<_> = address.passwords().map(|password| password.expose_secret().to_owned()).collect();
        assert_eq!(passwords, ["p@ss+w"]);
        assert!(!format!("{address:?}").contains("ss"));

        let cluster = RedisAddress::parse("redis://a?cluster=true redis://b:1").unwrap();
        assert_eq!((cluster.to_string().as_str(), cluster.is_cluster), ("a:6379, b:1", true));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for text in [
            "",
            "cache.example",
            "http://cache.example",
            "redis://",
            "redis://a?timeout=1",
            "redis://a?cluster=maybe",
            "redis://a?prefix=%7Bx%7D",
            "redis://a redis://b",
            "redis://a?cluster=true rediss://b",
            "redis://a/database",
        ] {
            assert!(RedisAddress::parse(text).is_err(), "{text}");
        }
    }
}
