//! The server's clock, as far as its answers tell it: proofs are refused when `iat` is a minute off, and machines with a
//! wrong clock exist.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arc_swap::ArcSwapOption;

use crate::clock::{BootTime, Clock};

/// Less is within what servers accept, and within what a slow answer makes of a right clock.
const NOTABLE_SECONDS: i64 = 10;
/// What an answer that took longer says of the time is too vague.
const LONGEST_ANSWER_SECONDS: i64 = 60;
/// More is not a clock that is off, it is one that was never set, or an answer not to be believed.
const BELIEVED_SECONDS: i64 = 24 * 3600;

/// What `iat` is read from: this machine's clock, or the server's where they differ.
///
/// The server's clock is carried on by the life clock, so that setting the wall clock, right or wrong, changes nothing.
pub(crate) struct ServerClock {
    clock: Arc<dyn Clock>,
    reading: ArcSwapOption<Reading>,
}

struct Reading {
    seconds: i64,
    at: BootTime,
    /// When the request was sent whose answer told it.
    sent: BootTime,
}

impl ServerClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, reading: ArcSwapOption::empty() }
    }

    /// Seconds since 1970, as the server counts them.
    pub fn now(&self) -> i64 {
        self.known().unwrap_or_else(|| self.clock.wall_seconds())
    }

    /// The same, if the server's clock is known to differ from this machine's.
    pub fn known(&self) -> Option<i64> {
        let reading = self.reading.load();
        let Reading { seconds, at, .. } = reading.as_deref()?;
        Some(seconds.saturating_add_unsigned(self.clock.now().since(*at).as_secs()))
    }

    /// Learns from the `Date` (RFC 9110 section 6.6.1) of the answer to a request that was sent at `sent`, when this
    /// clock is believed to show `believed` now.
    ///
    /// The server wrote it at some time since then, so that an answer that took its time, or was observed late, does
    /// not set a right clock back; one that took longer than a minute, or is older than what is known, tells nothing.
    ///
    /// Returns whether it learned something.
    pub fn learn(&self, date: &str, sent: BootTime, believed: i64) -> bool {
        let Some(server) = seconds_of(date) else { return false };
        let now = self.clock.now();
        let underway = i64::try_from(now.since(sent).as_secs()).unwrap_or(i64::MAX);
        let is_old = self.reading.load().as_ref().is_some_and(|reading| sent < reading.sent);
        let expected = believed.saturating_sub(underway + NOTABLE_SECONDS)..=believed.saturating_add(NOTABLE_SECONDS);
        if is_old || underway > LONGEST_ANSWER_SECONDS || expected.contains(&server) {
            return false;
        }
        let wall = self.clock.wall_seconds();
        if server.abs_diff(wall) > BELIEVED_SECONDS.unsigned_abs() {
            tracing::debug!("the server's clock and this machine's differ by more than a day, which is not believed");
            return false;
        }
        tracing::warn!("this machine's clock is {} s off the server's; proofs follow the server's", wall - server);
        self.reading.store(Some(Arc::new(Reading { seconds: server, at: now, sent })));
        true
    }

    /// Takes over what another process knows: the server's clock shows `seconds` now. What this process learned itself, and
    /// what is close to this machine's clock, is kept.
    pub fn adopt(&self, seconds: i64) {
        let is_notable = seconds.abs_diff(self.clock.wall_seconds()) >= NOTABLE_SECONDS.unsigned_abs();
        if is_notable && self.reading.load().is_none() {
            let now = self.clock.now();
            self.reading.store(Some(Arc::new(Reading { seconds, at: now, sent: now })));
        }
    }

    /// Whether two readings of a clock are far enough apart to matter.
    pub fn differ(one: i64, another: i64) -> bool {
        one.abs_diff(another) >= NOTABLE_SECONDS.unsigned_abs()
    }

    /// Whether a proof that was made at `made` with this `iat` would have another by what is known now.
    pub fn disagrees_with(&self, iat: i64, made: BootTime, believed: i64) -> bool {
        let since = i64::try_from(self.clock.now().since(made).as_secs()).unwrap_or(i64::MAX);
        believed.saturating_sub(since).abs_diff(iat) >= NOTABLE_SECONDS.unsigned_abs()
    }

    /// The clock that `sent` and `made` are read from.
    pub fn moment(&self) -> BootTime {
        self.clock.now()
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

    impl ServerClock {
        fn learn_now(&self, date: &str) -> bool {
            let before = self.known().is_some().then(|| self.now());
            self.learn(date, self.moment(), self.now());
            self.known() != before
        }
    }

    #[test]
    fn a_right_clock_is_kept() {
        let (machine, server) = clocks();
        for off in [-9, 0, 9] {
            assert!(!server.learn_now(&date(machine.wall_seconds() + off)));
        }
        assert_eq!(server.now(), machine.wall_seconds());
    }

    #[test]
    fn a_clock_ten_minutes_off_is_corrected_in_both_directions_once() {
        for off in [-600, 600] {
            let (machine, server) = clocks();
            let (right, made, iat) = (machine.wall_seconds() + off, server.moment(), server.now());
            assert!(server.learn_now(&date(right)));
            assert!(!server.learn_now(&date(right)), "nothing new");
            assert!(server.disagrees_with(iat, made, server.now()), "also for the next proof that was made before");
            assert!(!server.disagrees_with(server.now(), server.moment(), server.now()));
            machine.advance(Duration::from_secs(100));
            assert_eq!(server.now(), right + 100);
        }
    }

    #[test]
    fn answers_that_took_their_time_set_no_right_clock_back() {
        for took in [30, 300] {
            let (machine, server) = clocks();
            let (sent, written) = (server.moment(), date(machine.wall_seconds()));
            machine.advance(Duration::from_secs(took));
            server.learn(&written, sent, server.now());
            assert_eq!(server.now(), machine.wall_seconds());
        }
    }

    #[test]
    fn the_answer_to_an_older_request_tells_nothing() {
        let (machine, server) = clocks();
        let older = server.moment();
        machine.advance(Duration::from_secs(1));
        let right = machine.wall_seconds() + 600;
        assert!(server.learn_now(&date(right)));
        server.learn(&date(right - 600), older, server.now());
        assert_eq!(server.now(), right);
    }

    #[test]
    fn sleep_and_a_wall_clock_that_is_set_do_not_disturb_it() {
        let (machine, server) = clocks();
        let right = machine.wall_seconds() + 600;
        server.learn_now(&date(right));
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
        assert!(server.learn_now(&date(right)));
        assert_eq!(server.now(), right);
    }

    #[test]
    fn what_is_no_date_or_not_to_be_believed_changes_nothing() {
        let (machine, server) = clocks();
        let wall = machine.wall_seconds();
        for text in
            ["", "yesterday", "Sun, 99 Foo 2026 00:00:00 GMT", &date(wall + 90_000), &date(wall - 90_000), &date(0)]
        {
            assert!(!server.learn_now(text), "{text}");
        }
        assert_eq!(server.now(), wall);
    }
}
