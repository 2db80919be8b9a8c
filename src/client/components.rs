//! What a client reaches the rest of the world through, so that tests can own it.

use std::sync::Arc;

use crate::config::Settings;
use crate::dpop::ServerClock;
use crate::endpoint::{TokenEndpoint, TokenSource};
use crate::error::Error;
use crate::runtime::Runtime;
use crate::store::{Logged, Names, Store};

pub(crate) trait Components: Send + Sync + 'static {
    /// Where tokens come from.
    fn endpoint(&self, settings: &Settings, server_clock: &Arc<ServerClock>) -> Arc<dyn TokenSource>;

    /// Where they are shared, for one fetch; `None` where they are not.
    fn store(&self, settings: &Settings, names: &Names) -> Option<Box<dyn Store>>;

    /// Where work is done behind the callers' backs.
    fn runtime(&self) -> Result<Runtime, Error>;

    /// The same if it is there already.
    fn running(&self) -> Option<Runtime>;
}

/// This machine and its network.
pub(crate) struct SystemComponents;

impl Components for SystemComponents {
    fn endpoint(&self, settings: &Settings, server_clock: &Arc<ServerClock>) -> Arc<dyn TokenSource> {
        Arc::new(TokenEndpoint::new(settings, server_clock))
    }

    fn store(&self, settings: &Settings, names: &Names) -> Option<Box<dyn Store>> {
        let store = settings.cache.store(names)?;
        Some(Box::new(Logged::new(store, settings.cache.name(), &settings.request.client_id)))
    }

    fn runtime(&self) -> Result<Runtime, Error> {
        Runtime::current()
    }

    fn running(&self) -> Option<Runtime> {
        Runtime::running()
    }
}
