//! Resolves host names on threads of each client's own, so that a name server that hangs for one delays no other.

use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::connector::BoxError;
use crate::threads::Workers;

/// A request needs one thread, and abandons it if the name server hangs.
const MAX_WORKERS: u32 = 4;

#[derive(Clone)]
pub(super) struct Resolver(Workers);

impl Resolver {
    pub fn new() -> Self {
        Self(Workers::new("tango-resolver", MAX_WORKERS))
    }

    /// The threads, for other calls that block while a connection is made.
    pub fn workers(&self) -> &Workers {
        &self.0
    }

    pub async fn resolve(&self, name: String) -> Result<vec::IntoIter<SocketAddr>, BoxError> {
        Ok(self.0.run(move || (name, 0).to_socket_addrs()).await??)
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { resolver.resolve(name.as_str().to_owned()).await })
    }
}
