//! The address of a Redis server, and how to connect to it.

use std::fmt;

use percent_encoding::percent_decode_str;
use redis::{ConnectionInfo, IntoConnectionInfo, RedisError};
use secrecy::SecretString;
use url::Url;

use crate::resolver::Resolver;
use crate::trust::Trust;

/// The default prefix of keys.
const PREFIX: &str = "tango-token:";
pub(super) const PORT: u16 = 6379;

/// The URL of a server, or the URLs of a cluster.
#[derive(Clone)]
pub(crate) struct RedisAddress {
    nodes: Vec<Url>,
    is_cluster: bool,
    prefix: String,
    /// The certificate authorities to trust with TLS.
    trust: Trust,
    resolver: Resolver,
}

impl RedisAddress {
    /// Parses `redis://` or, with TLS, `rediss://`, then `[user:password@]host[:port][/database]`, with the parameters
    /// `cluster=true` and `prefix=`. Further URLs, separated by spaces, are further nodes of the cluster.
    pub fn parse(address: &str) -> Result<Self, &'static str> {
        let mut parsed = Self {
            nodes: Vec::new(),
            is_cluster: false,
            prefix: PREFIX.into(),
            trust: Trust::System,
            resolver: Resolver::new(),
        };
        for word in address.split_ascii_whitespace() {
            let mut url = Url::parse(word).map_err(|_| "is not a URL")?;
            if !matches!(url.scheme(), "redis" | "rediss") || !url.has_host() {
                return Err("must be a redis:// or rediss:// URL with a host");
            }
            for (name, value) in url.query_pairs() {
                match (&*name, &*value) {
                    ("cluster", "true") => parsed.is_cluster = true,
                    ("cluster", "false") => {}
                    ("prefix", prefix) if !prefix.contains(['{', '}']) => prefix.clone_into(&mut parsed.prefix),
                    _ => return Err("has a parameter other than cluster=true and prefix=, or braces in the prefix"),
                }
            }
            url.set_query(None);
            url.clone().into_connection_info().map_err(|_| "has an invalid host, port or database")?;
            parsed.nodes.push(url);
        }
        match parsed.nodes.as_slice() {
            [] => Err("is empty"),
            [_] => Ok(parsed),
            [first, rest @ ..] if parsed.is_cluster && rest.iter().all(|url| url.scheme() == first.scheme()) => {
                Ok(parsed)
            }
            _ => Err("has several URLs, which need cluster=true and one scheme"),
        }
    }

    pub fn trust(&mut self, trust: Trust) {
        self.trust = trust;
    }

    /// Returns the passwords in the URLs, for redaction.
    pub fn passwords(&self) -> impl Iterator<Item = SecretString> {
        self.nodes
            .iter()
            .filter_map(|url| url.password())
            .map(|password| percent_decode_str(password).decode_utf8_lossy().into_owned().into())
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    pub fn has_tls(&self) -> bool {
        self.nodes[0].scheme() == "rediss"
    }

    pub(in crate::store) fn nodes(&self) -> &[Url] {
        &self.nodes
    }

    /// Returns the first node with user name, password and database. The client does not set a name, which would need a
    /// further permission.
    pub(in crate::store) fn info(&self) -> Result<ConnectionInfo, RedisError> {
        let info = self.nodes[0].clone().into_connection_info()?;
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(info.set_redis_settings(settings))
    }

    pub(super) fn trusted(&self) -> &Trust {
        &self.trust
    }

    pub(super) fn resolver(&self) -> &Resolver {
        &self.resolver
    }
}

/// Shows hosts and ports, but no secret.
impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, url) in self.nodes.iter().enumerate() {
            let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(PORT));
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn address_is_a_url_with_two_parameters() {
        let address =
            RedisAddress::parse("rediss://me:p%40ss+w&x=y@cache.example:7000/3?prefix=shop:&cluster=false").unwrap();
        assert_eq!((address.prefix.as_str(), address.is_cluster), ("shop:", false));
        assert_eq!(address.to_string(), "cache.example:7000");
        let passwords: Vec<_> = address.passwords().map(|password| password.expose_secret().to_owned()).collect();
        assert_eq!(passwords, ["p@ss+w&x=y"]);
        assert!(!format!("{address:?}").contains("ss"));

        let cluster = RedisAddress::parse("redis://a?cluster=true redis://b:1").unwrap();
        assert_eq!((cluster.to_string().as_str(), cluster.is_cluster), ("a:6379, b:1", true));
    }

    #[test]
    fn invalid_address_is_refused() {
        for address in [
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
            assert!(RedisAddress::parse(address).is_err(), "{address}");
        }
    }
}
