//! Whether one fetch sends its request once more: a total function over plain values, like the policy above it.

use std::time::Duration;

/// The server's documentation asks for at most this many requests in all.
const MOST_REQUESTS: u32 = 5;
/// How often a request is repeated whose first outcome nobody knows: each may cost a token.
const MOST_BLIND_REPEATS: u32 = 1;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What is known of a failed request, as far as it decides whether to send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It never reached the server.
    NotSent,
    /// It was sent, and no answer came back.
    Unknown,
    /// The server answered that it cannot serve now, and perhaps when it can.
    Later { after: Option<Duration> },
    /// Sending it again would bring the same answer.
    Never,
}

/// The requests of one fetch.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: u32,
    unknown: u32,
}

impl Attempts {
    /// The pause before the next request, or `None` to give up. `jitter` in `0.0..1.0` spreads callers over the whole
    /// pause; `remaining` is the time left for the fetch, which a pause may not use up.
    pub fn pause(&mut self, retry: Retry, remaining: Duration, jitter: f64) -> Option<Duration> {
        self.failed += 1;
        self.unknown += u32::from(retry == Retry::Unknown);
        if self.failed >= MOST_REQUESTS || self.unknown > MOST_BLIND_REPEATS || retry == Retry::Never {
            return None;
        }
        let ceiling = (FIRST_PAUSE * (1 << (self.failed - 1))).min(LONGEST_PAUSE);
        let mut pause = ceiling.mul_f64(jitter.clamp(0.0, 1.0));
        if let Retry::Later { after: Some(after) } = retry {
            pause = pause.max(after);
        }
        (pause < remaining).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AMPLE: Duration = Duration::from_secs(600);

    fn requests_sent(retry: Retry) -> u32 {
        let mut attempts = Attempts::default();
        1 + (0..20).take_while(|_| attempts.pause(retry, AMPLE, 0.5).is_some()).count() as u32
    }

    #[test]
    fn each_cause_has_its_number_of_requests() {
        assert_eq!(requests_sent(Retry::NotSent), 5);
        assert_eq!(requests_sent(Retry::Later { after: None }), 5);
        assert_eq!(requests_sent(Retry::Unknown), 2);
        assert_eq!(requests_sent(Retry::Never), 1);
    }

    #[test]
    fn pauses_double_and_wait_as_long_as_the_server_asks() {
        let mut attempts = Attempts::default();
        let pauses: Vec<_> = (0..4).map(|_| attempts.pause(Retry::NotSent, AMPLE, 1.0).unwrap().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000]);

        let asked = Retry::Later { after: Some(Duration::from_secs(7)) };
        assert_eq!(Attempts::default().pause(asked, AMPLE, 1.0), Some(Duration::from_secs(7)));
        assert_eq!(Attempts::default().pause(asked, Duration::from_secs(6), 1.0), None, "no time left for it");
    }

    fn any_retry() -> impl Strategy<Value = Retry> {
        prop_oneof![
            Just(Retry::NotSent),
            Just(Retry::Unknown),
            Just(Retry::Never),
            proptest::option::of((0_u64..100).prop_map(Duration::from_secs)).prop_map(|after| Retry::Later { after }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_the_bounds_hold(causes in proptest::collection::vec((any_retry(), 0.0..1.0), 0..30)) {
            let mut attempts = Attempts::default();
            let mut remaining = Duration::from_secs(30);
            let (mut sent, mut unknown) = (1, 0);
            for (cause, jitter) in causes {
                unknown += u32::from(cause == Retry::Unknown);
                let Some(pause) = attempts.pause(cause, remaining, jitter) else { break };
                prop_assert!(pause < remaining);
                remaining -= pause;
                sent += 1;
            }
            prop_assert!(sent <= MOST_REQUESTS);
            prop_assert!(unknown <= MOST_BLIND_REPEATS + 1);
        }
    }
}
