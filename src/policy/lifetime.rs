//! When a token is refreshed and when it expires.

use std::time::Duration;

use crate::clock::BootTime;

/// The longest of the last seconds of a token, in which callers wait for its replacement: a twentieth of its lifetime.
const MAX_LAST_SECONDS: Duration = Duration::from_secs(10);
/// A rejected token is replaced, and its replacement, if rejected as well, only after this, or a sixth of its lifetime.
const MAX_REPLACEMENT_INTERVAL: Duration = Duration::from_secs(3600);

/// The longest lifetime that is believed, of a response and of a record. These are not `pub`, because cbindgen would add
/// them to the C header.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(MAX_LIFETIME_DAYS * 24 * 3600);
pub(crate) const MAX_LIFETIME_DAYS: u64 = 366;

/// When a token was requested, when to refresh it, and when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenLifetime {
    requested: BootTime,
    pub(super) refresh_at: BootTime,
    /// From then on callers wait for the replacement, if there can be one: a request that is sent with the token could
    /// arrive too late.
    pub(super) last_seconds: BootTime,
    pub(super) expires: BootTime,
}

impl TokenLifetime {
    /// Starts the lifetime when the request was sent, because the server starts it later.
    ///
    /// The refresh window is the last sixth of the lifetime: four hours of 24. `jitter` in `0.0..1.0` spreads a fleet
    /// over the first quarter of the window, without its first fortieth: the server grants the next token 20 hours
    /// after it issued this one, which is a round trip later than 20 hours after the request.
    pub fn new(requested: BootTime, lifetime: Duration, jitter: f64) -> Self {
        let window = lifetime / 6;
        let delay = window.mul_f64(1.0 / 40.0 + (1.0 / 4.0 - 1.0 / 40.0) * jitter.clamp(0.0, 1.0));
        Self {
            requested,
            refresh_at: requested.after(lifetime.saturating_sub(window) + delay),
            last_seconds: requested.after(lifetime.saturating_sub((lifetime / 20).min(MAX_LAST_SECONDS))),
            expires: requested.after(lifetime),
        }
    }

    /// Returns the same lifetime with a refresh window that begins at `start` at the latest, for a token that is valid
    /// but has to be replaced.
    pub fn refreshable_from(self, start: BootTime) -> Self {
        Self { refresh_at: self.refresh_at.min(start), ..self }
    }

    pub fn requested(&self) -> BootTime {
        self.requested
    }

    pub fn expires(&self) -> BootTime {
        self.expires
    }

    pub fn is_over(&self, now: BootTime) -> bool {
        now >= self.expires
    }

    /// Returns how long a replacement of this token is kept, though an API rejects it.
    pub(super) fn replacement_interval(&self) -> Duration {
        (self.expires.since(self.requested) / 6).min(MAX_REPLACEMENT_INTERVAL)
    }
}
