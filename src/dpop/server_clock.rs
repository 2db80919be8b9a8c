//! The clock of a server, learned from its responses: servers refuse a proof whose `iat` is off by a minute, and some
//! machines have a wrong clock.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwapOption;

use crate::clock::{BootTime, Clock};
use crate::human;

/// Servers accept a smaller difference, and a slow response can seem to cause one.
const MIN_DIFFERENCE_SECONDS: i64 = 10;
/// The time in a slower response is too inaccurate.
const MAX_ROUND_TRIP_SECONDS: i64 = 60;
/// A larger difference is not believed: a clock was never set, or the response is wrong.
const MAX_DIFFERENCE_SECONDS: i64 = 24 * 3600;

/// The source of `iat`: this machine's clock or, if they differ, the server's.
///
/// The boot clock continues the server's clock, so changes of this machine's wall clock have no effect on it.
pub(crate) struct ServerClock {
    clock: Arc<dyn Clock>,
    reading: ArcSwapOption<Reading>,
}

/// The server's time in a response.
struct Reading {
    seconds: i64,
    at: BootTime,
    /// When the request of that response was sent.
    sent_at: BootTime,
}

impl ServerClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, reading: ArcSwapOption::empty() }
    }

    /// Returns the server's time in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.known().unwrap_or_else(|| self.clock.wall_seconds())
    }

    /// Returns the server's time if it is known to differ from this machine's.
    pub fn known(&self) -> Option<i64> {
        let reading = self.reading.load();
        let Reading { seconds, at, .. } = reading.as_deref()?;
        Some(seconds.saturating_add_unsigned(self.clock.now().since(*at).as_secs()))
    }

    /// Learns from the `Date` (RFC 9110 section 6.6.1) of the response to a request that was sent at `sent_at`.
    /// `expected` is what the server's clock should show now.
    ///
    /// The server may have written the date at any time since the request was sent, so a slow response, or one that is
    /// observed late, does not set a correct clock back. A response that took longer than a minute, or that belongs to
    /// an older request than the last reading, is ignored.
    ///
    /// Returns whether it learned something.
    pub fn learn(&self, date: &str, sent_at: BootTime, expected: i64) -> bool {
        let Some(server) = Self::seconds_of(date) else { return false };
        let now = self.clock.now();
        let round_trip = i64::try_from(now.since(sent_at).as_secs()).unwrap_or(i64::MAX);
        let is_old = self.reading.load().as_ref().is_some_and(|reading| sent_at < reading.sent_at);
        let earliest = expected.saturating_sub(round_trip + MIN_DIFFERENCE_SECONDS);
        let is_expected = (earliest..=expected.saturating_add(MIN_DIFFERENCE_SECONDS)).contains(&server);
        if is_old || round_trip > MAX_ROUND_TRIP_SECONDS || is_expected {
            return false;
        }
        if !self.is_plausible(server) {
            tracing::debug!(
                "the server's clock seems to differ from this machine's by more than a day; the response is ignored"
            );
            return false;
        }
        let difference = Duration::from_secs(self.clock.wall_seconds().abs_diff(server));
        tracing::warn!(
            "this machine's clock differs from the server's by {}; proofs use the server's",
            human::span(difference)
        );
        self.reading.store(Some(Arc::new(Reading { seconds: server, at: now, sent_at })));
        true
    }

    /// Returns the server's time when it wrote a response with this `Date`: the `Date` if it can be believed, else the
    /// time that its clock should show.
    pub fn time_of(&self, date: Option<&str>) -> i64 {
        date.and_then(Self::seconds_of).filter(|&date| self.is_plausible(date)).unwrap_or_else(|| self.now())
    }

    fn is_plausible(&self, server: i64) -> bool {
        server.abs_diff(self.clock.wall_seconds()) <= MAX_DIFFERENCE_SECONDS.unsigned_abs()
    }

    /// Reads an HTTP-date (RFC 9110 section 5.6.7) as seconds since 1970.
    pub fn seconds_of(date: &str) -> Option<i64> {
        let since = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    }

    /// Adopts what another process knows: the server's clock shows `seconds` now. A reading of this process, and a
    /// clock that is close to this machine's, is kept.
    pub fn adopt(&self, seconds: i64) {
        let is_notable = Self::differ(seconds, self.clock.wall_seconds());
        if is_notable && self.reading.load().is_none() {
            let now = self.clock.now();
            self.reading.store(Some(Arc::new(Reading { seconds, at: now, sent_at: now })));
        }
    }

    /// Returns whether two readings of a clock are far enough apart to matter.
    pub fn differ(one: i64, another: i64) -> bool {
        one.abs_diff(another) >= MIN_DIFFERENCE_SECONDS.unsigned_abs()
    }

    /// Returns whether a proof made at `made_at` with this `iat` would have a notably different `iat` if the server's
    /// clock shows `expected` now.
    pub fn disagrees_with(&self, iat: i64, made_at: BootTime, expected: i64) -> bool {
        let since = i64::try_from(self.clock.now().since(made_at).as_secs()).unwrap_or(i64::MAX);
        expected.saturating_sub(since).abs_diff(iat) >= MIN_DIFFERENCE_SECONDS.unsigned_abs()
    }

    /// Returns the time on the boot clock, for `sent_at` and `made_at`.
    pub fn boot_time(&self) -> BootTime {
        self.clock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    fn clocks() -> (Arc<ManualClock>, ServerClock) {
        let machine = Arc::new(ManualClock::new());
        (Arc::clone(&machine), ServerClock::new(machine))
    }

    fn date(seconds: i64) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs()))
    }

    impl ServerClock {
        fn learn_now(&self, date: &str) -> bool {
            let before = self.known().is_some().then(|| self.now());
            self.learn(date, self.boot_time(), self.now());
            self.known() != before
        }
    }

    #[test]
    fn correct_clock_is_kept() {
        let (machine, server) = clocks();
        for off in [-9, 0, 9] {
            assert!(!server.learn_now(&date(machine.wall_seconds() + off)));
        }
        assert_eq!(server.now(), machine.wall_seconds());
    }

    #[test]
    fn clock_ten_minutes_off_is_corrected_once_in_both_directions() {
        for off in [-600, 600] {
            let (machine, server) = clocks();
            let (right, made, iat) = (machine.wall_seconds() + off, server.boot_time(), server.now());
            assert!(server.learn_now(&date(right)));
            assert!(!server.learn_now(&date(right)), "nothing has changed");
            assert!(server.disagrees_with(iat, made, server.now()), "for a proof that was made before the correction");
            assert!(!server.disagrees_with(server.now(), server.boot_time(), server.now()));
            machine.advance(Duration::from_secs(100));
            assert_eq!(server.now(), right + 100);
        }
    }

    #[test]
    fn slow_response_does_not_set_a_correct_clock_back() {
        for took in [30, 300] {
            let (machine, server) = clocks();
            let (sent_at, written) = (server.boot_time(), date(machine.wall_seconds()));
            machine.advance(Duration::from_secs(took));
            server.learn(&written, sent_at, server.now());
            assert_eq!(server.now(), machine.wall_seconds());
        }
    }

    #[test]
    fn response_that_took_longer_than_a_minute_teaches_nothing() {
        for (took, teaches) in [(60, true), (61, false), (300, false)] {
            let (machine, server) = clocks();
            let sent_at = server.boot_time();
            machine.advance(Duration::from_secs(took));
            let right = machine.wall_seconds() + 1_200;
            assert_eq!(server.learn(&date(right), sent_at, server.now()), teaches, "{took} s");
        }
    }

    #[test]
    fn later_response_to_a_request_of_the_same_instant_is_believed() {
        let (machine, server) = clocks();
        for off in [600, 1_200] {
            let right = machine.wall_seconds() + off;
            assert!(server.learn(&date(right), server.boot_time(), server.now()));
            assert_eq!(server.now(), right);
        }
    }

    #[test]
    fn difference_of_up_to_a_day_is_believed() {
        for (off, is_believed) in [(86_400, true), (86_401, false), (-86_400, true), (-86_401, false)] {
            let (machine, server) = clocks();
            assert_eq!(server.learn_now(&date(machine.wall_seconds() + off)), is_believed, "{off}");
        }
    }

    #[test]
    fn clock_that_another_process_knows_is_adopted_unless_it_is_known_or_close() {
        let (machine, server) = clocks();
        let wall = machine.wall_seconds();
        for (seconds, known) in [(wall + 9, None), (wall - 10, Some(wall - 10)), (wall + 600, Some(wall - 10))] {
            server.adopt(seconds);
            assert_eq!(server.known(), known);
        }
        for (one, another, is_notable) in [(100, 109, false), (100, 110, true), (110, 100, true)] {
            assert_eq!(ServerClock::differ(one, another), is_notable, "{one}, {another}");
        }
    }

    #[test]
    fn response_to_an_older_request_is_ignored() {
        let (machine, server) = clocks();
        let older = server.boot_time();
        machine.advance(Duration::from_secs(1));
        let right = machine.wall_seconds() + 600;
        assert!(server.learn_now(&date(right)));
        server.learn(&date(right - 600), older, server.now());
        assert_eq!(server.now(), right);
    }

    #[test]
    fn learned_time_ignores_sleep_and_changes_of_the_wall_clock() {
        let (machine, server) = clocks();
        let right = machine.wall_seconds() + 600;
        server.learn_now(&date(right));
        machine.sleep(Duration::from_secs(3600));
        machine.set_wall_forward(Duration::from_secs(600));
        assert_eq!(server.now(), right + 3600);
    }

    #[test]
    fn wall_clock_that_was_set_is_corrected_with_the_next_response() {
        let (machine, server) = clocks();
        let right = machine.wall_seconds();
        machine.set_wall_back(Duration::from_secs(1800));
        assert_eq!(server.now(), right - 1800);
        assert!(server.learn_now(&date(right)));
        assert_eq!(server.now(), right);
    }

    #[test]
    fn invalid_or_implausible_date_is_ignored() {
        let (machine, server) = clocks();
        let wall = machine.wall_seconds();
        for date in [
            "",
            "yesterday",
            &" ".repeat(65_536),
            "Sun, 99 Foo 2026 00:00:00 GMT",
            &date(wall + 90_000),
            &date(wall - 90_000),
            &date(0),
        ] {
            assert!(!server.learn_now(date), "{date}");
        }
        assert_eq!(server.now(), wall);
    }

    #[test]
    fn time_of_a_response_is_its_date_unless_that_is_implausible() {
        let (machine, server) = clocks();
        let wall = machine.wall_seconds();
        assert_eq!(server.time_of(Some(&date(wall + 5))), wall + 5);
        for disbelieved in [None, Some("junk"), Some("Sun, 06 Nov 1994 08:49:37 GMT")] {
            assert_eq!(server.time_of(disbelieved), wall);
        }
        server.learn_now(&date(wall + 600));
        assert_eq!(server.time_of(None), wall + 600);
    }
}
