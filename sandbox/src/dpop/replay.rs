//! Which proofs were seen: a `jti` is good once (RFC 9449 section 11.1).

use std::collections::{HashSet, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};

/// As long as a proof can be good: from 60 s before its `iat` to 60 s after it, both included.
const WINDOW_SECONDS: u64 = 120;
/// Beyond, the oldest is forgotten early.
const MAX_SEEN: usize = 100_000;

/// A digest takes the same room however long the `jti` is.
type Digest = [u8; 32];

/// The newest `jti`s, by the time at which they came.
#[derive(Default)]
pub struct Replays {
    seen: HashSet<Digest>,
    order: VecDeque<(u64, Digest)>,
}

impl Replays {
    /// Whether this `jti` is new at `now` (seconds); from then on it is not. A replay does not move the window.
    pub fn take(&mut self, jti: &str, now: u64) -> bool {
        while self.order.front().is_some_and(|(seen, _)| now.saturating_sub(*seen) > WINDOW_SECONDS) {
            self.forget_oldest();
        }
        let mut key = Digest::default();
        key.copy_from_slice(digest(&SHA256, jti.as_bytes()).as_ref());
        if !self.seen.insert(key) {
            return false;
        }
        self.order.push_back((now, key));
        if self.order.len() > MAX_SEEN {
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.seen.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;

    #[test]
    fn a_jti_is_good_once_per_window() {
        let mut replays = Replays::default();
        assert!(replays.take("a", NOW));
        assert!(!replays.take("a", NOW));
        assert!(replays.take("b", NOW + 60));
        assert!(!replays.take("a", NOW + 120));
        assert!(replays.take("a", NOW + 121));
        assert!(!replays.take("b", NOW + 121));
    }

    #[test]
    fn the_newest_are_kept() {
        let mut replays = Replays::default();
        for number in 0..=MAX_SEEN {
            assert!(replays.take(&number.to_string(), NOW));
        }
        assert_eq!((replays.seen.len(), replays.order.len()), (MAX_SEEN, MAX_SEEN));
        assert!(!replays.take("1", NOW));
        assert!(replays.take("0", NOW));
    }
}
