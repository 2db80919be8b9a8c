//! The replay check: a `jti` is accepted once (RFC 9449 section 11.1).

use std::collections::{HashSet, VecDeque};

use aws_lc_rs::digest::{SHA256, digest};

/// The time in which a proof can be valid: from 60 s before its `iat` to 60 s after it, both included.
const WINDOW_SECONDS: u64 = 120;
/// Above this number the oldest is dropped early.
const MAX_SEEN: usize = 100_000;

/// A digest has the same size however long the `jti` is.
type Digest = [u8; 32];

/// The newest `jti`s, in order of arrival.
#[derive(Default)]
pub struct ReplayCache {
    seen: HashSet<Digest>,
    order: VecDeque<(u64, Digest)>,
}

impl ReplayCache {
    /// Records a `jti` at `now` (seconds) and returns whether it is new. A replay does not move the window.
    pub fn take(&mut self, jti: &str, now: u64) -> bool {
        while self.order.front().is_some_and(|(seen, _)| now.saturating_sub(*seen) > WINDOW_SECONDS) {
            self.drop_oldest();
        }
        let key = key_of(jti);
        if !self.seen.insert(key) {
            return false;
        }
        self.order.push_back((now, key));
        if self.order.len() > MAX_SEEN {
            self.drop_oldest();
        }
        true
    }

    /// Returns whether [`take`](Self::take) would return true, and records nothing.
    pub fn is_new(&self, jti: &str, now: u64) -> bool {
        let key = key_of(jti);
        // An entry whose window has ended stays until the next `take`.
        let ended = |(seen, recorded): &(u64, Digest)| *recorded == key && now.saturating_sub(*seen) > WINDOW_SECONDS;
        !self.seen.contains(&key) || self.order.iter().any(ended)
    }

    /// Returns how many proofs would be replays at `now`.
    pub fn recent(&self, now: u64) -> usize {
        let ended = self.order.partition_point(|(seen, _)| now.saturating_sub(*seen) > WINDOW_SECONDS);
        self.order.len() - ended
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.seen.remove(&key);
        }
    }
}

fn key_of(jti: &str) -> Digest {
    let mut key = Digest::default();
    key.copy_from_slice(digest(&SHA256, jti.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;

    #[test]
    fn jti_is_accepted_once_per_window() {
        let mut replays = ReplayCache::default();
        assert!(replays.take("a", NOW));
        assert!(!replays.take("a", NOW));
        assert!(replays.take("b", NOW + 60));
        assert!(!replays.take("a", NOW + 120));
        assert!(replays.take("a", NOW + 121));
        assert!(!replays.take("b", NOW + 121));
    }

    #[test]
    fn question_whether_a_jti_is_new_does_not_record_it() {
        let mut replays = ReplayCache::default();
        assert!(replays.is_new("a", NOW) && replays.is_new("a", NOW));
        assert!(replays.take("a", NOW));
        assert!(!replays.is_new("a", NOW) && !replays.is_new("a", NOW + 120));
        assert!(replays.is_new("a", NOW + 121));
        assert_eq!((replays.recent(NOW + 120), replays.recent(NOW + 121)), (1, 0));
    }

    #[test]
    fn oldest_jti_is_dropped_when_the_limit_is_reached() {
        let mut replays = ReplayCache::default();
        for number in 0..=MAX_SEEN {
            assert!(replays.take(&number.to_string(), NOW));
        }
        assert_eq!((replays.seen.len(), replays.order.len()), (MAX_SEEN, MAX_SEEN));
        assert!(!replays.take("1", NOW));
        assert!(replays.take("0", NOW));
    }
}
