//! The server's clock, as far as its answers tell it: proofs are refused when `iat` is a minute off, and machines with a
//! wrong clock exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::UNIX_EPOCH;

use arc_swap::ArcSwapOption;

use crate::clock::{Clock, Moment};

/// Less is within what servers accept, and within what a slow answer makes of a right clock.
const NOTABLE_SECONDS: i64 = 10;
/// More is not a clock that is off, it is one that was never set, or an answer not to be believed.
const BELIEVED_SECONDS: i64 = 24 * 3600;

/// What `iat` is read from: this machine's clock, or the server's where they differ.
///
/// The server's clock is carried on by the life clock, so that setting the wall clock, right or wrong, changes nothing.
pub(crate) struct ServerClock {
    clock: Arc<dyn Clock>,
    reading: ArcSwapOption<Reading>,
    corrections: AtomicU32,
}

struct Reading {
    seconds: i64,
    at: Moment,
}

impl ServerClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, reading: ArcSwapOption::empty(), corrections: AtomicU32::new(0) }
    }

    /// Seconds since 1970, as the server counts them.
    pub fn now(&self) -> i64 {
        match &*self.reading.load() {
            Some(reading) => reading.seconds.saturating_add_unsigned(self.clock.now().since(reading.at).as_secs()),
            None => self.clock.wall_seconds(),
        }
    }

    /// How often `learn` has found something new.
    pub fn corrections(&self) -> u32 {
        self.corrections.load(Relaxed)
    }

    /// Learns from the `Date` of an answer (RFC 9110 section 6.6.1). True if `now` gives something notably different
    /// since, so that a proof that was refused may be worth another try.
    pub fn learn(&self, date: &str) -> bool {
        let Some(server) = seconds_of(date) else { return false };
        let (wall, before) = (self.clock.wall_seconds(), self.now());
        if server.abs_diff(wall) > BELIEVED_SECONDS.unsigned_abs() {
            tracing::warn!(
                "the server's clock and this machine's differ by more than a day; proofs keep to this machine's"
            );
            return false;
        }
        if server.abs_diff(before) < NOTABLE_SECONDS.unsigned_abs() {
            return false;
        }
        tracing::warn!("this machine's clock is {} s off the server's; proofs follow the server's", wall - server);
        self.reading.store(Some(Arc::new(Reading { seconds: server, at: self.clock.now() })));
        self.corrections.fetch_add(1, Relaxed);
        true
    }
}

fn seconds_of(date: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::manual::ManualClock;

    fn clocks() -> (Arc<ManualClock>, ServerClock) {
        let machine = Arc::new(ManualClock::new());
        (Arc::clone(&machine), ServerClock::new(machine))
    }

    fn date(seconds: i64) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs()))
    }

    #[test]
    fn a_right_clock_is_kept() {
        let (machine, server) = clocks();
        for off in [-9, 0, 9] {
            assert!(!server.learn(&date(machine.wall_seconds() + off)));
        }
        assert_eq!(server.now(), machine.wall_seconds());
    }

    #[test]
    fn a_clock_ten_minutes_off_is_corrected_in_both_directions_once() {
        for off in [-600, 600] {
            let (machine, server) = clocks();
            let right = machine.wall_seconds() + off;
            assert!(server.learn(&date(right)));
            assert!(!server.learn(&date(right)), "nothing new");
            machine.advance(Duration::from_secs(100));
            assert_eq!(server.now(), right + 100);
        }
    }

    #[test]
    fn sleep_and_a_wall_clock_that_is_set_do_not_disturb_it() {
        let (machine, server) = clocks();
        let right = machine.wall_seconds() + 600;
        server.learn(&date(right));
        machine.sleep(Duration::from_secs(3600));
        machine.set_wall_forward(Duration::from_secs(600));
        assert_eq!(server.now(), right + 3600);
    }

    #[test]
    fn a_wall_clock_that_jumps_later_is_noticed_with_the_next_answer() {
        let (machine, server) = clocks();
        let right = machine.wall_seconds();
        machine.set_wall_back(Duration::from_secs(1800));
        assert_eq!(server.now(), right - 1800);
        assert!(server.learn(&date(right)));
        assert_eq!(server.now(), right);
    }

    #[test]
    fn what_is_no_date_or_not_to_be_believed_changes_nothing() {
        let (machine, server) = clocks();
        let wall = machine.wall_seconds();
        for text in
            ["", "yesterday", "Sun, 99 Foo 2026 00:00:00 GMT", &date(wall + 90_000), &date(wall - 90_000), &date(0)]
        {
            assert!(!server.learn(text), "{text}");
        }
        assert_eq!(server.now(), wall);
    }
}
