//! The nonces of one server (RFC 9449 sections 8 and 9). They change with time, or with each response.

use std::collections::VecDeque;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::random;

/// Above this number the oldest unused nonce is dropped.
const MAX_UNUSED: usize = 10_000;

/// Which nonces a server accepts.
pub enum Nonces {
    /// One for each period, any number of times.
    Timed(Box<TimedNonces>),
    /// One for each response, once.
    SingleUse(SingleUseNonces),
}

impl Nonces {
    /// Starts the first period at `now`; both in seconds.
    pub fn timed(now: u64, lifetime: u64) -> Self {
        Self::Timed(Box::new(TimedNonces::new(now, lifetime)))
    }

    /// Sends a new nonce with each response, and accepts it once.
    pub fn single_use() -> Self {
        Self::SingleUse(SingleUseNonces::default())
    }

    /// Returns the nonce to send with a response.
    pub fn next(&mut self, now: u64) -> String {
        match self {
            Self::Timed(nonces) => nonces.current(now),
            Self::SingleUse(nonces) => nonces.issue(),
        }
    }

    /// Returns whether the nonce of a proof is valid, and marks it as used.
    pub fn take(&mut self, nonce: &str, now: u64) -> bool {
        match self {
            Self::Timed(nonces) => nonces.accepts(nonce, now),
            Self::SingleUse(nonces) => nonces.take(nonce),
        }
    }

    /// Returns whether [`take`](Self::take) would return true, and marks nothing.
    pub fn accepts(&self, nonce: &str, now: u64) -> bool {
        match self {
            Self::Timed(nonces) => nonces.accepts(nonce, now),
            Self::SingleUse(nonces) => nonces.unused.iter().any(|unused| unused == nonce),
        }
    }

    /// Describes them at `now` (seconds).
    pub fn status(&self, now: u64) -> NonceStatus {
        match self {
            Self::Timed(nonces) => NonceStatus::Timed {
                current: nonces.current(now),
                changes_in_seconds: nonces.lifetime - now.saturating_sub(nonces.start) % nonces.lifetime,
            },
            Self::SingleUse(nonces) => NonceStatus::SingleUse { unused: nonces.unused.len() },
        }
    }

    /// Makes every nonce sent so far stale.
    pub fn rotate(&mut self, now: u64) {
        match self {
            Self::Timed(nonces) => **nonces = TimedNonces::new(now, nonces.lifetime),
            Self::SingleUse(nonces) => nonces.unused.clear(),
        }
    }
}

/// The nonces of a server at one moment.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NonceStatus {
    Timed { current: String, changes_in_seconds: u64 },
    SingleUse { unused: usize },
}

/// Derives the nonce of each period from a key that no other server has, so that no nonce has to be stored.
pub struct TimedNonces {
    key: hmac::Key,
    /// Start of the first period, and length of each; in seconds.
    start: u64,
    lifetime: u64,
}

impl TimedNonces {
    fn new(now: u64, lifetime: u64) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>());
        Self { key, start: now, lifetime }
    }

    fn current(&self, now: u64) -> String {
        self.of_period(self.period(now))
    }

    /// Returns whether a nonce is valid: it is in its own period and in the next.
    fn accepts(&self, nonce: &str, now: u64) -> bool {
        let period = self.period(now);
        nonce == self.of_period(period) || period.checked_sub(1).is_some_and(|before| nonce == self.of_period(before))
    }

    fn period(&self, now: u64) -> u64 {
        now.saturating_sub(self.start) / self.lifetime
    }

    fn of_period(&self, period: u64) -> String {
        let tag = hmac::sign(&self.key, &period.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
    }
}

/// The nonces that no proof has used, oldest first.
#[derive(Default)]
pub struct SingleUseNonces {
    unused: VecDeque<String>,
}

impl SingleUseNonces {
    fn issue(&mut self) -> String {
        let nonce = BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<16>());
        self.unused.push_back(nonce.clone());
        if self.unused.len() > MAX_UNUSED {
            self.unused.pop_front();
        }
        nonce
    }

    fn take(&mut self, nonce: &str) -> bool {
        // A proof usually has a recent nonce.
        let found = self.unused.iter().rposition(|unused| unused == nonce);
        found.is_some_and(|index| self.unused.remove(index).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;

    #[test]
    fn nonce_is_valid_in_its_period_and_the_next() {
        let nonces = TimedNonces::new(NOW, 100);
        let first = nonces.current(NOW);
        assert_eq!(nonces.current(NOW + 99), first);
        assert_ne!(nonces.current(NOW + 100), first);
        assert!(nonces.accepts(&first, NOW) && nonces.accepts(&first, NOW + 199));
        assert!(!nonces.accepts(&first, NOW + 200));
        let third = nonces.current(NOW + 200);
        assert!(!nonces.accepts(&third, NOW + 199));
    }

    #[test]
    fn rotation_makes_every_nonce_stale() {
        for mut nonces in [Nonces::timed(NOW, 100), Nonces::single_use()] {
            let (first, second) = (nonces.next(NOW), nonces.next(NOW + 100));
            nonces.rotate(NOW + 100);
            assert!(!nonces.take(&first, NOW + 100) && !nonces.take(&second, NOW + 100));
            let next = nonces.next(NOW + 100);
            assert!(nonces.take(&next, NOW + 100));
        }
    }

    #[test]
    fn nonce_of_another_server_is_refused() {
        let (one, other) = (TimedNonces::new(NOW, 100), TimedNonces::new(NOW, 100));
        assert!(!one.accepts(&other.current(NOW), NOW));
        assert!(!one.accepts("", NOW));
    }

    #[test]
    fn single_use_nonce_is_accepted_once() {
        let mut nonces = Nonces::single_use();
        let (first, second) = (nonces.next(NOW), nonces.next(NOW));
        assert_ne!(first, second);
        assert!(nonces.take(&second, NOW) && nonces.take(&first, NOW));
        assert!(!nonces.take(&first, NOW) && !nonces.take("", NOW));
    }

    #[test]
    fn question_whether_a_nonce_is_accepted_does_not_use_it() {
        for mut nonces in [Nonces::timed(NOW, 100), Nonces::single_use()] {
            let nonce = nonces.next(NOW);
            assert!(nonces.accepts(&nonce, NOW) && !nonces.accepts("", NOW));
            assert!(nonces.accepts(&nonce, NOW) && nonces.take(&nonce, NOW));
        }
    }

    #[test]
    fn status_tells_when_a_nonce_changes_or_how_many_are_unused() {
        let mut nonces = Nonces::timed(NOW, 100);
        let current = nonces.next(NOW + 130);
        assert_eq!(nonces.status(NOW + 130), NonceStatus::Timed { current, changes_in_seconds: 70 });
        let mut nonces = Nonces::single_use();
        nonces.next(NOW);
        assert_eq!(nonces.status(NOW), NonceStatus::SingleUse { unused: 1 });
    }

    #[test]
    fn oldest_unused_nonce_is_dropped_when_the_limit_is_reached() {
        let mut nonces = Nonces::single_use();
        let first = nonces.next(NOW);
        let second = nonces.next(NOW);
        for _ in 1..MAX_UNUSED {
            nonces.next(NOW);
        }
        assert!(!nonces.take(&first, NOW) && nonces.take(&second, NOW));
    }
}
