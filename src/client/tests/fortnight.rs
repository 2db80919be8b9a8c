//! A fortnight of a fleet in which everything goes wrong at once, with the quota on.

use super::simulation::{DEFAULT_HAZARDS, Hazards, Results, WallClocks, simulate};
use super::*;
use crate::dpop::DpopMode;

const PROCESSES: usize = 16;

/// Everything that can go wrong in a fleet whose processes are configured alike.
const TROUBLE: Hazards = Hazards {
    death: 0.1,
    stop: 0.02,
    rejection: 0.02,
    write_refusal: 0.3,
    store_failures: true,
    wall_clocks: WallClocks::Wrong,
    rotation: Some(Duration::from_secs(60 * 3600)),
    ..DEFAULT_HAZARDS
};

fn fortnight(seed: u8, hazards: Hazards) -> Results {
    let results = simulate(seed, PROCESSES, 14 * DAY, hazards);
    let Results { server, calls, violations } = &results;
    println!(
        "seed {seed}: {} calls, {} failures, {} issues, {} requests, {} lost, {} deaths, {} stops, {} rejections",
        calls.successes,
        calls.failures.len(),
        server.issues.len(),
        server.requests.len(),
        server.lost.len(),
        server.deaths.len(),
        server.stops.len(),
        calls.rejections
    );
    assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    assert_eq!(server.against_the_ledger, [], "seed {seed}");
    results
}

#[test]
fn everything_at_once_costs_no_more_than_the_quota_takes() {
    for seed in 20..23 {
        fortnight(seed, TROUBLE);
    }
}

#[test]
fn wall_clock_that_is_set_costs_nothing_where_the_store_has_no_clock() {
    fortnight(30, Hazards { wall_clocks: WallClocks::Set, ..TROUBLE });
}

#[test]
fn fleet_of_different_modes_and_audiences_keeps_what_the_quota_granted() {
    let modes = &[DpopMode::Off, DpopMode::Optional, DpopMode::Required];
    for seed in 40..42 {
        fortnight(seed, Hazards { modes, ..TROUBLE });
    }
    fortnight(42, Hazards { audiences: 2, ..TROUBLE });
}
