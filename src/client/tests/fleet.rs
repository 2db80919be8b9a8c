//! Several processes, as clients that share nothing but a cache, a server and the time.

use super::memory_store::{Fault, MemoryStore};
use super::*;
use crate::config::Credentials;
use crate::dpop::DpopMode;

pub(super) struct Fleet {
    pub(super) server: Server,
    pub(super) clock: Arc<ManualClock>,
    pub(super) memory_store: MemoryStore,
}

pub(super) fn fleet(answer: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static) -> Fleet {
    Fleet { server: Server::start(answer), clock: Arc::new(ManualClock::new()), memory_store: MemoryStore::default() }
}

impl Fleet {
    /// One more process.
    pub(super) fn join(&self) -> Fixture {
        self.join_with(|config| config)
    }

    pub(super) fn join_with(&self, adjust: impl FnOnce(&mut Config) -> &mut Config) -> Fixture {
        let mut config = config_for(&self.server);
        config.custom_cache(self.memory_store.clone());
        adjust(&mut config);
        let client =
            Client::with_components(&config, Arc::clone(&self.clock) as Arc<dyn Clock>, Box::new(SystemComponents))
                .unwrap();
        Fixture { server: self.server.clone(), clock: Arc::clone(&self.clock), client }
    }

    /// One whose callers do not wait long for what the cache does not take.
    pub(super) fn join_impatient(&self) -> Fixture {
        self.join_with(|config| config.total_timeout(Duration::from_millis(1500)))
    }

    pub(super) fn requests(&self) -> usize {
        self.server.requests().len()
    }
}

pub(super) fn quota_refusal() -> ScriptedResponse {
    ScriptedResponse::text(400, "Client sandbox id has exceeded the daily rate limit")
}

/// The next call looks into the cache behind the caller's back; this waits until it has.
pub(super) fn look(bench: &Fixture) -> String {
    bench.clock.advance(Duration::from_secs(400));
    let value = bench.value();
    bench.eventually(Fixture::nothing_under_way);
    value
}

#[test]
fn who_comes_later_uses_what_is_there() {
    let fleet = fleet(token);
    assert_eq!(fleet.join().value(), "token-1");
    fleet.clock.advance(HOUR);
    let later = fleet.join().client.acquire().unwrap();
    assert_eq!((later.value(), later.scope(), later.expires_in()), ("token-1", "raas.all", 23 * HOUR));
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn all_who_start_at_once_share_one_request() {
    let fleet = fleet(token);
    fleet.server.hold();
    let benches: Vec<_> = (0..20).map(|_| fleet.join()).collect();
    thread::scope(|scope| {
        for bench in &benches {
            scope.spawn(|| assert_eq!(bench.value(), "token-1"));
        }
        benches[0].eventually(|_| fleet.requests() == 1 && fleet.memory_store.locks_asked_for() >= 20);
        fleet.server.release();
    });
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_bound_token_comes_with_its_key() {
    let fleet =
        fleet(|_| ScriptedResponse::json(200, r#"{"access_token":"bound","expires_in":86400,"token_type":"DPoP"}"#));
    let join = || fleet.join_with(|config| config.dpop(DpopMode::Required));
    let (first, second) = (join().client.acquire().unwrap(), join().client.acquire().unwrap());
    let thumbprint = |token: &Token| token.dpop_key().unwrap().thumbprint().to_owned();
    assert_eq!((second.value(), second.token_type()), ("bound", "DPoP"));
    assert_eq!(thumbprint(&first), thumbprint(&second));
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn one_renews_for_all_and_the_others_notice_before_their_own_token_ends() {
    let fleet = fleet(token);
    let (one, two) = (fleet.join(), fleet.join());
    assert_eq!((one.value(), two.value()), ("token-1".into(), "token-1".into()));
    fleet.clock.advance(21 * HOUR);
    assert_eq!(one.value(), "token-1", "nobody waits for it");
    one.eventually(|one| one.value() == "token-2");
    assert_eq!(two.value(), "token-1");
    two.eventually(|two| two.value() == "token-2");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn while_another_process_renews_the_valid_token_is_served_and_nothing_is_sent() {
    let fleet = fleet(token);
    let bench = fleet.join();
    bench.value();
    fleet.memory_store.hold_lock(true);
    fleet.clock.advance(21 * HOUR);
    for _ in 0..3 {
        assert_eq!(bench.value(), "token-1");
        bench.eventually(Fixture::nothing_under_way);
        fleet.clock.advance(Duration::from_secs(6));
    }
    assert_eq!(fleet.requests(), 1);
    fleet.memory_store.hold_lock(false);
    bench.eventually(|bench| bench.value() == "token-2");
}

#[test]
fn who_waits_for_another_process_has_a_deadline_of_its_own() {
    let fleet = fleet(token);
    fleet.memory_store.hold_lock(true);
    let bench = fleet.join_with(|config| config.total_timeout(Duration::from_millis(200)));
    let error = bench.failure();
    assert_eq!(error.status(), Status::TimedOut);
    assert!(error.message().contains("in another process"), "{error}");
    assert_eq!(fleet.requests(), 0);
    fleet.memory_store.hold_lock(false);
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(bench.value(), "token-1");
}

#[test]
fn a_quota_refusal_is_the_whole_fleets_and_outlives_the_process() {
    let fleet = fleet(|_| quota_refusal());
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    fleet.clock.advance(HOUR / 2);
    let error = fleet.join().failure();
    assert_eq!((error.status(), error.http_status()), (Status::QuotaRefused, Some(400)));
    assert_eq!(error.retry_after(), Some(HOUR / 2));
    assert!(error.message().contains("earlier error; nothing is sent"), "{error}");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_cool_down_can_be_read_by_who_cannot_read_the_record() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.memory_store.change("record", Vec::clear);
    assert_eq!(
        fleet.join().failure().retry_after(),
        Some(20 * HOUR + MINUTE),
        "from the issue, which the ledger remembers"
    );
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn a_sender_that_died_may_have_spent_the_token_and_one_further_request_tells() {
    let fleet = fleet(|_| quota_refusal());
    fleet.server.hold();
    let dead = fleet.join();
    let dying = dead.client.acquire_async();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_millis(50), dying).await.unwrap_err() });
    dead.eventually(|_| fleet.requests() == 1);
    assert!(fleet.memory_store.ledger()["in_flight_since_ms"].is_i64(), "written before it was sent");

    // The store opens the lock of a dead process, whose response nobody reads.
    fleet.memory_store.hold_lock(false);
    fleet.clock.advance(MINUTE);
    fleet.server.hold_only(1);
    let error = fleet.join().failure();
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, Some(20 * HOUR)));
    assert!(fleet.memory_store.ledger()["possibly_spent_ms"].is_i64());
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn who_dies_again_and_again_does_not_cost_one_token_after_the_other() {
    let fleet = fleet(token);
    fleet.join().value();
    // As two senders leave it that died, one after the other.
    fleet.memory_store.remove("record");
    fleet.memory_store.change("ledger", |ledger| {
        let mut page: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        page["in_flight_since_ms"] = page["changed_ms"].clone();
        page["identities"].as_object_mut().unwrap().values_mut().for_each(|section| section["failures"] = 1.into());
        *ledger = page.to_string().into_bytes();
    });
    let held_back = fleet.join().failure();
    assert_eq!(held_back.status(), Status::ConnectionLost);
    assert!(
        fleet.memory_store.ledger()["in_flight_since_ms"].is_null(),
        "it is written, so that nobody counts it twice"
    );
    let another = fleet.join().failure();
    assert_eq!((another.status(), another.retry_after()), (held_back.status(), held_back.retry_after()));
    assert_eq!(fleet.requests(), 1);
    fleet.clock.advance(held_back.retry_after().unwrap());
    assert_eq!(fleet.join().value(), "token-2");
}

#[test]
fn a_cache_that_lost_everything_gets_it_back_from_who_has_it() {
    let fleet = fleet(token);
    let bench = fleet.join();
    bench.value();
    fleet.memory_store.empty();
    look(&bench);
    assert_eq!(fleet.join().value(), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_cache_that_cannot_be_reached_is_not_an_empty_one() {
    let fleet = fleet(token);
    let held = fleet.join();
    held.value();
    fleet.memory_store.break_down(true, true);
    let error = fleet.join().failure();
    assert_eq!(error.status(), Status::CacheUnavailable);
    assert!(
        error.message().contains("the memory_store fell down") && error.message().contains("allow_fetch_without_cache"),
        "{error}"
    );
    assert!(error.retry_after().is_some());
    assert_eq!(fleet.requests(), 1);

    assert_eq!(look(&held), "token-1", "who has a token serves it");
    let anyway = fleet.join_with(|config| config.allow_fetch_without_cache(true));
    assert_eq!(anyway.value(), "token-2");
    fleet.clock.advance(21 * HOUR);
    assert_eq!(held.value(), "token-1");
    held.eventually(Fixture::nothing_under_way);
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    held.eventually(|held| held.value() == "token-3");
}

#[test]
fn an_outage_is_over_when_the_cache_is_back() {
    let fleet = fleet(token);
    fleet.memory_store.break_down(true, true);
    let bench = fleet.join();
    let wait = bench.failure().retry_after().unwrap();
    assert!(bench.failure().message().contains("earlier error"), "the cache is not asked at once again");
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(wait);
    assert_eq!(bench.value(), "token-1");
}

#[test]
fn a_token_that_cannot_be_written_is_served_and_written_later() {
    let fleet = fleet(token);
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    let bench = fleet.join_impatient();
    assert_eq!(bench.value(), "token-1");
    assert!(fleet.memory_store.entries("record").is_empty());
    fleet.memory_store.break_down(false, false);
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(bench.value(), "token-1");
    bench.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.join().value(), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_record_that_cannot_be_opened_is_set_aside_and_counts_as_missing() {
    let fleet = fleet(token);
    fleet.join().value();
    fleet.memory_store.change("record", |record| *record.last_mut().unwrap() ^= 1);
    let damaged = fleet.memory_store.entries("record");
    assert_eq!(fleet.join().value(), "token-2");
    assert_eq!(fleet.memory_store.entries("rejected"), damaged);
    assert_eq!(fleet.memory_store.ledger()["rejected_records"], 1);
    assert_eq!(fleet.join().value(), "token-2");
}

#[test]
fn a_wrong_secret_or_password_somewhere_leaves_the_others_alone() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { ScriptedResponse::text(401, "no") });
    fleet.join().value();
    let wrong_secret = fleet.join_with(|config| config.client_secret("wrong"));
    assert_eq!(wrong_secret.failure().status(), Status::CredentialsRefused);
    assert_eq!(fleet.join().value(), "token-1", "the record is still there, and still the right one");
    let wrong = fleet.join_with(|config| config.client_secret("wrong"));
    assert!(wrong.failure().message().contains("earlier error"), "who makes the same mistake learns of it");
    assert_eq!(fleet.requests(), 2);

    // A wrong password opens the record, and one that is refused closes nothing for who has the right one.
    fleet.memory_store.change("record", Vec::clear);
    let wrong_password = fleet.join_with(|config| config.password("wrong"));
    assert_eq!(wrong_password.failure().status(), Status::CredentialsRefused);
    assert!(!fleet.join().failure().message().contains("earlier error"), "it was asked");
}

#[test]
fn a_new_password_of_the_service_account_keeps_the_token() {
    let fleet = fleet(token);
    fleet.join().value();
    assert_eq!(fleet.join_with(|config| config.password("a new one")).value(), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn rotated_credentials_take_over_once_there_is_a_token_for_them() {
    let fleet = fleet(|number| if number == 2 { ScriptedResponse::text(503, "") } else { token(number) });
    let bench = fleet.join();
    assert_eq!(bench.value(), "token-1");
    bench.client.set_credentials(&Credentials::new().client("id-2", "secret-2")).unwrap();
    assert_eq!(bench.value(), "token-1", "the valid token is served meanwhile");
    bench.eventually(|bench| bench.value() == "token-3");
    let last = fleet.server.requests().pop().unwrap();
    assert!(last.contains("client_id=id-2&client_secret=secret-2&username=name&password=the-password"), "{last}");

    let rotated = fleet.join_with(|config| config.client_id("id-2").client_secret("secret-2"));
    assert_eq!(rotated.value(), "token-3", "others with the new credentials find it");
    assert_eq!(fleet.join().value(), "token-1", "and those with the old ones theirs");
    assert_eq!(fleet.requests(), 3);
}

#[test]
fn a_rotation_to_credentials_that_others_use_already_sends_nothing() {
    let fleet = fleet(token);
    let bench = fleet.join();
    bench.value();
    fleet.join_with(|config| config.username("name-2")).value();
    bench.client.set_credentials(&Credentials::new().service_account("name-2", "the-password")).unwrap();
    bench.value();
    bench.eventually(|bench| bench.value() == "token-2");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn a_password_that_was_corrected_is_tried_at_once() {
    let fleet = fleet(|number| if number == 1 { ScriptedResponse::text(401, "no") } else { token(number) });
    let bench = fleet.join();
    bench.failure();
    bench.client.set_credentials(&Credentials::new().service_account("name", "corrected")).unwrap();
    assert_eq!(bench.value(), "token-2");
    assert!(bench.client.set_credentials(&Credentials::new().client("", "x")).is_err());
}

#[test]
fn a_wall_clock_set_back_makes_no_ended_token_fresh() {
    let fleet = fleet(token);
    fleet.join().value();
    fleet.clock.advance(DAY);
    fleet.clock.set_wall_back(DAY);
    assert_eq!(fleet.join().value(), "token-2");
}

#[test]
fn who_was_refused_finds_the_token_that_another_puts_back() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let holder = fleet.join();
    holder.value();
    fleet.memory_store.empty();
    let refused = fleet.join();
    assert_eq!(refused.failure().status(), Status::QuotaRefused);
    look(&holder);
    assert_eq!(fleet.memory_store.entries("record").len(), 1);
    fleet.clock.advance(Duration::from_secs(15));
    assert_eq!(refused.value(), "token-1");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn a_password_that_changes_during_a_fetch_costs_no_second_token() {
    let fleet = fleet(token);
    fleet.server.hold();
    let bench = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.value());
        bench.eventually(|_| fleet.requests() == 1);
        bench.client.set_credentials(&Credentials::new().service_account("name", "new")).unwrap();
        fleet.server.release();
        assert_eq!(waiting.join().unwrap(), "token-1");
    });
    assert_eq!(look(&bench), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_password_that_changes_during_its_refusal_is_tried_for_those_who_wait() {
    let fleet = fleet(|number| if number == 1 { ScriptedResponse::text(401, "no") } else { token(number) });
    fleet.server.hold();
    let bench = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.value());
        bench.eventually(|_| fleet.requests() == 1);
        bench.client.set_credentials(&Credentials::new().service_account("name", "new")).unwrap();
        fleet.server.release();
        assert_eq!(waiting.join().unwrap(), "token-2");
    });
}

#[test]
fn who_cannot_open_a_record_does_not_write_over_it() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let (right, wrong) = (fleet.join(), fleet.join());
    assert_eq!((right.value(), wrong.value()), ("token-1".into(), "token-1".into()));
    wrong.client.set_credentials(&Credentials::new().client("id", "a wrong secret")).unwrap();
    look(&wrong);
    assert_eq!(fleet.join().value(), "token-1");
}

/// Stops a process with its first request at the server, for longer than its lease. `meanwhile`, another process sends the
/// second request and is refused. Returns what the caller of the first process gets when that continues.
fn stopped_during_its_request(fleet: &Fleet, stopped: &Fixture, other: &Fixture) -> Result<Token, Error> {
    fleet.server.hold_only(1);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stopped.client.acquire());
        stopped.eventually(|_| fleet.requests() == 1);
        fleet.memory_store.hold_lock(false);
        fleet.clock.advance(Duration::from_secs(16));
        assert_eq!(other.failure().status(), Status::QuotaRefused);
        fleet.server.release();
        waiting.join().unwrap()
    })
}

#[test]
fn who_was_stopped_for_longer_than_its_lease_leaves_it_to_those_who_went_on() {
    let late =
        [ScriptedResponse::Close, ScriptedResponse::text(400, "no such audience"), ScriptedResponse::text(503, "")];
    for late in late {
        let fleet = fleet(move |number| if number == 1 { late.clone() } else { quota_refusal() });
        let stopped = fleet.join();
        let error = stopped_during_its_request(&fleet, &stopped, &fleet.join()).unwrap_err();
        assert_eq!(error.status(), Status::QuotaRefused, "what keeps it from going on");
        assert_eq!(fleet.requests(), 2, "its request is not repeated inside the cool-down of the other");
        let ledger = fleet.memory_store.ledger();
        assert!(ledger["cool_down_until_ms"].is_i64(), "which it does not write over");
        assert_eq!(ledger["quota_failure"]["status"], Status::QuotaRefused as i32);
        for later in [Duration::from_secs(1), MINUTE, HOUR / 2] {
            fleet.clock.advance(later);
            for bench in [&stopped, &fleet.join()] {
                assert_eq!(bench.failure().status(), Status::QuotaRefused);
            }
        }
        assert_eq!(fleet.requests(), 2);
    }
}

#[test]
fn a_token_that_came_to_who_was_stopped_is_the_whole_fleets() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let (stopped, other) = (fleet.join(), fleet.join());
    assert_eq!(stopped_during_its_request(&fleet, &stopped, &other).unwrap().value(), "token-1");
    fleet.clock.advance(Duration::from_secs(15));
    assert_eq!((other.value(), fleet.join().value()), ("token-1".into(), "token-1".into()));
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn who_was_stopped_before_its_request_looks_again_and_leaves_no_lock_behind() {
    let fleet = fleet(token);
    let (stopped, other) = (fleet.join(), fleet.join());
    // It has the lock, and is stopped as it reads for the second time.
    fleet.memory_store.hold_a_load_under_the_lock();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| stopped.value());
        stopped.eventually(|_| fleet.memory_store.holds_a_load());
        fleet.memory_store.hold_lock(false);
        fleet.clock.advance(Duration::from_secs(16));
        assert_eq!(other.value(), "token-1");
        fleet.memory_store.release();
        assert_eq!(waiting.join().unwrap(), "token-1", "which the other got");
    });
    assert_eq!(fleet.requests(), 1);
    assert!(!fleet.memory_store.is_locked());
}

#[test]
fn a_cool_down_holds_whatever_the_clock_of_who_wrote_before() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join();
    bench.value();
    // By another host, whose clock is 50 minutes ahead.
    fleet.memory_store.change("ledger", |ledger| {
        let mut page: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        page["changed_ms"] = (page["changed_ms"].as_i64().unwrap() + 3_000_000).into();
        *ledger = page.to_string().into_bytes();
    });
    look(&bench);
    fleet.memory_store.empty();
    fleet.clock.advance(MINUTE);
    assert_eq!(fleet.join().failure().status(), Status::QuotaRefused);
    let token = bench.client.acquire().unwrap();
    bench.client.invalidate(&token);
    assert_eq!(bench.value(), "token-1", "nothing is requested in its place");
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn credentials_that_are_set_and_set_back_cost_nothing() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join();
    bench.value();
    bench.client.set_credentials(&Credentials::new().client("id-2", "secret-2")).unwrap();
    bench.client.set_credentials(&Credentials::new().client("id-3", "secret-3")).unwrap();
    bench.client.set_credentials(&Credentials::new().client("id", "the-secret")).unwrap();
    assert_eq!(look(&bench), "token-1");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_cool_down_is_still_known_when_credentials_are_set_back() {
    let bench = bench(|number| if number == 1 { token(1) } else { quota_refusal() });
    bench.value();
    bench.clock.advance(DAY);
    let wait = bench.failure().retry_after();
    bench.client.set_credentials(&Credentials::new().client("id-2", "secret-2")).unwrap();
    bench.client.set_credentials(&Credentials::new().client("id", "the-secret")).unwrap();
    let error = bench.failure();
    assert_eq!((error.status(), error.retry_after()), (Status::QuotaRefused, wait));
    assert_eq!(bench.server.requests().len(), 2);
}

#[test]
fn a_cool_down_is_reported_as_one_though_the_cache_is_out_of_reach_too() {
    let fleet = fleet(|_| quota_refusal());
    let bench = fleet.join();
    assert_eq!(bench.failure().status(), Status::QuotaRefused);
    fleet.memory_store.break_down(true, true);
    for _ in 0..3 {
        fleet.clock.advance(Duration::from_secs(400));
        let error = bench.failure();
        assert_eq!(error.status(), Status::QuotaRefused);
        assert!(error.retry_after() > Some(HOUR / 2), "{error:?}");
    }
}

#[test]
fn one_changed_bit_in_the_head_of_the_record_is_mended_by_who_has_the_token() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join();
    bench.value();
    for byte in 0..20 {
        fleet.memory_store.change("record", |record| record[byte] ^= 1);
        look(&bench);
        assert_eq!(fleet.join().value(), "token-1", "byte {byte}");
    }
    assert_eq!(fleet.memory_store.ledger()["rejected_records"], 20, "each is counted once");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn a_new_secret_of_the_same_client_finds_the_token_that_a_running_process_was_told_to_keep() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join();
    bench.value();
    bench.client.set_credentials(&Credentials::new().client("id", "rotated")).unwrap();
    assert_eq!(bench.value(), "token-1");
    bench.eventually(|_| fleet.memory_store.entries("record").len() == 2);
    assert_eq!(fleet.join_with(|config| config.client_secret("rotated")).value(), "token-1");
    assert_eq!(fleet.join().value(), "token-1", "and those who have the old one");
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn who_was_refused_itself_finds_the_token_soon_that_another_puts_back() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let holder = fleet.join();
    holder.value();
    fleet.memory_store.empty();
    let refused = fleet.join();
    assert_eq!(refused.failure().status(), Status::QuotaRefused);
    holder.clock.advance(Duration::from_secs(376));
    holder.value();
    holder.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(refused.value(), "token-1");
}

#[test]
fn callers_learn_why_a_fetch_failed_though_the_cache_is_slow() {
    let fleet = fleet(|_| ScriptedResponse::After(Duration::from_secs(20), ScriptedResponse::Close.into()));
    fleet.memory_store.slow_down(Duration::from_millis(20));
    let timeout = Duration::from_secs(1);
    let bench = fleet.join_with(|config| config.total_timeout(timeout).attempt_timeout(timeout));
    let error = bench.failure();
    assert!(error.message().contains("did not respond in time"), "{error}");
}

#[test]
fn the_reason_of_a_cool_down_stays_when_a_token_is_taken_over() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let first = fleet.join();
    first.value();
    fleet.clock.advance(21 * HOUR);
    first.value();
    first.eventually(|first| fleet.requests() == 2 && first.nothing_under_way());
    let second = fleet.join();
    second.value();
    let snapshot = second.client.0.snapshot.load();
    assert_eq!(snapshot.current().last_error.as_ref().unwrap().status(), Status::QuotaRefused);
}

#[test]
fn callers_go_on_from_memory_while_one_looks() {
    let fleet = fleet(token);
    let bench = fleet.join();
    bench.value();
    fleet.clock.advance(Duration::from_secs(400));
    fleet.memory_store.hold_loads();
    bench.value();
    assert!(!bench.nothing_under_way());
    assert!(bench.client.0.serve_from_memory().is_some());
    fleet.memory_store.release();
    bench.eventually(Fixture::nothing_under_way);
}

#[test]
fn a_token_that_could_not_be_written_is_written_though_nobody_calls() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let holder = fleet.join_impatient();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    holder.value();
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    holder.eventually(|_| fleet.memory_store.entries("record").len() == 1);
    assert_eq!(fleet.join().value(), "token-1");
}

#[test]
fn a_client_that_is_freed_is_not_kept_for_what_could_not_be_written() {
    let fleet = fleet(token);
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    let Fixture { client, .. } = fleet.join_impatient();
    client.acquire().unwrap();
    let (kept, settings) = (Arc::downgrade(&client.0), Arc::downgrade(&client.0.settings.load_full()));
    drop(client);
    assert!((0..200).any(|_| {
        thread::sleep(Duration::from_millis(5));
        kept.strong_count() + settings.strong_count() == 0
    }));
}

#[test]
fn a_refusal_that_could_not_be_written_stays_the_reason() {
    let fleet = fleet(|_| quota_refusal());
    fleet.server.hold();
    let bench = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.failure());
        bench.eventually(|_| fleet.requests() == 1);
        fleet.memory_store.break_down(false, true);
        fleet.server.release();
        assert_eq!(waiting.join().unwrap().status(), Status::QuotaRefused);
    });
    bench.eventually(Fixture::nothing_under_way);
    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(Duration::from_secs(20));
    assert_eq!(bench.failure().status(), Status::QuotaRefused);
    let others = fleet.join().failure();
    assert_eq!((others.status(), fleet.requests()), (Status::QuotaRefused, 1));
    assert!(fleet.memory_store.ledger()["possibly_spent_ms"].is_null(), "the request was answered");
}

#[test]
fn a_known_cool_down_is_told_though_the_cache_hangs() {
    let fleet = fleet(|_| quota_refusal());
    let bench = fleet.join_with(|config| config.total_timeout(Duration::from_millis(300)));
    bench.failure();
    fleet.memory_store.hold_loads();
    fleet.clock.advance(Duration::from_secs(20));
    for _ in 0..3 {
        assert_eq!(bench.failure().status(), Status::QuotaRefused);
    }
    fleet.memory_store.release();
}

#[test]
fn a_cache_that_forgets_its_lock_is_given_up_with_a_reason_and_not_asked_again_at_once() {
    for oddity in [Fault::LockIsNotExtended, Fault::ExtensionFails] {
        let fleet = fleet(token);
        fleet.memory_store.be(oddity);
        let bench = fleet.join();
        let error = bench.failure();
        assert_eq!(error.status(), Status::CacheUnavailable);
        bench.eventually(Fixture::nothing_under_way);
        let locks = fleet.memory_store.locks_asked_for();
        assert!(locks < 20, "{oddity:?}: {locks}");
        assert!(error.message().contains("lock"), "{error}");
        assert_eq!((fleet.requests(), fleet.memory_store.is_locked()), (0, false));
    }
}

/// A clock that is a minute ahead, and a disk that is full: an own cool-down is not forgotten at the next look.
#[test]
fn a_cool_down_that_could_not_be_written_holds_against_an_issue_from_the_future() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.memory_store.change("ledger", |ledger| {
        let mut page: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        for name in ["changed_ms", "last_issue_ms"] {
            page[name] = (page[name].as_i64().unwrap() + 55_000).into();
        }
        page["clock"] = serde_json::Value::Null;
        *ledger = page.to_string().into_bytes();
    });
    fleet.memory_store.remove("record");
    fleet.clock.advance(Duration::from_secs(10));
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    let bench = fleet.join();
    for _ in 0..10 {
        assert_eq!(bench.failure().status(), Status::QuotaRefused);
        fleet.clock.advance(Duration::from_secs(15));
    }
    assert_eq!(fleet.requests(), 2);
}

#[test]
fn nothing_is_fetched_anyway_that_nobody_asks_for() {
    let fleet = fleet(token);
    let bench = fleet.join_with(|config| config.allow_fetch_without_cache(true));
    let refused = bench.client.acquire().unwrap();
    fleet.memory_store.break_down(true, true);
    bench.client.invalidate(&refused);
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(fleet.requests(), 1);
    assert_eq!(bench.value(), "token-1", "a suspect token is good enough while the cache is out of reach");
}

#[test]
fn an_outage_that_was_noticed_before_keeps_nobody_from_fetching_anyway() {
    let fleet = fleet(token);
    let bench = fleet.join_with(|config| config.allow_fetch_without_cache(true));
    bench.value();
    fleet.memory_store.break_down(true, true);
    fleet.clock.advance(23 * HOUR);
    for _ in 0..6 {
        assert_eq!(bench.value(), "token-1");
        bench.eventually(Fixture::nothing_under_way);
        fleet.clock.advance(MINUTE);
    }
    fleet.clock.advance(HOUR);
    assert_eq!(bench.value(), "token-2");
}

#[test]
fn a_client_that_has_written_everything_does_not_look_again_by_itself() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    let bench = fleet.join();
    let refused = bench.client.acquire().unwrap();
    bench.client.invalidate(&refused);
    bench.value();
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(bench.client.0.snapshot.load().next_retry(), None);
}

#[test]
fn a_token_that_is_over_when_it_arrives_costs_no_second_request() {
    let short = |number| format!(r#"{{"access_token":"token-{number}","expires_in":1,"token_type":"Bearer"}}"#);
    let fleet = fleet(move |number| ScriptedResponse::json(200, &short(number)));
    fleet.server.hold();
    let bench = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.value());
        bench.eventually(|_| fleet.requests() == 1);
        fleet.clock.advance(Duration::from_secs(2));
        fleet.server.release();
        assert_eq!(waiting.join().unwrap(), "token-1");
    });
    bench.eventually(Fixture::nothing_under_way);
    assert_eq!(fleet.requests(), 1);
}

/// A process in the last sixth of a lifetime, and a server in trouble.
#[test]
fn new_process_gets_the_valid_token_of_the_cache_while_its_refresh_fails_or_hangs() {
    for trouble in [ScriptedResponse::text(503, ""), ScriptedResponse::After(HOUR, ScriptedResponse::Close.into())] {
        let fleet = fleet(move |number| if number == 1 { token(1) } else { trouble.clone() });
        fleet.join().value();
        fleet.clock.advance(21 * HOUR);
        let started = std::time::Instant::now();
        assert_eq!(fleet.join().value(), "token-1");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[test]
fn new_process_waits_for_a_refresh_that_does_not_take_long() {
    let fleet = fleet(token);
    fleet.join().value();
    fleet.clock.advance(21 * HOUR);
    assert_eq!(fleet.join().value(), "token-2", "a program that ends right after its call loses nothing");
}

#[test]
fn clock_of_a_server_is_shared_with_the_token() {
    let fleet =
        fleet(|_| ScriptedResponse::json(200, r#"{"access_token":"bound","expires_in":86400,"token_type":"DPoP"}"#));
    let join = || fleet.join_with(|config| config.dpop(DpopMode::Required).api_url("https://api.example/"));
    let one = join();
    let call = one.client.authorize("GET", "https://api.example/x").unwrap();
    let right = fleet.clock.wall_seconds() + 600;
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(right.unsigned_abs()));
    let observation = crate::client::Observation { http_status: 200, date: Some(&date), ..Default::default() };
    one.client.observe(&call, &observation).unwrap();
    one.value();
    one.eventually(|_| fleet.memory_store.ledger()["server_clock_offsets_s"]["https://api.example"] == 600);

    let other = join();
    other.value();
    let known = other.client.0.known_clocks(&other.client.0.settings.load());
    assert_eq!(known, [("https://api.example".to_owned(), right)]);
    assert_eq!(fleet.requests(), 1);
}

#[test]
fn nothing_is_sent_while_the_cache_cannot_take_that_a_request_is_about_to_be_sent() {
    let fleet = fleet(token);
    fleet.memory_store.break_down(false, true);
    let (strict, anyway) = (fleet.join(), fleet.join_with(|config| config.allow_fetch_without_cache(true)));
    let error = strict.failure();
    assert_eq!((error.status(), fleet.requests()), (Status::CacheUnavailable, 0));
    assert!(error.message().contains("the memory_store is full"), "{error}");
    assert!(!fleet.memory_store.is_locked());
    assert_eq!(anyway.value(), "token-1");

    fleet.memory_store.break_down(false, false);
    fleet.clock.advance(MINUTE);
    anyway.eventually(|anyway| anyway.value() == "token-1" && fleet.memory_store.entries("record").len() == 1);
    assert_eq!((strict.value(), fleet.requests()), ("token-1".into(), 1));
}

#[test]
fn token_that_the_cache_refuses_is_written_before_callers_get_it_once_the_cache_takes_it() {
    let fleet = fleet(token);
    let bench = fleet.join();
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let value = bench.value();
            (value, fleet.memory_store.entries("record").len())
        });
        bench.eventually(|_| fleet.memory_store.refused_writes() >= 2);
        assert!(fleet.memory_store.is_locked(), "nobody else may send a request meanwhile");
        fleet.memory_store.break_down(false, false);
        assert_eq!(waiting.join().unwrap(), ("token-1".into(), 1));
    });
}

/// A program that was stopped for longer than every lease, where the system keeps the lock.
#[test]
fn lock_without_a_lease_is_held_however_long_its_holder_is_stopped() {
    let fleet = fleet(|number| {
        if number == 1 { ScriptedResponse::After(Duration::from_millis(300), token(1).into()) } else { quota_refusal() }
    });
    fleet.memory_store.keep_locks();
    let bench = fleet.join();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.value());
        bench.eventually(|_| fleet.requests() == 1);
        fleet.clock.advance(MINUTE);
        // A process that asked for the lock anew would not get it.
        fleet.memory_store.hold_lock(true);
        assert_eq!(waiting.join().unwrap(), "token-1");
    });
    assert_eq!((fleet.memory_store.entries("record").len(), fleet.requests()), (1, 1));
}

#[test]
fn cache_that_grants_its_lock_to_two_owners_is_named_for_that_and_nothing_is_sent() {
    let fleet = fleet(token);
    fleet.memory_store.be(Fault::LockIsGrantedToEverybody);
    let error = fleet.join().failure();
    assert_eq!((error.status(), fleet.requests()), (Status::CacheUnavailable, 0));
    assert!(error.message().contains("two owners at once"), "{error}");
}

#[test]
fn wall_clock_that_was_set_forward_does_not_end_a_token_in_the_cache() {
    let fleet = fleet(|number| if number == 1 { token(1) } else { quota_refusal() });
    fleet.join().value();
    fleet.clock.set_wall_forward(2 * DAY);
    assert_eq!((fleet.join().value(), fleet.requests()), ("token-1".into(), 1));
}
