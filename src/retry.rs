//! Decides whether a refresh repeats its request: a total function over plain values, like `policy`.

use std::time::Duration;

use crate::failure_kind::FailureKind;

/// Tango's documentation asks for at most this many requests in a row.
const MAX_REQUESTS: u32 = 5;
/// How often a request without a response is repeated. Each may use up a token.
const MAX_REPEATS_WITHOUT_RESPONSE: u32 = 1;
/// The least time for a request. One that is cut short may use up the token of the day.
const MIN_REQUEST_TIME: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// The attempts of one refresh.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
    without_response: u32,
}

impl Attempts {
    /// Returns the pause before the next request, or `None` to give up. `jitter` in `0.0..1.0` spreads clients over the
    /// whole pause; `remaining` is the time left for the refresh, of which a second, or half, is kept for the request.
    pub fn pause(&mut self, kind: FailureKind, remaining: Duration, jitter: f64) -> Option<Duration> {
        self.failed += 1;
        let min_pause = match kind {
            FailureKind::NotSent => Duration::ZERO,
            FailureKind::Busy { retry_after } => retry_after.unwrap_or_default(),
            FailureKind::NoResponse if self.without_response < MAX_REPEATS_WITHOUT_RESPONSE => {
                self.without_response += 1;
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
        if self.failed >= MAX_REQUESTS {
            return None;
        }
        let ceiling = (FIRST_PAUSE * (1 << (self.failed - 1))).min(MAX_PAUSE);
        let pause = ceiling.mul_f64(jitter.clamp(0.0, 1.0)).max(min_pause);
        (pause.saturating_add(MIN_REQUEST_TIME.min(remaining / 2)) < remaining).then_some(pause)
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
    fn number_of_requests_depends_on_the_failure() {
        assert_eq!(requests_sent(FailureKind::NotSent), 5);
        assert_eq!(requests_sent(FailureKind::Busy { retry_after: None }), 5);
        assert_eq!(requests_sent(FailureKind::NoResponse), 2);
        for kind in [
            FailureKind::NotTrusted,
            FailureKind::Quota { retry_after: None },
            FailureKind::Refused,
            FailureKind::InvalidResponse,
        ] {
            assert_eq!(requests_sent(kind), 1);
        }
    }

    #[test]
    fn pauses_double_and_are_at_least_retry_after() {
        let mut attempts = Attempts::default();
        let pauses: Vec<_> =
            (0..4).map(|_| attempts.pause(FailureKind::NotSent, AMPLE, 1.0).unwrap().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000]);

        let busy = FailureKind::Busy { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(Attempts::default().pause(busy, AMPLE, 1.0), Some(Duration::from_secs(7)));
        assert_eq!(
            Attempts::default().pause(busy, Duration::from_secs(6), 1.0),
            None,
            "no time is left for the request"
        );
    }

    #[test]
    fn second_or_half_of_the_remaining_time_is_kept_for_the_request() {
        let ms = Duration::from_millis;
        let busy = FailureKind::Busy { retry_after: Some(ms(7_000)) };
        for (kind, remaining, repeats) in [
            (busy, ms(8_001), true),
            (busy, ms(8_000), false),
            (FailureKind::NotSent, ms(1_000), true),
            (FailureKind::NotSent, ms(1), true),
            (FailureKind::NotSent, ms(0), false),
        ] {
            assert_eq!(Attempts::default().pause(kind, remaining, 0.0).is_some(), repeats, "{kind:?} {remaining:?}");
        }
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
        fn no_sequence_of_failures_exceeds_the_limits(
            failures in proptest::collection::vec((any_failure_kind(), 0.0..1.0), 0..30),
        ) {
            let mut attempts = Attempts::default();
            let mut remaining = Duration::from_secs(30);
            let (mut sent, mut without_response) = (1, 0);
            for (kind, jitter) in failures {
                without_response += u32::from(kind == FailureKind::NoResponse);
                let Some(pause) = attempts.pause(kind, remaining, jitter) else { break };
                prop_assert!(pause < remaining);
                remaining -= pause;
                sent += 1;
            }
            prop_assert!(sent <= MAX_REQUESTS);
            prop_assert!(without_response <= MAX_REPEATS_WITHOUT_RESPONSE + 1);
        }
    }
}
