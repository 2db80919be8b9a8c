//! The clocks of servers, shared with the fleet: a process that finds the token in the cache need not learn them again.

use super::Inner;
use crate::config::Settings;
use crate::dpop::ServerClock;

impl Inner {
    /// Returns the times of the clocks that are known to differ from this machine's, in seconds since 1970. The
    /// authorization server goes by its token URL, APIs by their origins.
    pub(super) fn known_clocks(&self, settings: &Settings) -> Vec<(String, i64)> {
        let clocks = self.clocks(settings);
        clocks.filter_map(|(name, clock)| Some((name.to_owned(), clock.known()?))).collect()
    }

    /// Takes over what the shared cache knows.
    pub(super) fn adopt_clocks(&self, settings: &Settings, shared: &[(String, i64)]) {
        for (name, clock) in self.clocks(settings) {
            if let Some((_, seconds)) = shared.iter().find(|(known, _)| known == name) {
                clock.adopt(*seconds);
            }
        }
    }

    /// Returns whether the shared cache lacks what is known here.
    pub(super) fn has_new_clocks(&self, settings: &Settings, shared: &[(String, i64)]) -> bool {
        self.known_clocks(settings).into_iter().any(|(name, seconds)| {
            let there = shared.iter().find(|(known, _)| *known == name);
            there.is_none_or(|(_, there)| ServerClock::differ(*there, seconds))
        })
    }

    fn clocks<'a>(&'a self, settings: &'a Settings) -> impl Iterator<Item = (&'a str, &'a ServerClock)> {
        let apis = self.origins.iter().map(|origin| (origin.name(), &origin.clock));
        [(settings.token_url.as_str(), &*self.server_clock)].into_iter().chain(apis)
    }
}
