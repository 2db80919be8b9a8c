//! `NO_PROXY`: the hosts that are reached without a proxy.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// An entry of the list: hosts that are reached without the proxy, at one port or at all.
#[derive(Debug)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug)]
enum Hosts {
    Every,
    Network(IpNet),
    /// A host and all below it, in the spelling of a URL.
    Domain(String),
}

/// Returns the first entry that names the host of `target`. Entries are separated by commas or blanks. An entry is `*`, an
/// IP address, a network such as `10.0.0.0/8`, or a domain, which stands for its subdomains as well; each but `*` can
/// have a port. As in curl, a leading dot means nothing.
pub(super) fn entry_for<'a>(list: &'a str, target: &Url) -> Result<Option<&'a str>, String> {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    let entries: Option<Vec<_>> = entries.map(|entry| Some((entry, Exception::parse(entry)?))).collect();
    let entries = entries.ok_or(
        "has an entry that is neither `*` nor a host, a domain, an IP address or a network such as 10.0.0.0/8, \
         with or without a port; entries are separated by commas",
    )?;
    Ok(entries.into_iter().find(|(_, exception)| exception.covers(target)).map(|(entry, _)| entry))
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self { hosts: Hosts::Every, port: None });
        }
        if let Some(network) = network(text) {
            return Some(Self { hosts: Hosts::Network(network), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let hosts = network(host).map(Hosts::Network).or_else(|| domain(host))?;
        Some(Self { hosts, port })
    }

    fn covers(&self, target: &Url) -> bool {
        let is_host = match (&self.hosts, target.host()) {
            (Hosts::Every, _) => true,
            (Hosts::Network(network), Some(Host::Ipv4(address))) => network.contains(&IpAddr::V4(address)),
            (Hosts::Network(network), Some(Host::Ipv6(address))) => {
                network.contains(&IpAddr::V6(address)) || network.contains(&address.to_canonical())
            }
            (Hosts::Domain(domain), Some(Host::Domain(host))) => {
                let host = host.strip_suffix('.').unwrap_or(host);
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            _ => false,
        };
        is_host && self.port.is_none_or(|port| Some(port) == target.port_or_known_default())
    }
}

/// Reads an address or a network. An IPv6 address can be in brackets.
fn network(text: &str) -> Option<IpNet> {
    let text = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, prefix) = rest.split_once(']').filter(|(_, prefix)| !prefix.starts_with(':'))?;
            format!("{address}{prefix}")
        }
        None => text.to_owned(),
    };
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn domain(text: &str) -> Option<Hosts> {
    let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    match Host::parse(name.strip_suffix('.').unwrap_or(name)).ok()? {
        Host::Domain(name) if name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c)) => {
            Some(Hosts::Domain(name))
        }
        Host::Domain(_) => None,
        // In the spellings of an IPv4 address that a URL can have.
        Host::Ipv4(address) => Some(Hosts::Network(IpAddr::V4(address).into())),
        Host::Ipv6(address) => Some(Hosts::Network(IpAddr::V6(address).into())),
    }
}
