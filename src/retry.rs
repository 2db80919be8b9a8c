//! Whether one fetch sends its request once more: a total function over plain values, like the policy above it.

use std::time::Duration;

use crate::cause::Cause;

/// The server's documentation asks for at most this many requests in all.
const MOST_REQUESTS: u32 = 5;
/// How often a request is repeated whose first outcome nobody knows: each may cost a token.
const MOST_BLIND_REPEATS: u32 = 1;
/// A request that is cut short is no better than none, and may cost the token.
const SHORTEST_REQUEST: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The requests of one fetch.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
    unanswered: u32,
}

impl Attempts {
    /// The pause before the next request, or `None` to give up. `jitter` in `0.0..1.0` spreads callers over the whole
    /// pause; `remaining` is the time left for the fetch, of which a second, or half, stays for the request.
    pub fn pause(&mut self, cause: Cause, remaining: Duration, jitter: f64) -> Option<Duration> {
        self.failed += 1;
        let asked = match cause {
            Cause::NotSent => Duration::ZERO,
            Cause::Busy { retry_after } => retry_after.unwrap_or_default(),
            Cause::Unanswered if self.unanswered < MOST_BLIND_REPEATS => {
                self.unanswered += 1;
                Duration::ZERO
            }
            Cause::Unanswered
            | Cause::Untrusted
            | Cause::Quota { .. }
            | Cause::Refused
            | Cause::NonceWanted
            | Cause::Unreadable => {
                return None;
            }
        };
        if self.failed >= MOST_REQUESTS {
            return None;
        }
        let ceiling = (FIRST_PAUSE * (1 << (self.failed - 1))).min(LONGEST_PAUSE);
        let pause = ceiling.mul_f64(jitter.clamp(0.0, 1.0)).max(asked);
        (pause.saturating_add(SHORTEST_REQUEST.min(remaining / 2)) < remaining).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AMPLE: Duration = Duration::from_secs(600);

    fn requests_sent(cause: Cause) -> usize {
        let mut attempts = Attempts::default();
        1 + (0..20).take_while(|_| attempts.pause(cause, AMPLE, 0.5).is_some()).count()
    }

    #[test]
    fn each_cause_has_its_number_of_requests() {
        assert_eq!(requests_sent(Cause::NotSent), 5);
        assert_eq!(requests_sent(Cause::Busy { retry_after: None }), 5);
        assert_eq!(requests_sent(Cause::Unanswered), 2);
        for final_one in [Cause::Untrusted, Cause::Quota { retry_after: None }, Cause::Refused, Cause::Unreadable] {
            assert_eq!(requests_sent(final_one), 1);
        }
    }

    #[test]
    fn pauses_double_and_wait_as_long_as_the_server_asks() {
        let mut attempts = Attempts::default();
        let pauses: Vec<_> = (0..4).map(|_| attempts.pause(Cause::NotSent, AMPLE, 1.0).unwrap().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000]);

        let asked = Cause::Busy { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(Attempts::default().pause(asked, AMPLE, 1.0), Some(Duration::from_secs(7)));
        assert_eq!(Attempts::default().pause(asked, Duration::from_secs(6), 1.0), None, "no time left for it");
    }

    fn any_cause() -> impl Strategy<Value = Cause> {
        let wait = proptest::option::of((0_u64..100).prop_map(Duration::from_secs));
        prop_oneof![
            Just(Cause::NotSent),
            Just(Cause::Unanswered),
            Just(Cause::Refused),
            wait.prop_map(|retry_after| Cause::Busy { retry_after }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_the_bounds_hold(causes in proptest::collection::vec((any_cause(), 0.0..1.0), 0..30)) {
            let mut attempts = Attempts::default();
            let mut remaining = Duration::from_secs(30);
            let (mut sent, mut unanswered) = (1, 0);
            for (cause, jitter) in causes {
                unanswered += u32::from(cause == Cause::Unanswered);
                let Some(pause) = attempts.pause(cause, remaining, jitter) else { break };
                prop_assert!(pause < remaining);
                remaining -= pause;
                sent += 1;
            }
            prop_assert!(sent <= MOST_REQUESTS);
            prop_assert!(unanswered <= MOST_BLIND_REPEATS + 1);
        }
    }
}
