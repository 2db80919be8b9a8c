//! Where the server is, and how it is reached.

use std::fmt;
use std::sync::Arc;

use once_cell::sync::OnceCell;
use redis::{ConnectionInfo, IntoConnectionInfo, RedisError};
use rustls::ClientConfig;
use secrecy::SecretString;
use url::Url;

use crate::process::ProcessLocal;

/// What keys begin with unless the address says otherwise.
const PREFIX: &str = "tango-token:";
pub(super) const PORT: u16 = 6379;

/// Where the server is, or the servers of a cluster.
#[derive(Clone)]
pub(crate) struct RedisAddress {
    nodes: Vec<Url>,
    is_cluster: bool,
    prefix: String,
    /// The authorities to trust instead of the system's, in PEM.
    authorities: Option<Vec<u8>>,
    /// Made with the first connection over TLS: the system's authorities take long to read. Its cache of sessions has locks.
    tls: Arc<ProcessLocal<OnceCell<Arc<ClientConfig>>>>,
}

impl RedisAddress {
    /// `redis://` or, with TLS, `rediss://`, then `[user:password@]host[:port][/database]`, and as parameters `cluster=true`
    /// and `prefix=`. Further URLs, after a space, are further nodes of the cluster.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut address = Self {
            nodes: Vec::new(),
            is_cluster: false,
            prefix: PREFIX.into(),
            authorities: None,
            tls: Arc::new(ProcessLocal::new()),
        };
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

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    pub(super) fn has_tls(&self) -> bool {
        self.nodes[0].scheme() == "rediss"
    }

    pub(super) fn nodes(&self) -> &[Url] {
        &self.nodes
    }

    /// The first node, with the user, the password and the database, and no name, which would need a right of its own.
    pub(super) fn info(&self) -> Result<ConnectionInfo, RedisError> {
        let info = self.nodes[0].clone().into_connection_info()?;
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(info.set_redis_settings(settings))
    }

    pub(super) fn authorities(&self) -> Option<&[u8]> {
        self.authorities.as_deref()
    }

    /// This process's own.
    pub(super) fn tls(&self) -> Arc<OnceCell<Arc<ClientConfig>>> {
        self.tls.get()
    }
}

/// Hosts and ports, and nothing that is a secret.
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

fn percent_decoded(text: &str) -> Option<String> {
    // A form has one more escape, `+`, which is hidden from it.
    let form = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
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
