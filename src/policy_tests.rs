use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::failure_kind::FailureKind;

const DAY: Duration = Duration::from_secs(86_400);

fn at(seconds: i64) -> BootTime {
    BootTime::from_seconds(seconds)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A token of 24 hours requested at second 1,000: refreshable from 73,360 (20 hours and 6 minutes later), expired at
/// 87,400.
fn day_token() -> TokenLifetime {
    TokenLifetime::new(at(1_000), DAY, 0.0)
}

fn trusted(lifetime: TokenLifetime) -> Candidate {
    Candidate { lifetime, is_suspect: false }
}

fn backing_off_until(second: i64) -> Ledger {
    Ledger { back_off_until: Some(at(second)), failures: 1, ..Ledger::default() }
}

#[test]
fn decisions_follow_the_table() {
    use Decision::{Fetch, Refuse, Serve, ServeAndRefresh, Wait};
    let token = trusted(day_token());
    let suspect = Candidate { is_suspect: true, ..token };
    let open = Ledger::default();
    let replaced = Ledger { replaced: Some(at(2_000)), ..Ledger::default() };
    let closed = backing_off_until(80_000);
    let closed_at_the_end = backing_off_until(90_000);
    let in_flight = Some(at(80_000));
    #[rustfmt::skip]
    let table = [
        // held          ledger              in flight  now      decision
        (None,           &open,              None,      1_000,   Fetch),
        (None,           &open,              in_flight, 1_000,   Wait),
        (None,           &closed,            None,      79_999,  Refuse { until: at(80_000) }),
        (None,           &closed,            None,      80_000,  Fetch),
        (None,           &closed,            in_flight, 79_999,  Refuse { until: at(80_000) }),
        (Some(&token),   &open,              None,      1_000,   Serve),
        (Some(&token),   &open,              None,      73_359,  Serve),
        (Some(&token),   &open,              None,      73_360,  ServeAndRefresh),
        (Some(&token),   &open,              in_flight, 73_360,  Serve),
        (Some(&token),   &closed,            None,      73_360,  Serve),
        (Some(&token),   &closed,            None,      80_000,  ServeAndRefresh),
        (Some(&token),   &closed_at_the_end, None,      87_399,  Serve),
        (Some(&token),   &open,              None,      87_389,  ServeAndRefresh),
        (Some(&token),   &open,              None,      87_390,  Fetch),
        (Some(&token),   &open,              in_flight, 87_390,  Wait),
        (Some(&token),   &open,              None,      87_400,  Fetch),
        (Some(&token),   &open,              in_flight, 87_400,  Wait),
        (Some(&token),   &closed_at_the_end, None,      87_400,  Refuse { until: at(90_000) }),
        (Some(&suspect), &open,              None,      2_000,   Fetch),
        (Some(&suspect), &open,              in_flight, 2_000,   Wait),
        (Some(&suspect), &closed,            None,      2_000,   Serve),
        (Some(&suspect), &closed,            in_flight, 79_999,  Serve),
        (Some(&suspect), &closed,            None,      80_000,  Fetch),
        (Some(&suspect), &replaced,          None,      5_599,   Serve),
        (Some(&suspect), &replaced,          None,      5_600,   Fetch),
        (Some(&suspect), &closed_at_the_end, None,      87_400,  Refuse { until: at(90_000) }),
    ];
    for (row, (held, ledger, in_flight_until, now, expected)) in table.into_iter().enumerate() {
        assert_eq!(decide(held, ledger, in_flight_until, at(now)), expected, "row {row}");
    }
}

#[test]
fn five_minute_token_is_refreshed_in_its_last_50_seconds() {
    let earliest = TokenLifetime::new(at(0), seconds(300), 0.0);
    assert!(earliest.refresh_at > at(250) && earliest.refresh_at < at(252));
    let latest = TokenLifetime::new(at(0), seconds(300), 1.0);
    assert_eq!(latest.refresh_at, at(250).after(seconds(50) / 4));
}

#[test]
fn quota_refusal_holds_requests_back_until_20_hours_after_the_last_token() {
    let refused_at = |ledger: &mut Ledger, now| {
        ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(now), 0.5);
        ledger.closed_until().unwrap()
    };

    let mut issued = Ledger::default();
    issued.record_issue(at(1_000), at(1_000));
    assert_eq!(
        refused_at(&mut issued, 50_000),
        at(73_060),
        "a minute of slack for the round trip and the server's clock"
    );

    let mut possibly = Ledger::default();
    possibly.record_possibly_spent(at(2_000), at(2_000));
    assert_eq!(refused_at(&mut possibly, 2_010), at(74_060));

    let mut within = Ledger::default();
    within.record_issue(at(1_000), at(1_000));
    within.record_possibly_spent(at(60_000), at(60_000));
    assert_eq!(
        refused_at(&mut within, 60_001),
        at(73_060),
        "no token can have been granted inside the window of a known issue"
    );

    assert_eq!(refused_at(&mut Ledger::default(), 5_000), at(8_600), "no known issue: an hour");
    assert_eq!(
        refused_at(&mut issued, 80_000),
        at(83_600),
        "the known issue is too old to explain the refusal: an hour"
    );

    let mut told = Ledger::default();
    told.record_failure(FailureKind::Quota { retry_after: Some(seconds(70)) }, Quota::Daily, at(10), 0.5);
    assert_eq!(told.closed_until(), Some(at(80)), "Retry-After comes first");
    told.record_failure(FailureKind::Quota { retry_after: Some(seconds(0)) }, Quota::Daily, at(100), 0.5);
    assert_eq!(told.closed_until(), Some(at(160)), "but not below a minute");
}

#[test]
fn dead_sender_counts_as_a_lost_response_and_a_second_one_starts_a_back_off() {
    let mut ledger = Ledger::default();
    let back_off_after_death = |ledger: &mut Ledger, now| {
        ledger.mark_in_flight(7, at(now));
        assert!(ledger.record_dead_sender(at(now + 5), 1.0));
        assert!(!ledger.record_dead_sender(at(now + 6), 1.0), "the mark is gone");
        assert_eq!(ledger.possibly_spent, Some(at(now)));
        ledger.closed_until().map(|until| until.since(at(now + 5)).as_secs())
    };
    assert_eq!(back_off_after_death(&mut ledger, 100), None, "the first time, the next request may be sent at once");
    assert_eq!(back_off_after_death(&mut ledger, 200), Some(30));
    assert_eq!(back_off_after_death(&mut ledger, 300), Some(60));
    ledger.record_issue(at(400), at(401));
    assert_eq!(back_off_after_death(&mut ledger, 500), None, "a token clears all failures");
}

#[test]
fn shared_ledger_replaces_a_written_one_whatever_the_clocks_say() {
    // Written by a process whose clock is ahead.
    let mut mine = written(|ledger| ledger.record_issue(at(5_000), at(5_000)));
    let shared =
        written(|ledger| ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(1_500), 0.5));
    assert!(mine.merge(Some(&shared), 7));
    assert_eq!(mine, shared);
}

#[test]
fn unwritten_changes_are_merged_with_the_shared_ledger() {
    let quota = |ledger: &mut Ledger| {
        ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(1_000), 0.5);
    };
    let refused = |ledger: &mut Ledger| ledger.record_failure(FailureKind::Refused, Quota::Daily, at(1_100), 0.5);
    let (cool_down, back_off) = (written(quota).cool_down_until, written(refused).back_off_until);

    let mut mine = Ledger::default();
    refused(&mut mine);
    assert!(mine.merge(Some(&written(quota)), 7), "the shared cool-down is the longer one");
    assert_eq!((mine.cool_down_until, mine.back_off_until, mine.is_unwritten), (cool_down, back_off, true));

    let mut mine = Ledger::default();
    quota(&mut mine);
    assert!(!mine.merge(Some(&written(refused)), 7));
    assert_eq!((mine.cool_down_until, mine.back_off_until, mine.is_unwritten), (cool_down, back_off, true));
}

#[test]
fn waits_from_before_a_later_token_are_dropped_in_a_merge() {
    let before = written(|ledger| {
        ledger.mark_in_flight(7, at(900));
        ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(1_000), 0.5);
    });
    let mut mine = Ledger::default();
    mine.record_issue(at(2_000), at(2_001));
    mine.merge(Some(&before), 7);
    assert_eq!((mine.closed_until(), mine.last_issue, mine.in_flight), (None, Some(at(2_000)), None));

    // A later refusal, by a process that did not know of the token.
    let after =
        written(|ledger| ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(2_500), 0.5));
    assert!(mine.merge(Some(&after), 7));
    assert_eq!((mine.closed_until(), mine.last_issue), (after.closed_until(), Some(at(2_000))));
}

#[test]
fn ledger_that_the_cache_lost_is_marked_unwritten() {
    let mut mine = written(|ledger| ledger.record_issue(at(1), at(1)));
    assert!(!mine.merge(None, 7) && mine.is_unwritten);
    assert_eq!(mine.last_issue, Some(at(1)));
    let mut empty = Ledger::default();
    assert!(!empty.merge(None, 7) && !empty.is_unwritten);
}

/// Returns a ledger as it is read from the shared cache.
fn written(change: impl FnOnce(&mut Ledger)) -> Ledger {
    let mut ledger = Ledger::default();
    change(&mut ledger);
    Ledger { is_unwritten: false, ..ledger }
}

#[test]
fn cache_outage_holds_requests_back_until_the_next_sync() {
    let mut ledger = Ledger::default();
    let spans: Vec<_> = (0..7)
        .map(|_| {
            ledger.record_cache_outage(at(0), 1.0);
            ledger.closed_until().unwrap().since(at(0)).as_secs()
        })
        .collect();
    assert_eq!(spans, [1, 2, 4, 8, 16, 30, 30]);
    ledger.merge(None, 7);
    assert_eq!(ledger.closed_until(), None);
}

#[test]
fn new_token_ends_every_wait() {
    let mut ledger = Ledger::default();
    ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(10), 0.5);
    ledger.record_failure(FailureKind::Refused, Quota::Daily, at(20), 0.5);
    ledger.record_issue(at(30), at(30));
    assert_eq!(ledger.closed_until(), None);
    assert_eq!(ledger.failures, 0);
}

#[test]
fn back_off_doubles_with_each_failure_up_to_a_maximum() {
    let spans = |kind| {
        let mut ledger = Ledger::default();
        (0..12)
            .map(|_| {
                ledger.record_failure(kind, Quota::Daily, at(0), 1.0);
                ledger.closed_until().unwrap().since(at(0)).as_secs()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(spans(FailureKind::NotSent), [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
    assert_eq!(
        spans(FailureKind::NoResponse),
        spans(FailureKind::Refused),
        "a lost response backs off like a refusal: it may have used up a token"
    );
    assert_eq!(spans(FailureKind::Refused), [30, 60, 120, 240, 480, 600, 600, 600, 600, 600, 600, 600]);
    assert_eq!(spans(FailureKind::Busy { retry_after: Some(seconds(20)) })[..7], [20, 20, 20, 20, 20, 32, 60]);
}

#[test]
fn daily_quota_is_expected_of_tokens_that_live_as_long() {
    for (lifetime_seconds, quota) in
        [(86_400, Quota::Daily), (72_000, Quota::Daily), (71_999, Quota::Unknown), (300, Quota::Unknown)]
    {
        assert_eq!(Quota::of_documented(seconds(lifetime_seconds)), quota, "{lifetime_seconds}");
    }
}

#[test]
fn quota_that_experience_disproves_holds_back_for_minutes() {
    let refused_at = |ledger: &mut Ledger, quota, now| {
        ledger.record_failure(FailureKind::Quota { retry_after: None }, quota, at(now), 1.0);
        ledger.closed_until().unwrap().since(at(now)).as_secs()
    };
    let mut five_minutes = Ledger::default();
    five_minutes.record_issue(at(1_000), at(1_000));
    let waits: Vec<_> = (0..8).map(|_| refused_at(&mut five_minutes, Quota::Unknown, 1_014)).collect();
    assert_eq!(waits, [300, 600, 1_200, 2_400, 4_800, 9_600, 14_400, 14_400], "the documented lifetime disproves it");

    let mut frequent = Ledger::default();
    for issue in [1_000, 1_007, 1_014] {
        frequent.record_issue(at(issue), at(issue));
    }
    assert_eq!(refused_at(&mut frequent, Quota::Daily, 1_020), 300, "the issues themselves disprove it");

    for (span, is_disproof) in [(68_399, true), (68_400, false)] {
        let mut twice = Ledger::default();
        twice.record_issue(at(0), at(0));
        twice.record_issue(at(span), at(span));
        assert_eq!(twice.is_quota_disproved, is_disproof, "19 hours: {span}");
    }

    let mut daily = Ledger::default();
    for day in 0..3 {
        daily.record_issue(at(72_100 * day), at(72_100 * day));
    }
    assert_eq!(refused_at(&mut daily, Quota::Daily, 150_000), 144_200 + 72_060 - 150_000);
}

#[test]
fn retry_after_is_believed_for_ten_minutes_unless_the_quota_says_it() {
    let year = Some(seconds(31_536_000));
    let closed_for = |kind| {
        let mut ledger = Ledger::default();
        ledger.record_failure(kind, Quota::Daily, at(0), 0.5);
        ledger.closed_until().unwrap()
    };
    assert_eq!(closed_for(FailureKind::Busy { retry_after: year }), at(600));
    assert_eq!(closed_for(FailureKind::Quota { retry_after: year }), at(86_400));
}

#[test]
fn replacement_of_a_rejected_token_is_kept_for_a_while() {
    let mut ledger = Ledger::default();
    ledger.record_issue(at(1_000), at(1_000));
    ledger.record_replacement(at(1_001));
    let kept = |length| ledger.kept_until(&TokenLifetime::new(at(1_000), seconds(length), 0.0)).unwrap();
    assert_eq!((kept(86_400), kept(300)), (at(4_601), at(1_051)));
    ledger.record_issue(at(80_000), at(80_000));
    assert_eq!(ledger.replaced, Some(at(1_001)), "a later token does not forget it");
}

#[test]
fn requests_for_the_same_purpose_are_some_seconds_apart() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.next_request(), None);
    ledger.record_issue(at(1_000), at(1_001));
    assert_eq!(ledger.next_request(), Some(at(1_002)));
}

#[test]
fn quota_allows_the_next_token_20_hours_and_a_minute_after_the_last_one_unless_it_is_disproved() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.quota_allows_from(Quota::Daily), None, "no known issue");
    ledger.record_issue(at(1_000), at(1_000));
    assert_eq!(ledger.quota_allows_from(Quota::Daily), Some(at(73_060)));
    assert_eq!(ledger.quota_allows_from(Quota::Unknown), None);
    ledger.is_quota_disproved = true;
    assert_eq!(ledger.quota_allows_from(Quota::Daily), None);
}

#[test]
fn quota_refusal_at_the_end_of_the_window_is_explained_by_a_lost_response_or_by_nothing() {
    let refused_at = |spent: Option<i64>, now| {
        let mut ledger = Ledger { last_issue: Some(at(1_000)), possibly_spent: spent.map(at), ..Ledger::default() };
        ledger.record_failure(FailureKind::Quota { retry_after: None }, Quota::Daily, at(now), 0.5);
        ledger.closed_until()
    };
    assert_eq!(refused_at(Some(72_999), 73_000), Some(at(73_060)), "a token could not be granted yet");
    assert_eq!(refused_at(Some(73_000), 73_001), Some(at(145_060)), "20 hours after the issue it could");
    assert_eq!(refused_at(None, 73_060), Some(at(76_660)), "the window is over: an hour");
}

#[test]
fn mark_of_a_request_that_was_not_sent_leaves_no_dead_sender() {
    let mut ledger = written(|ledger| ledger.mark_in_flight(7, at(100)));
    ledger.clear_in_flight(at(101));
    assert!(ledger.is_unwritten && ledger.changed == Some(at(101)));
    assert!(!ledger.record_dead_sender(at(200), 0.5));
}

#[test]
fn new_token_is_a_change_of_the_ledger() {
    let mut ledger = Ledger::default();
    ledger.record_issue(at(1_000), at(1_001));
    assert_eq!((ledger.changed, ledger.is_unwritten, ledger.issues), (Some(at(1_001)), true, 1));
}

#[test]
fn new_credentials_end_the_back_off_and_no_cool_down() {
    let mut ledger = backing_off_until(80_000);
    ledger.cool_down_until = Some(at(70_000));
    ledger.clear_back_off();
    assert_eq!((ledger.closed_until(), ledger.failures), (Some(at(70_000)), 0));
}

#[test]
fn reason_that_requests_are_held_back_is_the_longest_wait() {
    #[rustfmt::skip]
    let table = [
        // cool-down  back-off   by the quota, by the cache alone (at 100)
        (None,       None,       false, true),
        (Some(200),  None,       true,  false),
        (None,       Some(200),  false, false),
        (Some(200),  Some(201),  false, false),
        (Some(201),  Some(200),  true,  false),
        (Some(200),  Some(200),  false, false),
        (Some(100),  Some(99),   true,  true),
        (Some(99),   Some(101),  false, false),
    ];
    for (cool_down, back_off, by_quota, by_cache) in table {
        let (cool_down_until, back_off_until) = (cool_down.map(at), back_off.map(at));
        let ledger = Ledger { cool_down_until, back_off_until, cache_out_until: Some(at(300)), ..Ledger::default() };
        assert_eq!(ledger.is_closed_by_the_quota(), by_quota, "{cool_down:?} {back_off:?}");
        assert_eq!(ledger.is_closed_by_the_cache_alone(at(100)), by_cache, "{cool_down:?} {back_off:?}");
    }
}

#[test]
fn merge_keeps_what_either_ledger_knows_later_or_more_often() {
    let one = Ledger {
        last_issue: Some(at(10)),
        own_issue: Some(at(9)),
        replaced: Some(at(5)),
        is_quota_disproved: true,
        quota_refusals: 1,
        issues: 1,
        possibly_spent: Some(at(30)),
        cool_down_until: Some(at(100)),
        back_off_until: Some(at(200)),
        failures: 4,
        changed: Some(at(50)),
        is_unwritten: true,
        ..Ledger::default()
    };
    let other = Ledger {
        last_issue: Some(at(8)),
        own_issue: None,
        replaced: Some(at(6)),
        is_quota_disproved: false,
        quota_refusals: 2,
        possibly_spent: None,
        cool_down_until: Some(at(150)),
        back_off_until: Some(at(150)),
        failures: 1,
        changed: Some(at(60)),
        ..one.clone()
    };
    let expected = Ledger {
        replaced: other.replaced,
        quota_refusals: 2,
        cool_down_until: other.cool_down_until,
        changed: other.changed,
        ..one.clone()
    };
    for (mut mine, shared) in [(one.clone(), &other), (other.clone(), &one)] {
        assert_eq!(mine.merge(Some(shared), 7), shared == &one, "whether the shared one holds requests back");
        assert_eq!(mine, expected);
    }
}

#[test]
fn merge_keeps_the_mark_of_the_own_request_and_that_of_another_client() {
    let mark = |by, second| Some(InFlight { at: at(second), by });
    for (mine, shared, expected) in [
        (mark(7, 100), None, mark(7, 100)),
        (mark(7, 100), mark(8, 90), mark(7, 100)),
        (None, mark(8, 100), mark(8, 100)),
        // Its outcome is known here.
        (None, mark(7, 100), None),
        // Inherited from a parent, whose request ended since.
        (mark(8, 100), None, None),
        (mark(8, 100), mark(9, 90), mark(9, 90)),
        // The last token is that of this request, or of a later one.
        (None, mark(8, 50), None),
        (None, mark(8, 49), None),
        (None, mark(8, 51), mark(8, 51)),
    ] {
        let ledger = |in_flight| Ledger { in_flight, last_issue: Some(at(50)), issues: 1, ..Ledger::default() };
        let mut merged = Ledger { is_unwritten: true, ..ledger(mine) };
        assert!(!merged.merge(Some(&ledger(shared)), 7), "nothing holds requests back");
        assert_eq!(merged.in_flight, expected, "{mine:?}, {shared:?}");
    }
}

#[test]
fn wait_that_began_with_the_latest_token_is_kept_in_a_merge() {
    let mut mine = Ledger::default();
    mine.record_issue(at(2_000), at(2_000));
    let shared = Ledger { is_unwritten: false, ..mine.clone() };
    mine.record_failure(FailureKind::Refused, Quota::Daily, at(2_000), 0.5);
    let closed = mine.closed_until();
    assert!(!mine.merge(Some(&shared), 7));
    assert_eq!((mine.closed_until(), mine.failures), (closed, 1));
}

#[test]
fn time_of_the_last_change_is_kept_although_the_waits_are_dropped_in_a_merge() {
    let ledger = |issues, second| Ledger {
        issues,
        last_issue: Some(at(second)),
        changed: Some(at(second)),
        ..Ledger::default()
    };
    // The clock of the process with more tokens is behind.
    let mut mine = Ledger { is_unwritten: true, failures: 1, ..ledger(4, 2_000) };
    mine.merge(Some(&ledger(5, 1_000)), 7);
    assert_eq!((mine.failures, mine.issues, mine.changed), (0, 5, Some(at(2_000))));
}

#[test]
fn refresh_window_of_a_token_to_be_replaced_begins_earlier_and_never_later() {
    let token = day_token();
    assert_eq!(token.refreshable_from(at(5_000)).refresh_at, at(5_000));
    assert_eq!(token.refreshable_from(at(80_000)), token);
}

prop_compose! {
    fn any_lifetime()(requested in 0_i64..200_000, lifetime in 0_u64..200_000, jitter in 0.0..1.0) -> TokenLifetime {
        TokenLifetime::new(at(requested), seconds(lifetime), jitter)
    }
}

prop_compose! {
    fn any_ledger()(
        cool_down in proptest::option::of(0_i64..400_000),
        back_off in proptest::option::of(0_i64..400_000),
        issue in proptest::option::of(0_i64..400_000),
        replaced in proptest::option::of(0_i64..400_000),
    ) -> Ledger {
        Ledger {
            cool_down_until: cool_down.map(at),
            back_off_until: back_off.map(at),
            last_issue: issue.map(at),
            replaced: replaced.map(at),
            ..Ledger::default()
        }
    }
}

prop_compose! {
    fn any_candidate()(lifetime in any_lifetime(), is_suspect: bool) -> Candidate {
        Candidate { lifetime, is_suspect }
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

fn any_in_flight_until() -> impl Strategy<Value = Option<BootTime>> {
    proptest::option::of((0_i64..400_000).prop_map(at))
}

proptest! {
    #[test]
    fn only_a_token_that_has_not_expired_is_served(
        token in any_candidate(), ledger in any_ledger(), in_flight_until in any_in_flight_until(), now in 0_i64..400_000,
    ) {
        let decision = decide(Some(&token), &ledger, in_flight_until, at(now));
        if matches!(decision, Decision::Serve | Decision::ServeAndRefresh) {
            prop_assert!(!token.lifetime.is_over(at(now)));
        }
        if matches!(decision, Decision::Refuse { .. }) {
            prop_assert!(token.lifetime.is_over(at(now)), "an error although there is a valid token");
        }
    }

    #[test]
    fn no_refresh_starts_during_a_wait_or_another_refresh(
        token in proptest::option::of(any_candidate()), ledger in any_ledger(), in_flight_until in any_in_flight_until(),
        now in 0_i64..400_000,
    ) {
        let fetches = matches!(
            decide(token.as_ref(), &ledger, in_flight_until, at(now)),
            Decision::Fetch | Decision::ServeAndRefresh
        );
        let closed = ledger.closed_until().is_some_and(|until| at(now) < until);
        prop_assert!(!fetches || (!closed && in_flight_until.is_none()));
    }

    #[test]
    fn refusal_ends_later_than_now(ledger in any_ledger(), now in 0_i64..400_000) {
        if let Decision::Refuse { until } = decide(None, &ledger, None, at(now)) {
            prop_assert!(until > at(now));
        }
    }

    #[test]
    fn every_failure_starts_a_wait(
        mut ledger in any_ledger(), kind in any_failure_kind(), now in 0_i64..400_000, jitter in 0.0..1.0,
    ) {
        ledger.record_failure(kind, Quota::Daily, at(now), jitter);
        prop_assert!(ledger.closed_until() > Some(at(now)));
    }

    #[test]
    fn jitter_keeps_the_refresh_in_the_first_quarter_of_the_window(
        length in 0_u64..10_000_000, jitter in 0.0..1.0,
    ) {
        let lifetime = TokenLifetime::new(at(0), seconds(length), jitter);
        let window = seconds(length) / 6;
        prop_assert!(lifetime.refresh_at >= at(0).after(seconds(length).saturating_sub(window)));
        prop_assert!(lifetime.refresh_at <= at(0).after(seconds(length).saturating_sub(window) + window / 4));
    }

    #[test]
    fn decision_stays_serve_until_serves_until(
        token in any_candidate(), ledger in any_ledger(), in_flight_until in any_in_flight_until(), now in 0_i64..400_000,
        share in 0.0..1.0,
    ) {
        let in_flight_until = in_flight_until.filter(|&ends| at(now) < ends);
        prop_assume!(decide(Some(&token), &ledger, in_flight_until, at(now)) == Decision::Serve);
        let until = serves_until(&token, &ledger, in_flight_until, at(now));
        prop_assert!(at(now) < until && until <= token.lifetime.expires);
        let later = at(now).after(until.since(at(now)).mul_f64(share));
        if later < until {
            let in_flight_then = in_flight_until.filter(|&ends| later < ends);
            prop_assert_eq!(decide(Some(&token), &ledger, in_flight_then, later), Decision::Serve);
        }
    }
}
