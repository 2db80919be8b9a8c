//! Counts for one client, and the snapshot of the counts.

use std::time::Duration;

use super::{Client, Inner};
use crate::clock::BootTime;
use crate::counters::Event;
use crate::error::Error;
use crate::policy::TokenLifetime;
use crate::process::ProcessId;
use crate::stats::{Gauges, Stats};
use crate::token::Token;

impl Client {
    /// Returns what this client has done in this process, and what it holds: see docs/metrics.md. Takes no lock and
    /// does no I/O. A forked child begins at zero.
    pub fn stats(&self) -> Stats {
        // A child that no handler reported notices itself here.
        ProcessId::current();
        Stats::new(&self.0.counters.get(), self.0.served.total(), self.0.gauges())
    }
}

impl Inner {
    pub(super) fn count(&self, event: Event) {
        self.counters.get().add(event);
    }

    /// Counts a call of the program that got no token.
    pub(super) fn counting_failure(&self, result: Result<Token, Error>) -> Result<Token, Error> {
        if result.is_err() {
            self.count(self.reason_of_error());
        }
        result
    }

    fn reason_of_error(&self) -> Event {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        let ledger = &snapshot.current().ledger;
        let longest = ledger.closed_until().filter(|&until| now < until);
        match longest {
            None => Event::ErrorOther,
            _ if longest == ledger.cool_down_until => Event::ErrorCoolDown,
            _ if longest == ledger.back_off_until => Event::ErrorBackOff,
            Some(_) => Event::ErrorCache,
        }
    }

    fn gauges(&self) -> Gauges {
        let (snapshot, now) = (self.snapshot.load(), self.clock.now());
        let (ledger, held) = (&snapshot.current().ledger, snapshot.token(now));
        let left = |until: Option<BootTime>| until.map_or(Duration::ZERO, |until| until.since(now)).as_secs_f64();
        Gauges {
            expires_in: left(held.map(|held| held.lifetime().expires())),
            lifetime: held.map_or(0.0, |held| lifetime(held.lifetime())),
            cool_down: left(ledger.cool_down_until),
            back_off: left(ledger.back_off_until),
        }
    }
}

fn lifetime(lifetime: &TokenLifetime) -> f64 {
    lifetime.expires().since(lifetime.requested()).as_secs_f64()
}
