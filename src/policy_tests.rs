use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn at(seconds: i64) -> BootTime {
    BootTime::from_seconds(seconds)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A day's token asked for at second 1,000: renewable from 73,360 (20 hours and 6 minutes later), over at 87,400.
fn day_token() -> TokenLifetime {
    TokenLifetime::new(at(1_000), DAY, 0.0)
}

fn backing_off_until(second: i64) -> Ledger {
    Ledger { back_off_until: Some(at(second)), failures: 1, ..Ledger::default() }
}

#[test]
fn the_table() {
    use Decision::{Fetch, Refuse, Serve, ServeAndRefresh, Wait};
    let token = day_token();
    let open = Ledger::default();
    let closed = backing_off_until(80_000);
    let closed_at_the_end = backing_off_until(90_000);
    let flight = Some(at(80_000));
    #[rustfmt::skip]
    let table = [
        // held          ledger              flight  now      decision
        (None,           &open,              None,   1_000,   Fetch),
        (None,           &open,              flight, 1_000,   Wait),
        (None,           &closed,            None,   79_999,  Refuse { until: at(80_000) }),
        (None,           &closed,            None,   80_000,  Fetch),
        (None,           &closed,            flight, 79_999,  Refuse { until: at(80_000) }),
        (Some(&token),   &open,              None,   1_000,   Serve),
        (Some(&token),   &open,              None,   73_359,  Serve),
        (Some(&token),   &open,              None,   73_360,  ServeAndRefresh),
        (Some(&token),   &open,              flight, 73_360,  Serve),
        (Some(&token),   &closed,            None,   73_360,  Serve),
        (Some(&token),   &closed,            None,   80_000,  ServeAndRefresh),
        (Some(&token),   &closed_at_the_end, None,   87_399,  Serve),
        (Some(&token),   &open,              None,   87_399,  ServeAndRefresh),
        (Some(&token),   &open,              None,   87_400,  Fetch),
        (Some(&token),   &open,              flight, 87_400,  Wait),
        (Some(&token),   &closed_at_the_end, None,   87_400,  Refuse { until: at(90_000) }),
    ];
    for (row, (held, ledger, flight_ends, now, expected)) in table.into_iter().enumerate() {
        assert_eq!(decide(held, ledger, flight_ends, at(now)), expected, "row {row}");
    }
}

#[test]
fn a_five_minute_token_is_renewed_in_its_last_50_seconds() {
    let earliest = TokenLifetime::new(at(0), seconds(300), 0.0);
    assert!(earliest.refresh_at > at(250) && earliest.refresh_at < at(252));
    let latest = TokenLifetime::new(at(0), seconds(300), 1.0);
    assert_eq!(latest.refresh_at, at(250).after(seconds(50) / 4));
}

#[test]
fn a_quota_refusal_closes_until_20_hours_after_the_last_token() {
    let refused_at = |ledger: &mut Ledger, now| {
        ledger.record_failure(FailureKind::Quota { retry_after: None }, at(now), 0.5);
        ledger.closed_until().unwrap()
    };

    let mut issued = Ledger::default();
    issued.record_issue(at(1_000), at(1_000));
    assert_eq!(refused_at(&mut issued, 50_000), at(73_060), "a minute for the way of the request");

    let mut possibly = Ledger::default();
    possibly.record_possibly_spent(at(2_000), at(2_000));
    assert_eq!(refused_at(&mut possibly, 2_010), at(74_060));

    let mut within = Ledger::default();
    within.record_issue(at(1_000), at(1_000));
    within.record_possibly_spent(at(60_000), at(60_000));
    assert_eq!(refused_at(&mut within, 60_001), at(73_060), "inside a known window nothing can have been granted");

    assert_eq!(refused_at(&mut Ledger::default(), 5_000), at(8_600), "nothing known: an hour");
    assert_eq!(refused_at(&mut issued, 80_000), at(83_600), "the known issue does not explain it: an hour");

    let mut told = Ledger::default();
    told.record_failure(FailureKind::Quota { retry_after: Some(seconds(70)) }, at(10), 0.5);
    assert_eq!(told.closed_until(), Some(at(80)), "the server's own word comes first");
    told.record_failure(FailureKind::Quota { retry_after: Some(seconds(0)) }, at(100), 0.5);
    assert_eq!(told.closed_until(), Some(at(160)), "but not when it asks to be asked at once");
}

#[test]
fn a_sender_that_died_is_a_lost_answer_and_one_that_dies_again_is_slowed_down() {
    let mut ledger = Ledger::default();
    let closed_for = |ledger: &mut Ledger, now| {
        ledger.mark_in_flight(7, at(now));
        assert!(ledger.record_dead_sender(at(now + 5), 1.0));
        assert!(!ledger.record_dead_sender(at(now + 6), 1.0), "once");
        assert_eq!(ledger.possibly_spent, Some(at(now)));
        ledger.closed_until().map(|until| until.since(at(now + 5)).as_secs())
    };
    assert_eq!(closed_for(&mut ledger, 100), None, "the next one asks at once");
    assert_eq!(closed_for(&mut ledger, 200), Some(30));
    assert_eq!(closed_for(&mut ledger, 300), Some(60));
    ledger.record_issue(at(400), at(401));
    assert_eq!(closed_for(&mut ledger, 500), None, "a token forgives all");
}

#[test]
fn what_the_fleet_wrote_is_taken_over_whatever_the_clocks_say() {
    // Of a process whose clock is an hour ahead.
    let mut mine = written(|ledger| ledger.record_issue(at(5_000), at(5_000)));
    let shared = written(|ledger| ledger.record_failure(FailureKind::Quota { retry_after: None }, at(1_500), 0.5));
    assert!(mine.agree_with(Some(&shared), 7));
    assert_eq!(mine, shared);
}

#[test]
fn what_was_not_written_is_joined_with_what_others_wrote() {
    let quota = |ledger: &mut Ledger| ledger.record_failure(FailureKind::Quota { retry_after: None }, at(1_000), 0.5);
    let refused = |ledger: &mut Ledger| ledger.record_failure(FailureKind::Refused, at(1_100), 0.5);
    let (cool_down, back_off) = (written(quota).cool_down_until, written(refused).back_off_until);

    let mut mine = Ledger::default();
    refused(&mut mine);
    assert!(mine.agree_with(Some(&written(quota)), 7), "the cool-down of the others is the longer");
    assert_eq!((mine.cool_down_until, mine.back_off_until, mine.is_unwritten), (cool_down, back_off, true));

    let mut mine = Ledger::default();
    quota(&mut mine);
    assert!(!mine.agree_with(Some(&written(refused)), 7));
    assert_eq!((mine.cool_down_until, mine.back_off_until, mine.is_unwritten), (cool_down, back_off, true));
}

#[test]
fn what_a_later_token_has_opened_is_not_closed_again() {
    let before = written(|ledger| {
        ledger.mark_in_flight(7, at(900));
        ledger.record_failure(FailureKind::Quota { retry_after: None }, at(1_000), 0.5);
    });
    let mut mine = Ledger::default();
    mine.record_issue(at(2_000), at(2_001));
    mine.agree_with(Some(&before), 7);
    assert_eq!((mine.closed_until(), mine.last_issue, mine.in_flight), (None, Some(at(2_000)), None));

    // Of whoever was refused after that, and did not know of it.
    let after = written(|ledger| ledger.record_failure(FailureKind::Quota { retry_after: None }, at(2_500), 0.5));
    assert!(mine.agree_with(Some(&after), 7));
    assert_eq!((mine.closed_until(), mine.last_issue), (after.closed_until(), Some(at(2_000))));
}

#[test]
fn a_ledger_that_the_cache_lost_goes_back_there() {
    let mut mine = written(|ledger| ledger.record_issue(at(1), at(1)));
    assert!(!mine.agree_with(None, 7) && mine.is_unwritten);
    assert_eq!(mine.last_issue, Some(at(1)));
    let mut empty = Ledger::default();
    assert!(!empty.agree_with(None, 7) && !empty.is_unwritten);
}

/// As it comes back from the shared cache.
fn written(change: impl FnOnce(&mut Ledger)) -> Ledger {
    let mut ledger = Ledger::default();
    change(&mut ledger);
    Ledger { is_unwritten: false, ..ledger }
}

#[test]
fn a_cache_outage_closes_for_a_while_and_is_over_with_the_next_look() {
    let mut ledger = Ledger::default();
    let spans: Vec<_> = (0..7)
        .map(|_| {
            ledger.record_cache_outage(at(0), 1.0);
            ledger.closed_until().unwrap().since(at(0)).as_secs()
        })
        .collect();
    assert_eq!(spans, [1, 2, 4, 8, 16, 30, 30]);
    ledger.agree_with(None, 7);
    assert_eq!(ledger.closed_until(), None);
}

#[test]
fn a_new_token_opens_everything_again() {
    let mut ledger = Ledger::default();
    ledger.record_failure(FailureKind::Quota { retry_after: None }, at(10), 0.5);
    ledger.record_failure(FailureKind::Refused, at(20), 0.5);
    ledger.record_issue(at(30), at(30));
    assert_eq!(ledger.closed_until(), None);
    assert_eq!(ledger.failures, 0);
}

#[test]
fn failures_back_off_exponentially_up_to_a_bound() {
    let spans = |kind| {
        let mut ledger = Ledger::default();
        (0..12)
            .map(|_| {
                ledger.record_failure(kind, at(0), 1.0);
                ledger.closed_until().unwrap().since(at(0)).as_secs()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(spans(FailureKind::NotSent), [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
    assert_eq!(spans(FailureKind::NoResponse), spans(FailureKind::Refused), "which may have cost a token");
    assert_eq!(spans(FailureKind::Refused), [30, 60, 120, 240, 480, 600, 600, 600, 600, 600, 600, 600]);
    assert_eq!(spans(FailureKind::Busy { retry_after: Some(seconds(20)) })[..7], [20, 20, 20, 20, 20, 32, 60]);
}

prop_compose! {
    fn any_life()(requested in 0_i64..200_000, lifetime in 0_u64..200_000, jitter in 0.0..1.0) -> TokenLifetime {
        TokenLifetime::new(at(requested), seconds(lifetime), jitter)
    }
}

prop_compose! {
    fn any_ledger()(
        cool_down in proptest::option::of(0_i64..400_000),
        back_off in proptest::option::of(0_i64..400_000),
        issue in proptest::option::of(0_i64..400_000),
    ) -> Ledger {
        Ledger {
            cool_down_until: cool_down.map(at),
            back_off_until: back_off.map(at),
            last_issue: issue.map(at),
            ..Ledger::default()
        }
    }
}

fn any_failure_kind() -> impl Strategy<Value = FailureKind> {
    let wait = || proptest::option::of((0_u64..200_000).prop_map(seconds));
    prop_oneof![
        Just(FailureKind::NotSent),
        Just(FailureKind::NotTrusted),
        Just(FailureKind::NoResponse),
        Just(FailureKind::Refused),
        Just(FailureKind::InvalidResponse),
        wait().prop_map(|retry_after| FailureKind::Busy { retry_after }),
        wait().prop_map(|retry_after| FailureKind::Quota { retry_after }),
    ]
}

fn any_flight() -> impl Strategy<Value = Option<BootTime>> {
    proptest::option::of((0_i64..400_000).prop_map(at))
}

proptest! {
    #[test]
    fn an_expired_token_is_never_served(life in any_life(), ledger in any_ledger(), flight in any_flight(), now in 0_i64..400_000) {
        let served = matches!(
            decide(Some(&life), &ledger, flight, at(now)),
            Decision::Serve | Decision::ServeAndRefresh
        );
        prop_assert_eq!(served, at(now) < life.expires);
    }

    #[test]
    fn nothing_is_fetched_while_closed_or_while_a_fetch_is_under_way(
        life in proptest::option::of(any_life()), ledger in any_ledger(), flight in any_flight(), now in 0_i64..400_000,
    ) {
        let fetches = matches!(
            decide(life.as_ref(), &ledger, flight, at(now)),
            Decision::Fetch | Decision::ServeAndRefresh
        );
        let closed = ledger.closed_until().is_some_and(|until| at(now) < until);
        prop_assert!(!fetches || (!closed && flight.is_none()));
    }

    #[test]
    fn a_refusal_always_names_a_later_moment(ledger in any_ledger(), now in 0_i64..400_000) {
        if let Decision::Refuse { until } = decide(None, &ledger, None, at(now)) {
            prop_assert!(until > at(now));
        }
    }

    #[test]
    fn after_every_failure_nothing_is_sent_for_a_while(
        mut ledger in any_ledger(), kind in any_failure_kind(), now in 0_i64..400_000, jitter in 0.0..1.0,
    ) {
        ledger.record_failure(kind, at(now), jitter);
        prop_assert!(ledger.closed_until() > Some(at(now)));
    }

    #[test]
    fn jitter_moves_a_refresh_later_only_and_leaves_most_of_the_window(
        lifetime in 0_u64..10_000_000, jitter in 0.0..1.0,
    ) {
        let life = TokenLifetime::new(at(0), seconds(lifetime), jitter);
        let window = seconds(lifetime) / 6;
        prop_assert!(life.refresh_at >= at(0).after(seconds(lifetime).saturating_sub(window)));
        prop_assert!(life.refresh_at <= at(0).after(seconds(lifetime).saturating_sub(window) + window / 4));
    }

    #[test]
    fn callers_need_not_ask_while_the_answer_stays_serve(
        life in any_life(), ledger in any_ledger(), flight in any_flight(), now in 0_i64..400_000, share in 0.0..1.0,
    ) {
        prop_assume!(decide(Some(&life), &ledger, flight, at(now)) == Decision::Serve);
        let until = serves_until(&life, &ledger, flight, at(now));
        let span = until.since(at(now));
        let sometime = at(now).after(span.mul_f64(share));
        let flight_then = flight.filter(|&ends| sometime < ends);
        if sometime < until {
            prop_assert_eq!(decide(Some(&life), &ledger, flight_then, sometime), Decision::Serve);
        }
        prop_assert!(until <= life.expires);
    }
}
