//! Whether one fetch sends its request once more: a total function over plain values, like the policy above it.

use std::time::Duration;

use crate::failure_kind::FailureKind;

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
    pub fn pause(&mut self, kind: FailureKind, remaining: Duration, jitter: f64) -> Option<Duration> {
        self.failed += 1;
        let asked = match kind {
            FailureKind::NotSent => Duration::ZERO,
            FailureKind::Busy { retry_after } => retry_after.unwrap_or_default(),
            FailureKind::NoResponse if self.unanswered < MOST_BLIND_REPEATS => {
                self.unanswered += 1;
                Duration::ZERO
            }
            FailureKind::NoResponse
            | FailureKind::NotTrusted
            | FailureKind::Quota { .. }
            | FailureKind::Refused
            | FailureKind::NonceWanted
            | FailureKind::InvalidResponse => {
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

    fn requests_sent(kind: FailureKind) -> usize {
        let mut attempts = Attempts::default();
        1 + (0..20).take_while(|_| attempts.pause(kind, AMPLE, 0.5).is_some()).count()
    }

    #[test]
    fn each_cause_has_its_number_of_requests() {
        assert_eq!(requests_sent(FailureKind::NotSent), 5);
        assert_eq!(requests_sent(FailureKind::Busy { retry_after: None }), 5);
        assert_eq!(requests_sent(FailureKind::NoResponse), 2);
        for final_one in [
            FailureKind::NotTrusted,
            FailureKind::Quota { retry_after: None },
            FailureKind::Refused,
            FailureKind::InvalidResponse,
        ] {
            assert_eq!(requests_sent(final_one), 1);
        }
    }

    #[test]
    fn pauses_double_and_wait_as_long_as_the_server_asks() {
        let mut attempts = Attempts::default();
        let pauses: Vec<_> =
            (0..4).map(|_| attempts.pause(FailureKind::NotSent, AMPLE, 1.0).unwrap().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000]);

        let asked = FailureKind::Busy { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(Attempts::default().pause(asked, AMPLE, 1.0), Some(Duration::from_secs(7)));
        assert_eq!(Attempts::default().pause(asked, Duration::from_secs(6), 1.0), None, "no time left for it");
    }

    fn any_failure_kind() -> impl Strategy<Value = FailureKind> {
        let wait = proptest::option::of((0_u64..100).prop_map(Duration::from_secs));
        prop_oneof![
            Just(FailureKind::NotSent),
            Just(FailureKind::NoResponse),
            Just(FailureKind::Refused),
            wait.prop_map(|retry_after| FailureKind::Busy { retry_after }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_the_bounds_hold(causes in proptest::collection::vec((any_failure_kind(), 0.0..1.0), 0..30)) {
            let mut attempts = Attempts::default();
            let mut remaining = Duration::from_secs(30);
            let (mut sent, mut unanswered) = (1, 0);
            for (kind, jitter) in causes {
                unanswered += u32::from(kind == FailureKind::NoResponse);
                let Some(pause) = attempts.pause(kind, remaining, jitter) else { break };
                prop_assert!(pause < remaining);
                remaining -= pause;
                sent += 1;
            }
            prop_assert!(sent <= MOST_REQUESTS);
            prop_assert!(unanswered <= MOST_BLIND_REPEATS + 1);
        }
    }
}
