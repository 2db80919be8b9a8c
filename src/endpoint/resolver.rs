//! Resolves host names on threads of each client's own, so that a name server that hangs for one delays no other.

use std::net::ToSocketAddrs;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::threads::Workers;

/// A request needs one thread, and abandons it if the name server hangs.
const MAX_WORKERS: u32 = 4;

pub(super) struct Resolver(Workers);

impl Resolver {
    pub fn new() -> Self {
        Self(Workers::new("tango-resolver", MAX_WORKERS))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let workers = self.0.clone();
        Box::pin(async move {
            let addresses = workers.run(move || (name.as_str(), 0).to_socket_addrs()).await??;
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
