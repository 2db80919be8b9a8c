//! The clock of this machine, compared with the server's.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, CheckOutcome};
use crate::clock::{BootTime, Clock, SystemClock};
use crate::dpop::ServerClock;
use crate::human;

const NAME: &str = "clock";

/// Returns the time on the clock that requests are measured with.
pub(super) fn boot_time() -> BootTime {
    SystemClock.now()
}

/// Compares the clocks by the `Date` of the response to a request that was sent at `sent_at`, as a client does.
pub(super) fn check(date: Option<&str>, sent_at: BootTime) -> Check {
    compare(&(Arc::new(SystemClock) as Arc<dyn Clock>), date, sent_at)
}

fn compare(clock: &Arc<dyn Clock>, date: Option<&str>, sent_at: BootTime) -> Check {
    let machine = clock.wall_seconds();
    let Some(server) = date.and_then(ServerClock::seconds_of) else {
        return Check::skipped(NAME, "the response has no Date that can be read");
    };
    let learned = ServerClock::new(Arc::clone(clock));
    let is_used = learned.learn(date.unwrap_or_default(), sent_at, learned.now());
    let difference = machine.saturating_sub(server);
    let shown = human::span(Duration::from_secs(difference.unsigned_abs()));
    let direction = if difference > 0 { "ahead of" } else { "behind" };
    let check = if is_used {
        let summary =
            format!("this machine's clock is {shown} {direction} the server's; the library uses the server's");
        let advice = "Set the clock of this machine, and switch on its synchronisation (NTP): the library corrects its \
                      proofs, but certificates and other programs need the right time";
        Check::ok(NAME, summary).warn(advice)
    } else if ServerClock::differ(machine, server) {
        let summary =
            format!("this machine's clock is {shown} {direction} the server's, which the library does not believe");
        let advice = "Set the clock of this machine, or ask the operator of the server to set its clock; until then \
                      proofs (DPoP) are refused";
        Check { advice: vec![advice.into()], ..Check::new(NAME, CheckOutcome::Failure, summary) }
    } else {
        Check::ok(NAME, format!("this machine's clock agrees with the server's to {} s", difference.unsigned_abs() + 1))
    };
    check.detail("difference_seconds", difference.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    fn compared(off: i64) -> Check {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let server = u64::try_from(clock.wall_seconds() + off).unwrap();
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(server));
        compare(&clock, Some(&date), clock.now())
    }

    #[test]
    fn difference_is_told_with_what_the_library_does_about_it() {
        assert_eq!(compared(9).outcome, CheckOutcome::Ok);
        let behind = compared(600);
        assert_eq!(behind.outcome, CheckOutcome::Warning);
        assert!(behind.summary.contains("10 min 0 s behind the server's; the library uses the server's"));
        assert_eq!(behind.details, [("difference_seconds".to_owned(), "-600".to_owned())]);
        let ahead = compared(-100_000);
        assert_eq!(ahead.outcome, CheckOutcome::Failure);
        assert!(ahead.summary.contains("ahead of") && ahead.summary.contains("does not believe"));
    }

    #[test]
    fn response_without_a_date_cannot_be_compared() {
        for date in [None, Some("yesterday")] {
            assert_eq!(check(date, boot_time()).outcome, CheckOutcome::Skipped);
        }
    }
}
