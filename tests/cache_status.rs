//! What a person sees of the shared cache, in a real directory and a real Redis server: nothing is requested for it, and
//! no secret is shown.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;
use support::fleet::{Cache, wait_until};
use support::redis::Redis;
use support::sandbox::Sandbox;
use support::{entry, fresh_directory};
use tango_token::{
    CacheError, CacheKind, CacheStatus, CachedRecord, Client, Config, DpopMode, LedgerState, LockState, SharedCache,
    Status, UnlockOutcome,
};

const HOUR: Duration = Duration::from_secs(3600);

fn config(sandbox: &Sandbox, cache: &Cache) -> Config {
    let mut config = sandbox.config();
    for (name, value) in cache.variables() {
        match name {
            "TANGO_CACHE" => config.cache(value),
            "TANGO_CACHE_CA_FILE" => config.cache_ca_file(value),
            _ => panic!("{name}"),
        };
    }
    config
}

fn client(sandbox: &Sandbox, cache: &Cache) -> Client {
    Client::new(&config(sandbox, cache)).unwrap()
}

/// What a new process sees.
fn status(sandbox: &Sandbox, cache: &Cache) -> CacheStatus {
    client(sandbox, cache).cache_status().unwrap()
}

fn in_directory_and_redis(name: &str, check: impl Fn(&Cache)) {
    check(&Cache::Directory(fresh_directory(name)));
    check(&Cache::Redis(&Redis::start(), "status:"));
}

fn since(later: SystemTime, earlier: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap()
}

#[test]
fn empty_cache_has_no_token_and_nothing_holds_a_request_back() {
    let sandbox = Sandbox::start(&[]);
    in_directory_and_redis("status-empty", |cache| {
        let status = status(&sandbox, cache);
        assert_eq!((&status.record, &status.lock), (&CachedRecord::Missing, &LockState::Free));
        assert_eq!((status.ledger.state, status.next_request, status.quota_resets), (LedgerState::Missing, None, None));
        assert!(status.usable_token().is_none() && status.refusal.is_none());
    });
    assert_eq!(sandbox.token_requests(), 0);
}

#[test]
fn token_of_another_process_is_shown_without_its_value() {
    let sandbox = Sandbox::start(&["--dpop", "strict"]);
    in_directory_and_redis("status-token", |cache| {
        sandbox.reset();
        let client = || {
            let mut config = config(&sandbox, cache);
            Client::new(config.dpop(DpopMode::Required)).unwrap()
        };
        let token = client().acquire().unwrap();
        let status = client().cache_status().unwrap();
        let shown = status.usable_token().unwrap();
        assert_eq!((shown.token_type, &*shown.scope), ("DPoP", "raas.all"));
        assert_eq!(shown.key_thumbprint.as_deref(), Some(token.dpop_key().unwrap().thumbprint()));
        assert_eq!(since(shown.expires, shown.requested), 24 * HOUR);
        assert!(since(status.now, shown.requested) < HOUR / 30);
        // The refresh window is the last sixth, without its first fortieth; processes are spread over a quarter of it.
        assert_eq!(since(shown.refresh_from, shown.requested), 20 * HOUR + 4 * HOUR / 40);
        assert_eq!(since(shown.refresh_until, shown.requested), 21 * HOUR);
        assert_eq!((shown.is_suspect, shown.replaced_early), (false, None));

        let ledger = &status.ledger;
        assert_eq!((ledger.state, ledger.issues, ledger.failures), (LedgerState::Read, 1, 0));
        assert_eq!((ledger.last_issue, ledger.own_issue), (Some(shown.requested), Some(shown.requested)));
        assert_eq!((ledger.in_flight_since, status.next_request), (None, None));
        assert_eq!(since(status.quota_resets.unwrap(), shown.requested), 20 * HOUR + HOUR / 60);

        let identity = &status.identity;
        assert_eq!(
            (&*identity.client_id, &*identity.username),
            (sandbox.variable("TANGO_CLIENT_ID"), sandbox.variable("TANGO_USERNAME"))
        );
        assert_eq!((&*identity.scope, identity.dpop), ("raas.all", DpopMode::Required));
        let everything = format!("{status:?}");
        for secret in [token.value(), sandbox.variable("TANGO_CLIENT_SECRET"), sandbox.variable("TANGO_PASSWORD")] {
            assert!(!everything.contains(secret), "{everything}");
        }
        assert_eq!(sandbox.token_requests(), 1);
    });
}

#[test]
fn token_that_an_api_rejected_is_shown_as_suspect() {
    let sandbox = Sandbox::start(&[]);
    let cache = Cache::Directory(fresh_directory("status-suspect"));
    let one = client(&sandbox, &cache);
    let token = one.acquire().unwrap();
    sandbox.script(&json!([{"status": 400, "body": "it has exceeded the daily rate limit"}]));
    assert!(one.invalidate(&token));
    wait_until("the fleet knows that the token is suspect", || {
        status(&sandbox, &cache).ledger.suspect_tokens.len() == 1
    });
    assert!(status(&sandbox, &cache).usable_token().unwrap().is_suspect);
}

#[test]
fn record_of_another_client_secret_is_told_apart_from_no_record() {
    let sandbox = Sandbox::start(&[]);
    in_directory_and_redis("status-secret", |cache| {
        sandbox.reset();
        client(&sandbox, cache).acquire().unwrap();
        let mut config = config(&sandbox, cache);
        let status = Client::new(config.client_secret("another-secret")).unwrap().cache_status().unwrap();
        assert_eq!((&status.record, status.ledger.state), (&CachedRecord::OtherSecret, LedgerState::Read));
        assert!(status.usable_token().is_none());
        let status = Client::new(config.username("somebody")).unwrap().cache_status().unwrap();
        assert_eq!(status.record, CachedRecord::Missing, "the record is of another service account");
    });
}

#[test]
fn damaged_entries_are_reported_and_left_as_they_are() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("status-damaged");
    let cache = Cache::Directory(directory.clone());
    client(&sandbox, &cache).acquire().unwrap();
    let [record, ledger] = ["record", "ledger"].map(|kind| entry(&directory, kind).unwrap());

    let whole = fs::read(&ledger).unwrap();
    for damage in [&whole[..whole.len() / 2], b"", b"[]"] {
        fs::write(&ledger, damage).unwrap();
        let status = status(&sandbox, &cache);
        assert_eq!((status.ledger.state, status.ledger.issues), (LedgerState::Damaged, 0));
        assert!(status.usable_token().is_some(), "the token does not depend on the ledger");
    }
    fs::write(&ledger, &whole).unwrap();

    let mut damaged = fs::read(&record).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    for damage in [&damaged[..], &damaged[..7], b""] {
        fs::write(&record, damage).unwrap();
        let status = status(&sandbox, &cache);
        assert!(matches!(&status.record, CachedRecord::Damaged(reason) if reason.contains("cannot be opened")));
        assert_eq!(fs::read(&record).unwrap(), damage);
    }
    assert!(entry(&directory, "rejected").is_none());
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn cool_down_is_shown_with_its_end_and_its_reason() {
    let sandbox = Sandbox::start(&[]);
    in_directory_and_redis("status-cool-down", |cache| {
        sandbox.script(&json!([{"status": 400, "body": "it has exceeded the daily rate limit"}]));
        assert_eq!(client(&sandbox, cache).acquire().unwrap_err().status(), Status::QuotaRefused);
        let status = status(&sandbox, cache);
        let until = status.next_request.unwrap();
        assert_eq!(status.ledger.cool_down_until, Some(until));
        // Nobody knows when the last token was issued, so a request an hour is sent.
        assert!((HOUR * 9 / 10..=HOUR).contains(&since(until, status.now)), "{:?}", since(until, status.now));
        let refusal = status.refusal.unwrap();
        assert_eq!((refusal.status(), status.ledger.quota_refusals), (Status::QuotaRefused, 1));
        assert!(refusal.message().contains("nothing is sent for another"), "{refusal}");
        assert_eq!(status.ledger.failure.unwrap().http_status(), Some(400));
    });
}

#[test]
fn lock_and_the_request_in_flight_are_shown_with_their_process() {
    let sandbox = Sandbox::start(&[]);
    in_directory_and_redis("status-locked", |cache| {
        sandbox.reset();
        sandbox.hold();
        let holder = client(&sandbox, cache);
        thread::scope(|scope| {
            let acquired = scope.spawn(|| holder.acquire());
            sandbox.wait_for("token_requests", 1);
            let status = status(&sandbox, cache);
            let LockState::Held(found) = &status.lock else { panic!("{:?}", status.lock) };
            assert_eq!(found.process_id, Some(std::process::id()));
            assert!(since(status.now, status.ledger.in_flight_since.unwrap()) < HOUR / 30);
            let removed = client(&sandbox, cache).unlock_cache().unwrap();
            match (cache, removed) {
                (Cache::Directory(_), UnlockOutcome::KeptBySystem(of)) => {
                    assert_eq!((&of, of.lease_left), (found, None));
                }
                (Cache::Redis(..), UnlockOutcome::Removed(of)) => {
                    assert_eq!(of.owner, found.owner);
                    assert!((Duration::from_secs(5)..Duration::from_secs(60)).contains(&found.lease_left.unwrap()));
                    assert_eq!(client(&sandbox, cache).cache_status().unwrap().lock, LockState::Free);
                }
                (_, removed) => panic!("{removed:?}"),
            }
            sandbox.release();
            acquired.join().unwrap().unwrap();
        });
        assert_eq!(client(&sandbox, cache).unlock_cache().unwrap(), UnlockOutcome::NotLocked);
        wait_until("the token is in the cache", || status(&sandbox, cache).usable_token().is_some());
    });
}

#[test]
fn cleared_cache_is_empty_and_the_next_call_requests_a_token() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    in_directory_and_redis("status-cleared", |cache| {
        sandbox.reset();
        let client = client(&sandbox, cache);
        let first = client.acquire().unwrap();
        client.clear_cache().unwrap();
        let status = status(&sandbox, cache);
        assert_eq!((&status.record, status.ledger.state), (&CachedRecord::Missing, LedgerState::Missing));
        assert_eq!(status.lock, LockState::Free);
        match cache {
            Cache::Directory(directory) => {
                assert_eq!(["record", "ledger", "rejected"].map(|kind| entry(directory, kind)), [None, None, None]);
            }
            Cache::Redis(redis, prefix) => assert_eq!(redis.keys(prefix), Vec::<String>::new()),
            _ => unreachable!(),
        }
        assert_eq!(sandbox.token_requests(), 1, "clearing sends nothing");
        assert!(client.try_acquire().is_none(), "this client has forgotten the token");
        assert_ne!(client.acquire().unwrap().value(), first.value());
        assert_eq!(sandbox.token_requests(), 2);
    });
}

#[test]
fn clearing_waits_for_the_lock_and_gives_up_without_a_change() {
    let sandbox = Sandbox::start(&[]);
    in_directory_and_redis("status-clearing", |cache| {
        sandbox.reset();
        sandbox.hold();
        let holder = client(&sandbox, cache);
        thread::scope(|scope| {
            let acquired = scope.spawn(|| holder.acquire());
            sandbox.wait_for("token_requests", 1);
            let mut impatient = config(&sandbox, cache);
            impatient.total_timeout(Duration::from_millis(1000)).attempt_timeout(Duration::from_millis(1000));
            let error = Client::new(&impatient).unwrap().clear_cache().unwrap_err();
            assert_eq!(error.status(), Status::CacheUnavailable);
            assert!(error.message().contains("another process has held the lock"), "{error}");
            assert!(status(&sandbox, cache).ledger.in_flight_since.is_some());
            sandbox.release();
            acquired.join().unwrap().unwrap();
        });
        client(&sandbox, cache).clear_cache().unwrap();
    });
}

#[test]
fn user_of_redis_with_few_permissions_sees_less() {
    let sandbox = Sandbox::start(&[]);
    let redis = Redis::start_with_tls_and_a_user("few:");
    let cache = Cache::Redis(&redis, "few:");
    client(&sandbox, &cache).acquire().unwrap();
    let client_key = redis.keys("few:")[0].split_inclusive('}').next().unwrap().to_owned();
    redis.command::<()>(&["SET", &format!("{client_key}:lock"), "7-x"]);
    let seen = status(&sandbox, &cache);
    assert!(seen.usable_token().is_some());
    let LockState::Held(holder) = seen.lock else { panic!("{:?}", seen.lock) };
    assert_eq!((holder.process_id, holder.owner.as_deref(), holder.lease_left), (Some(7), Some("7-x"), None));
    let mut config = config(&sandbox, &cache);
    let status = Client::new(config.client_secret("another-secret")).unwrap().cache_status().unwrap();
    assert_eq!(status.record, CachedRecord::Missing, "without a right to list keys that is all that can be told");
    assert!(matches!(client(&sandbox, &cache).unlock_cache().unwrap(), UnlockOutcome::Removed(_)));
    client(&sandbox, &cache).clear_cache().unwrap();
    assert_eq!(redis.keys("few:"), Vec::<String>::new());
}

#[test]
fn cache_in_a_cluster_is_shown_unlocked_and_cleared() {
    let sandbox = Sandbox::start(&[]);
    let nodes = Redis::start_cluster("cluster:");
    let cache = Cache::Redis(&nodes[0], "cluster:");
    client(&sandbox, &cache).acquire().unwrap();
    assert!(status(&sandbox, &cache).usable_token().is_some());
    assert_eq!(client(&sandbox, &cache).unlock_cache().unwrap(), UnlockOutcome::NotLocked);
    client(&sandbox, &cache).clear_cache().unwrap();
    assert_eq!(status(&sandbox, &cache).record, CachedRecord::Missing);
}

#[test]
fn cache_that_cannot_be_reached_is_an_error_and_no_empty_cache() {
    let sandbox = Sandbox::start(&[]);
    let mut config = sandbox.config();
    let client = Client::new(config.cache("redis://127.0.0.1:1")).unwrap();
    for error in
        [client.cache_status().unwrap_err(), client.clear_cache().unwrap_err(), client.unlock_cache().unwrap_err()]
    {
        assert_eq!(error.status(), Status::CacheUnavailable);
        assert!(error.message().contains("127.0.0.1:1"), "{error}");
    }
    let client = Client::new(config.cache(format!("file:{}", Path::new("/dev/null/x").display()))).unwrap();
    assert_eq!(client.cache_status().unwrap_err().status(), Status::CacheUnavailable);
}

#[test]
fn client_without_a_shared_cache_has_nothing_to_show_or_clear() {
    let sandbox = Sandbox::start(&[]);
    let client = Client::new(&sandbox.config()).unwrap();
    let status = client.cache_status().unwrap();
    assert_eq!((status.kind, &*status.place, &status.record), (CacheKind::Memory, "memory", &CachedRecord::Missing));
    for error in [client.clear_cache().unwrap_err(), client.unlock_cache().unwrap_err()] {
        assert_eq!(error.status(), Status::InvalidConfiguration);
        assert!(error.message().contains("TANGO_CACHE"), "{error}");
    }
}

/// A custom cache that implements no more than it has to.
#[derive(Default)]
struct Minimal(Mutex<std::collections::BTreeMap<String, Vec<u8>>>);

impl SharedCache for Minimal {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn save(&self, name: &str, value: Option<&[u8]>, _: Duration) -> Result<(), CacheError> {
        let mut values = self.0.lock().unwrap();
        match value {
            Some(value) => drop(values.insert(name.into(), value.into())),
            None => drop(values.remove(name)),
        }
        Ok(())
    }

    fn lock(&self, name: &str, owner: &str, _: Duration) -> Result<bool, CacheError> {
        let mut values = self.0.lock().unwrap();
        Ok(values.entry(name.into()).or_insert_with(|| owner.into()) == owner.as_bytes())
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        let mut values = self.0.lock().unwrap();
        if values.get(name).is_some_and(|held| held == owner.as_bytes()) {
            values.remove(name);
        }
        Ok(())
    }
}

#[test]
fn custom_cache_is_shown_and_cleared_without_further_functions() {
    let sandbox = Sandbox::start(&[]);
    let mut config = sandbox.config();
    let client = Client::new(config.custom_cache(Minimal::default())).unwrap();
    client.acquire().unwrap();
    let status = client.cache_status().unwrap();
    assert!(status.kind == CacheKind::Custom && status.usable_token().is_some());
    assert_eq!((status.lock, client.unlock_cache().unwrap()), (LockState::Unknown, UnlockOutcome::NotSupported));
    client.clear_cache().unwrap();
    let status = client.cache_status().unwrap();
    assert_eq!((status.record, status.ledger.state), (CachedRecord::Missing, LedgerState::Missing));
}
