//! A fortnight of a fleet in which everything goes wrong at once, with the quota on.

use super::simulation::{DEFAULT_HAZARDS, Hazards, NEVER, Results, WallClocks, simulate};
use super::*;
use crate::dpop::DpopMode;

const PROCESSES: usize = 16;

/// Everything that can go wrong in a fleet whose processes are configured alike.
const FAULTS: Hazards = Hazards {
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
    assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    assert_eq!(server.against_the_ledger, NEVER, "seed {seed}");
    assert!(
        calls.rejections > 0 && server.refused.len() <= 4 * server.issues.len(),
        "seed {seed}: {:?}",
        server.refused
    );
    results
}

#[test]
fn everything_at_once_costs_no_more_than_the_quota_takes() {
    for seed in 20..22 {
        fortnight(seed, FAULTS);
    }
}

#[test]
fn wall_clock_that_is_set_costs_nothing_where_the_store_has_no_clock() {
    fortnight(30, Hazards { wall_clocks: WallClocks::Set, ..FAULTS });
}

#[test]
fn fleet_of_different_modes_and_audiences_keeps_what_the_quota_granted() {
    let modes = &[DpopMode::Off, DpopMode::Optional, DpopMode::Required];
    fortnight(40, Hazards { modes, ..FAULTS });
    fortnight(41, Hazards { audiences: 2, ..FAULTS });
}
