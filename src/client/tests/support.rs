//! What the tests share: a client of a scripted server, and a fleet of such clients with one cache.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::memory_store::MemoryStore;
use super::server::{ScriptedResponse, Server};
use super::*;
use crate::clock::manual::ManualClock;

pub struct Fixture {
    pub server: Server,
    pub clock: Arc<ManualClock>,
    pub client: Client,
}

/// A client of a server that sends `respond(n)` in response to its n-th request.
pub fn fixture(respond: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static) -> Fixture {
    fixture_with(|_| {}, respond)
}

pub fn fixture_with(
    adjust: impl FnOnce(&mut Config),
    respond: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static,
) -> Fixture {
    let server = Server::start(respond);
    let clock = Arc::new(ManualClock::new());
    let mut config = config_for(&server);
    adjust(&mut config);
    let client =
        Client::with_components(&config, Arc::clone(&clock) as Arc<dyn Clock>, Box::new(SystemComponents)).unwrap();
    Fixture { server, clock, client }
}

pub fn config_for(server: &Server) -> Config {
    let mut config = Config::new();
    config.token_url(server.url()).proxy("none").client_id("id").client_secret("the-secret");
    config.username("name").password("the-password");
    config
}

impl Fixture {
    pub fn value(&self) -> String {
        self.client.acquire().unwrap().value().to_owned()
    }

    pub fn failure(&self) -> Error {
        self.client.acquire().unwrap_err()
    }

    /// Waits for what the library does behind the callers.
    pub fn eventually(&self, what: impl Fn(&Self) -> bool) {
        for _ in 0..4_000 {
            if what(self) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not happen within 20 seconds");
    }

    pub fn is_idle(&self) -> bool {
        self.client.0.is_idle()
    }
}

pub fn token(number: usize) -> ScriptedResponse {
    ScriptedResponse::json(
        200,
        &format!(r#"{{"access_token":"token-{number}","expires_in":86400,"token_type":"Bearer"}}"#),
    )
}

pub struct Fleet {
    pub server: Server,
    pub clock: Arc<ManualClock>,
    pub memory_store: MemoryStore,
}

pub fn fleet(respond: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static) -> Fleet {
    let clock = Arc::new(ManualClock::new());
    Fleet { server: Server::start(respond), memory_store: MemoryStore::new(&clock), clock }
}

impl Fleet {
    /// One more process.
    pub fn join(&self) -> Fixture {
        self.join_with(|config| config)
    }

    pub fn join_with(&self, adjust: impl FnOnce(&mut Config) -> &mut Config) -> Fixture {
        let mut config = config_for(&self.server);
        config.custom_cache(self.memory_store.clone());
        adjust(&mut config);
        let client =
            Client::with_components(&config, Arc::clone(&self.clock) as Arc<dyn Clock>, Box::new(SystemComponents))
                .unwrap();
        Fixture { server: self.server.clone(), clock: Arc::clone(&self.clock), client }
    }

    /// One whose callers do not wait long for what the cache does not take.
    pub fn join_impatient(&self) -> Fixture {
        self.join_with(|config| config.total_timeout(Duration::from_millis(1500)))
    }

    pub fn requests(&self) -> usize {
        self.server.requests().len()
    }

    /// The number of suspect tokens in the shared ledger.
    pub fn suspects(&self) -> usize {
        self.memory_store.ledger()["suspect_tokens"].as_array().unwrap().len()
    }
}

pub fn quota_refusal() -> ScriptedResponse {
    ScriptedResponse::text(400, "Client sandbox id has exceeded the daily rate limit")
}

/// Makes a call that starts a sync behind it, and waits until that has ended. Returns the value that the call got.
pub fn sync(fixture: &Fixture) -> String {
    fixture.clock.advance(Duration::from_secs(400));
    let value = fixture.value();
    fixture.eventually(Fixture::is_idle);
    value
}
