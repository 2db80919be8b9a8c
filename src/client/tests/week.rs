//! A week of a fleet that crashes and is stopped, but has a good store.

use super::simulation::{DEFAULT_HAZARDS, Hazards, NEVER, QUOTA, Results, simulate};
use super::*;

const PROCESSES: usize = 40;

fn week(seed: u8, hazards: Hazards) -> Results {
    let results = simulate(seed, PROCESSES, 7 * DAY, hazards);
    assert_eq!(results.violations, Vec::<String>::new(), "seed {seed}");
    results
}

#[test]
fn crashes_outside_a_refresh_leave_no_caller_without_a_token() {
    let Results { server, calls, .. } = week(1, DEFAULT_HAZARDS);
    assert!(calls.restarts > PROCESSES, "{} restarts", calls.restarts);
    assert_eq!(calls.failures, []);
    assert_eq!(server.requests.len(), server.issues.len(), "each request brought a token");
    assert!((7..=9).contains(&server.issues.len()), "one for each 20 to 24 hours: {:?}", server.issues);
}

#[test]
fn crashes_inside_a_refresh_cost_no_more_than_the_quota_takes() {
    let mut lost_tokens = 0;
    for seed in 2..4 {
        let Results { server, calls, .. } = week(seed, Hazards { death: 0.4, ..DEFAULT_HAZARDS });
        lost_tokens += server.lost.len();
        assert_eq!(server.against_the_ledger, NEVER);
        for &(refused, returns) in &server.refused {
            let early = server.requests.iter().find(|&&sent| refused < sent && sent < returns);
            assert_eq!(early, None, "sent inside the cool-down from {refused:?} to {returns:?}");
        }
        for &(from, to) in &calls.gaps {
            let lost = server.lost.iter().filter(|&&lost| from <= lost + 4 * HOUR && lost <= to).count();
            let longest = (QUOTA + HOUR / 4) * u32::try_from(lost).unwrap();
            assert!(to <= from + longest, "from {from:?} to {to:?} with {lost} lost tokens: {:?}", server.lost);
        }
    }
    assert!(lost_tokens > 0, "nobody crashed at the wrong moment");
}

#[test]
fn stopped_processes_send_nothing_inside_a_cool_down_when_they_continue() {
    for (seed, death) in [(10, 0.0), (12, 0.3)] {
        let hazards = Hazards { death, stop: 0.4, ..DEFAULT_HAZARDS };
        // Stopped as often as that, a process may not get to write its token.
        let Results { server, calls, .. } = simulate(seed, PROCESSES, 7 * DAY, hazards);
        assert_eq!(server.against_the_ledger, NEVER, "seed {seed}");
        let in_vain = server.requests.len() - server.issues.len();
        assert!(
            in_vain <= server.stops.len() + server.lost.len(),
            "seed {seed}: {in_vain} of {}",
            server.requests.len()
        );
        assert!(server.issues.len() >= 6 && calls.first_success.is_some(), "seed {seed}: {:?}", server.issues);
    }
}
