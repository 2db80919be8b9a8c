//! Resolves host names on threads of each client's own, so that a name server that hangs for one delays no other.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::threads::Code;
use crate::workers::Workers;

/// A connection needs one thread, and abandons it if the name server hangs.
const MAX_WORKERS: u32 = 4;

#[derive(Clone)]
pub(crate) struct Resolver(Workers);

impl Resolver {
    pub fn new() -> Self {
        Self(Workers::new("tango-resolver", Code::Library, MAX_WORKERS))
    }

    /// The threads, for other calls that block while a connection is made.
    pub fn workers(&self) -> &Workers {
        &self.0
    }

    /// Returns the addresses of a host, at least one. A host that is an address needs no thread.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let host = host.to_owned();
        let found = self.0.run(move || (host, port).to_socket_addrs()).await.map_err(io::Error::other)??;
        let found: Vec<_> = found.collect();
        if found.is_empty() { Err(io::Error::other("the host name has no address")) } else { Ok(found) }
    }
}
