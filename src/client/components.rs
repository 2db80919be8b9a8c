//! The parts through which a client reaches the rest of the world, which tests replace.

use std::sync::Arc;

use crate::config::Settings;
use crate::counters::Counters;
use crate::dpop::ServerClock;
use crate::endpoint::{TokenEndpoint, TokenSource};
use crate::error::Error;
use crate::runtime::Runtime;
use crate::store::{Names, Observed, Store};

pub(crate) trait Components: Send + Sync + 'static {
    /// Returns the source of tokens.
    fn endpoint(
        &self,
        settings: &Settings,
        server_clock: &Arc<ServerClock>,
        counters: &Arc<Counters>,
    ) -> Arc<dyn TokenSource>;

    /// Returns the store that shares tokens, for one refresh; `None` if they are kept in memory only.
    fn store(&self, settings: &Settings, names: &Names, counters: &Arc<Counters>) -> Option<Box<dyn Store>>;

    /// Returns the thread that works for all callers, and starts it if there is none.
    fn runtime(&self) -> Result<Runtime, Error>;

    /// Returns that thread if it runs already.
    fn running(&self) -> Option<Runtime>;
}

/// This machine and its network.
pub(crate) struct SystemComponents;

impl Components for SystemComponents {
    fn endpoint(
        &self,
        settings: &Settings,
        server_clock: &Arc<ServerClock>,
        counters: &Arc<Counters>,
    ) -> Arc<dyn TokenSource> {
        Arc::new(TokenEndpoint::new(settings, server_clock, counters))
    }

    fn store(&self, settings: &Settings, names: &Names, counters: &Arc<Counters>) -> Option<Box<dyn Store>> {
        let store = settings.cache.store(names)?;
        Some(Box::new(Observed::new(store, settings.cache.name(), &settings.request.client_id, counters)))
    }

    fn runtime(&self) -> Result<Runtime, Error> {
        Runtime::current()
    }

    fn running(&self) -> Option<Runtime> {
        Runtime::running()
    }
}
