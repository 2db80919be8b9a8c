//! The story of a token: who asks gets the one that is held; who finds none waits for the one fetch that is under
//! way; and that fetch runs on the library's own thread, so that no caller can take it along when giving up.

mod account;
mod authorize;
mod components;
mod fetch;
mod fleet;
mod flight;
mod known;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::api::Origins;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Credentials, Settings};
use crate::dpop::ServerClock;
use crate::error::Error;
use crate::policy::Decision;
use crate::process::ProcessLocal;
use crate::token::Token;

pub use authorize::{Authorization, Observation, Verdict};
use components::{Components, SystemComponents};
use flight::{Hangar, Landed, Purpose};
use known::Known;

/// Gets tokens for one set of credentials, and keeps the current one for every caller in the process.
///
/// Make one and share it: it is thread-safe and a clone is the same client. A forked child can go on using it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    /// Changed by `set_credentials` alone, under the lock of `Hangar`.
    settings: ArcSwap<Settings>,
    components: Box<dyn Components>,
    clock: Arc<dyn Clock>,
    /// Read by every call without a lock; written only under the lock of `Hangar`.
    known: ArcSwap<Known>,
    hangar: ProcessLocal<Hangar>,
    /// Where tokens may be sent.
    origins: Origins,
    server_clock: Arc<ServerClock>,
}

/// What a caller gets from one look at what is known.
enum Availability {
    Token(Token),
    Wait(Landed),
}

impl Client {
    /// Checks the configuration. Starts no thread, opens no connection and sends nothing.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::with_components(config, Arc::new(SystemClock), Box::new(SystemComponents))
    }

    fn with_components(config: &Config, clock: Arc<dyn Clock>, components: Box<dyn Components>) -> Result<Self, Error> {
        let settings = Arc::new(config.resolve()?);
        let server_clock = Arc::new(ServerClock::new(Arc::clone(&clock)));
        let origins = Origins::new(&settings.api_urls, &clock);
        let inner = Inner {
            known: ArcSwap::from_pointee(Known::new(&settings)),
            settings: ArcSwap::new(Arc::clone(&settings)),
            hangar: ProcessLocal::new(),
            components,
            clock,
            origins,
            server_clock,
        };
        inner.hangar.get().endpoint(&inner, &settings)?;
        Ok(Self(Arc::new(inner)))
    }

    /// A valid token: at once where one is held, else after the one fetch that all callers share.
    ///
    /// Waits for at most the total timeout. Inside a callback of this library, where waiting would be for itself, it
    /// gives [`Status::WouldBlock`] unless a token is held.
    ///
    /// [`Status::WouldBlock`]: crate::Status::WouldBlock
    pub fn acquire(&self) -> Result<Token, Error> {
        match self.0.look()? {
            Availability::Token(token) => Ok(token),
            Availability::Wait(landed) => {
                let timeout = self.0.settings.load().transport.total_timeout;
                let waited = self.0.components.runtime()?.wait_for(landed.within(timeout), timeout)?;
                waited.flatten().unwrap_or_else(|| Err(self.0.timed_out(timeout)))
            }
        }
    }

    /// The same for asynchronous callers, in any runtime. Dropping the future disturbs nobody else who waits.
    pub fn acquire_async(&self) -> impl Future<Output = Result<Token, Error>> + Send + 'static {
        let client = self.clone();
        async move {
            match client.0.look()? {
                Availability::Token(token) => Ok(token),
                Availability::Wait(landed) => {
                    let timeout = client.0.settings.load().transport.total_timeout;
                    let waiting = client.0.components.runtime()?.spawn(landed.within(timeout));
                    let waited = waiting.await.unwrap_or_else(|_| Some(Err(flight::lost())));
                    waited.unwrap_or_else(|| Err(client.0.timed_out(timeout)))
                }
            }
        }
    }

    /// Drops `token` if it is the one that is held, because an API refused it as `invalid_token`. True if it was.
    ///
    /// A shared cache that still holds that very token loses it as well, in the background. The next `acquire` fetches
    /// another, which the server's quota may refuse: call this for that refusal only.
    pub fn invalidate(&self, token: &Token) -> bool {
        let hangar = self.0.hangar.get();
        let dropped = hangar.update(&self.0, |known, slot| {
            let Some(account) = known.drop_refused(token) else { return false };
            if account.look_again.is_some() {
                // Where no thread can be started the next look writes it.
                account.note_unsaved(self.0.clock.now());
                let _ = slot.start_or_join(&self.0, &hangar, &account.settings, Purpose::Look);
            }
            true
        });
        if dropped {
            tracing::warn!("the API refused the token; the next call fetches another");
        }
        dropped
    }

    /// Uses other credentials from now on: a new client id and secret, another service account, or both.
    ///
    /// The token that is held goes on being served until there is one for the new credentials; the next call starts to
    /// fetch it behind that one. A changed password alone is used for the next fetch and needs no new token.
    pub fn set_credentials(&self, credentials: &Credentials) -> Result<(), Error> {
        self.0.hangar.get().update(&self.0, |known, _| {
            let after = Arc::new(self.0.settings.load().with_credentials(credentials)?);
            known.use_settings(&after, self.0.clock.now());
            self.0.settings.store(after);
            Ok(())
        })
    }
}

impl Inner {
    fn look(self: &Arc<Self>) -> Result<Availability, Error> {
        match self.serve_from_memory() {
            Some(token) => Ok(Availability::Token(token)),
            None => self.decide(),
        }
    }

    /// The way of nearly every call: no lock, no system call, no memory allocated.
    fn serve_from_memory(&self) -> Option<Token> {
        let known = self.known.load();
        let held = known.served.as_ref()?;
        known.serves_until.is_ahead_of(self.clock.coarse()).then(|| held.token())
    }

    fn decide(self: &Arc<Self>) -> Result<Availability, Error> {
        let hangar = self.hangar.get();
        hangar.update(self, |known, slot| {
            let (now, settings) = (self.clock.now(), self.settings.load_full());
            let under_way = slot.under_way();
            let mut start = |purpose| slot.start_or_join(self, &hangar, &settings, purpose);
            match (known.decide(&settings, under_way, now), known.token(now).cloned()) {
                (Decision::Serve, Some(held)) => {
                    if known.current().starts_look(now) {
                        // It only keeps the shared cache and this client in agreement, behind the caller's back.
                        let _ = start(Purpose::Look);
                    }
                    Ok(Availability::Token(held.token()))
                }
                (Decision::ServeAndRefresh, Some(held)) => {
                    // Where no thread can be started the token is as good as before; it is tried again later.
                    let _ = start(Purpose::Fetch);
                    Ok(Availability::Token(held.token()))
                }
                // Others may have found a token meanwhile, or put theirs back.
                (Decision::Refuse { until }, _) => {
                    let account = known.current();
                    let look = account.starts_look(now).then(|| start(Purpose::Look).ok()).flatten();
                    look.map_or_else(|| Err(account.refusal(until, now)), |landed| Ok(Availability::Wait(landed)))
                }
                _ => start(Purpose::Fetch).map(Availability::Wait),
            }
        })
    }

    /// What a caller gets whose fetch says nothing in time: nothing new, where it is known why nothing is sent.
    fn timed_out(&self, timeout: Duration) -> Error {
        let (known, now, settings) = (self.known.load(), self.clock.now(), self.settings.load());
        match (known.decide(&settings, None, now), known.find(&settings)) {
            (Decision::Refuse { until }, Some(account)) => account.refusal(until, now),
            _ => flight::timed_out(timeout),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.0.settings.load();
        f.debug_struct("Client")
            .field("token_url", &settings.token_url.as_str())
            .field("client_id", &settings.request.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
