//! The plan as a table, and with properties.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::policy::TokenLifetime;
use crate::store::Record;
use crate::token::Fitness;

const DAY: Duration = Duration::from_secs(86_400);

fn held(number: u8, requested_s: i64) -> Arc<HeldToken> {
    let lifetime = TokenLifetime::new(BootTime::from_seconds(requested_s), DAY, 0.0);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Arc::new(HeldToken::new(&format!("token-{number}").into(), None, "raas.all", lifetime, clock))
}

fn cached(token: &HeldToken) -> CacheSummary {
    let token =
        CachedToken { hash: token.token().hash(), requested: token.lifetime().requested(), wants_another: false };
    CacheSummary { token: Some(token), ..CacheSummary::default() }
}

/// A caller waits, with the current credentials, and nothing is known.
fn situation() -> Situation<'static> {
    Situation {
        demand: Demand::Token,
        decision: Decision::Fetch,
        served: None,
        own: None,
        has_unwritten: false,
        is_current: true,
        cache: None,
    }
}

/// A plan in a word, for the tables.
fn word(plan: &Plan) -> &'static str {
    match plan {
        Plan::Return(Reply::Token(_)) => "token",
        Plan::Return(Reply::Refused { .. }) => "refused",
        Plan::Return(Reply::Nothing) => "nothing",
        Plan::Write { token: Some(_), .. } => "write token",
        Plan::Write { token: None, .. } => "write ledger",
        Plan::Refresh { meanwhile: Some(_), .. } => "refresh behind a token",
        Plan::Refresh { meanwhile: None, .. } => "refresh",
    }
}

const REFUSE: Decision = Decision::Refuse { until: BootTime::from_seconds(7) };

#[test]
fn decision_and_demand_choose_the_plan_where_nothing_is_unwritten() {
    let token = held(1, 0);
    let cache = cached(&token);
    for (decision, has_token, demand, is_current, expected) in [
        (Decision::Serve, true, Demand::Token, true, "token"),
        (Decision::Serve, true, Demand::Sync, false, "token"),
        (REFUSE, false, Demand::Token, true, "refused"),
        (REFUSE, true, Demand::Sync, true, "refused"),
        (Decision::Fetch, false, Demand::Token, true, "refresh"),
        (Decision::Fetch, false, Demand::Sync, true, "nothing"),
        (Decision::Fetch, false, Demand::Token, false, "nothing"),
        (Decision::Wait, false, Demand::Token, true, "refresh"),
        (Decision::ServeAndRefresh, true, Demand::Token, true, "refresh behind a token"),
        (Decision::ServeAndRefresh, true, Demand::Sync, true, "nothing"),
        (Decision::ServeAndRefresh, true, Demand::Token, false, "nothing"),
    ] {
        let own = has_token.then_some(&token);
        let given = Situation { decision, demand, is_current, own, served: own, cache: Some(&cache), ..situation() };
        assert_eq!(word(&given.plan()), expected, "{decision:?} {demand:?} {is_current}");
    }
}

#[test]
fn what_the_cache_lacks_is_written_before_the_refresh_ends() {
    let (older, newer) = (held(1, 0), held(2, 100));
    let mut unfit = cached(&newer);
    unfit.token.as_mut().unwrap().wants_another = true;
    let damaged = CacheSummary { is_damaged: true, ..cached(&newer) };
    let serve = |own, cache| Situation { decision: Decision::Serve, served: own, own, cache, ..situation() };
    for (given, expected) in [
        (serve(Some(&newer), Some(&CacheSummary::default())), "write token"),
        (serve(Some(&newer), Some(&cached(&older))), "write token"),
        (serve(Some(&held(3, 100)), Some(&cached(&newer))), "write token"),
        (serve(Some(&older), Some(&cached(&newer))), "token"),
        (serve(Some(&newer), Some(&damaged)), "write ledger"),
        (serve(Some(&newer), None), "token"),
        (Situation { has_unwritten: true, ..serve(Some(&newer), Some(&cached(&newer))) }, "write ledger"),
        (Situation { has_unwritten: true, ..serve(Some(&newer), None) }, "token"),
        (
            Situation { decision: REFUSE, has_unwritten: true, cache: Some(&cached(&older)), ..situation() },
            "write ledger",
        ),
        (Situation { decision: REFUSE, cache: Some(&cached(&older)), ..situation() }, "refused"),
        (serve(Some(&older), Some(&unfit)), "write token"),
        (
            Situation {
                demand: Demand::Sync,
                own: Some(&newer),
                served: Some(&newer),
                decision: Decision::ServeAndRefresh,
                cache: Some(&CacheSummary::default()),
                ..situation()
            },
            "write token",
        ),
    ] {
        assert_eq!(word(&given.plan()), expected);
        assert_eq!(given.is_written(), !expected.starts_with("write"), "{expected}");
    }
}

#[test]
fn cache_with_the_record_of_the_held_token_needs_no_write_and_a_damaged_one_does() {
    let token = held(1, 0);
    let record = Record {
        access_token: "token-1".into(),
        key: None,
        scope: "raas.all".into(),
        requested: BootTime::from_seconds(0),
        lifetime: DAY,
        fitness: Fitness::Fits,
    };
    let mut view = View {
        record: Some(record),
        is_damaged: false,
        suspects: Vec::new(),
        ledger: None,
        failure: None,
        server_clocks: Vec::new(),
    };
    for (is_damaged, expected) in [(false, "token"), (true, "write ledger")] {
        view.is_damaged = is_damaged;
        let cache = CacheSummary::of(&view);
        let (served, own, cache) = (Some(&token), Some(&token), Some(&cache));
        let given = Situation { decision: Decision::Serve, served, own, cache, ..situation() };
        assert_eq!(word(&given.plan()), expected);
    }
}

#[test]
fn log_tells_the_plans_apart() {
    let token = held(1, 0);
    let plans = [
        Plan::Return(Reply::Token(Arc::clone(&token))),
        Plan::Return(Reply::Refused { until: BootTime::from_seconds(7) }),
        Plan::Return(Reply::Nothing),
        Plan::Write { token: Some(token), then: Reply::Nothing },
        Plan::Write { token: None, then: Reply::Nothing },
        Plan::Refresh { meanwhile: None, unpublished: None },
    ];
    let names: BTreeSet<_> = plans.iter().map(Plan::name).collect();
    assert!(names.len() == plans.len() && !names.contains(""), "{names:?}");
}

fn any_decision() -> impl Strategy<Value = Decision> {
    prop_oneof![
        Just(Decision::Serve),
        Just(Decision::ServeAndRefresh),
        Just(Decision::Fetch),
        Just(Decision::Wait),
        Just(REFUSE),
    ]
}

proptest! {
    /// Whatever is known, a token is requested only for the current credentials, on demand, and where the policy wants
    /// one.
    #[test]
    fn requests_need_a_demand_the_current_credentials_and_the_policy(
        decision in any_decision(), is_sync: bool, is_current: bool, has_own: bool, has_served: bool,
        has_unwritten: bool, cache in proptest::option::of(0_u8..3), is_damaged: bool,
    ) {
        let (own, other) = (held(1, 0), held(2, 100));
        let cache = cache.map(|number| CacheSummary {
            is_damaged,
            ..match number { 0 => CacheSummary::default(), 1 => cached(&own), _ => cached(&other) }
        });
        let given = Situation {
            demand: if is_sync { Demand::Sync } else { Demand::Token },
            decision,
            served: if has_own { Some(&own) } else { has_served.then_some(&other) },
            own: has_own.then_some(&own),
            has_unwritten,
            is_current,
            cache: cache.as_ref(),
        };
        match given.plan() {
            Plan::Refresh { meanwhile, unpublished } => {
                prop_assert!(!is_sync && is_current && decision != REFUSE);
                prop_assert!(meanwhile.is_none() || decision == Decision::ServeAndRefresh);
                let is_missing = has_own && given.cache.is_some_and(|cache| !cache.has(&own));
                prop_assert_eq!(unpublished.map(|token| Arc::ptr_eq(&token, &own)), is_missing.then_some(true));
            }
            Plan::Write { token, .. } => {
                prop_assert!(given.cache.is_some() && !given.is_written());
                prop_assert!(token.is_none_or(|token| Arc::ptr_eq(&token, &own)), "the token of other credentials");
            }
            Plan::Return(Reply::Refused { until }) => prop_assert_eq!(Decision::Refuse { until }, decision),
            Plan::Return(_) => {}
        }
    }
}
