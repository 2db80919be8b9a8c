//! The nonces of one server (RFC 9449 sections 8 and 9). They change with time.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::random;

/// Derives the nonce of each period from a key that no other server has, so that no nonce has to be stored.
pub struct Nonces {
    key: hmac::Key,
    /// Start of the first period, and length of each; in seconds.
    start: u64,
    lifetime: u64,
}

impl Nonces {
    /// Starts the first period at `now`; both in seconds.
    pub fn new(now: u64, lifetime: u64) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>());
        Self { key, start: now, lifetime }
    }

    /// Returns the nonce to send.
    pub fn current(&self, now: u64) -> String {
        self.of_period(self.period(now))
    }

    /// Returns whether a nonce is valid: it is in its own period and in the next.
    pub fn accepts(&self, nonce: &str, now: u64) -> bool {
        let period = self.period(now);
        nonce == self.of_period(period) || period.checked_sub(1).is_some_and(|before| nonce == self.of_period(before))
    }

    /// Makes every nonce sent so far stale.
    pub fn rotate(&mut self, now: u64) {
        *self = Self::new(now, self.lifetime);
    }

    fn period(&self, now: u64) -> u64 {
        now.saturating_sub(self.start) / self.lifetime
    }

    fn of_period(&self, period: u64) -> String {
        let tag = hmac::sign(&self.key, &period.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;

    #[test]
    fn nonce_is_valid_in_its_period_and_the_next() {
        let nonces = Nonces::new(NOW, 100);
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
        let mut nonces = Nonces::new(NOW, 100);
        let (first, second) = (nonces.current(NOW), nonces.current(NOW + 100));
        nonces.rotate(NOW + 100);
        assert!(!nonces.accepts(&first, NOW + 100) && !nonces.accepts(&second, NOW + 100));
        assert!(nonces.accepts(&nonces.current(NOW + 100), NOW + 100));
    }

    #[test]
    fn nonce_of_another_server_is_refused() {
        let (one, other) = (Nonces::new(NOW, 100), Nonces::new(NOW, 100));
        assert!(!one.accepts(&other.current(NOW), NOW));
        assert!(!one.accepts("", NOW));
    }
}
