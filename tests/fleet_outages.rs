//! The shared cache is unreachable, empty, slow, full or read-only. Processes with a token in memory are not affected.

mod support;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use support::api::Caller;
use support::disk::Disk;
use support::fleet::{Cache, Fleet, Member, wait_until};
use support::redis::Redis;
use support::sandbox::Sandbox;

const UNAVAILABLE: &str = "TANGO_STATUS_CACHE_UNAVAILABLE";
/// Far more than the five seconds that an operation may take, and less than the total timeout.
const PROMPTLY: Duration = Duration::from_secs(15);

struct Api(Caller, String);

impl Api {
    fn of(sandbox: &Sandbox) -> Self {
        let accounts = format!("{}/accounts", sandbox.variable("TANGO_API_URL"));
        Self(Caller::new(sandbox.variable("TANGO_CA_FILE")), accounts)
    }

    fn accepts(&self, token: &str) -> bool {
        self.0.get(&self.1, &format!("Bearer {token}"), None).status == 200
    }
}

struct Outage {
    begins: fn(&mut Redis),
    ends: fn(&mut Redis),
}

const OUTAGES: [Outage; 3] = [
    Outage { begins: Redis::stop, ends: Redis::start_again },
    Outage { begins: |redis| redis.freeze(), ends: |redis| redis.thaw() },
    Outage { begins: |redis| redis.slow_down(), ends: |redis| redis.speed_up() },
];

#[test]
fn without_redis_a_held_token_is_served_and_a_new_process_fails_promptly() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let api = Api::of(&sandbox);
    let mut redis = Redis::start();
    let cache = |redis: &Redis| Fleet::new(&sandbox, &Cache::Redis(redis, "outage:"));
    let mut established = cache(&redis).threads(4).start();
    let token = established.acquire().unwrap();
    assert!(api.accepts(&token));
    established.serve();
    for outage in OUTAGES {
        (outage.begins)(&mut redis);
        let mut new = cache(&redis).start();
        let mut lenient = cache(&redis).with("TANGO_ALLOW_FETCH_WITHOUT_CACHE", "true").start();
        let start = Instant::now();
        new.tell("acquire");
        lenient.tell("acquire");
        let refused = new.outcome().unwrap_err();
        assert_eq!(refused.status, UNAVAILABLE, "{refused:?}");
        assert!(refused.retry_after_seconds > 0 && start.elapsed() < PROMPTLY, "{refused:?}");
        assert!(api.accepts(&lenient.outcome().unwrap()));
        (outage.ends)(&mut redis);
        assert!(api.accepts(&new.acquire_eventually(UNAVAILABLE)));
        assert_eq!(cache(&redis).start().acquire().unwrap(), new.acquire().unwrap(), "the cache works again");
        new.end();
        lenient.end();
    }
    redis.flush();
    assert!(api.accepts(&cache(&redis).start().acquire().unwrap()));
    let (served, refused) = established.rest();
    assert!(served > 0 && refused.is_empty(), "{refused:?}");
    assert_eq!(established.acquire().unwrap(), token);
    established.end();
    println!("Figure: {} outages of Redis", OUTAGES.len());
}

/// Tokens live for three seconds, so that each process needs the cache often.
#[test]
fn processes_under_load_recover_from_outages_of_redis() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0", "--token-lifetime-seconds", "3"]);
    let api = Api::of(&sandbox);
    let mut redis = Redis::start();
    let fleet = Fleet::new(&sandbox, &Cache::Redis(&redis, "load:")).with("TANGO_ATTEMPT_TIMEOUT_MS", "5000");
    let mut members = fleet.start_many(6);
    members.iter_mut().for_each(Member::serve);
    for outage in OUTAGES {
        // The fleet is at work: it gets a new token.
        sandbox.wait_for("tokens_issued", sandbox.statistic("tokens_issued") + 1);
        redis.flush();
        (outage.begins)(&mut redis);
        members.push(fleet.start());
        members.last_mut().unwrap().serve();
        // The length of the outage, in which tokens expire.
        thread::sleep(Duration::from_millis(1500));
        (outage.ends)(&mut redis);
    }
    for mut member in members {
        let (_, refused) = member.rest();
        assert!(refused.iter().all(|status| status == UNAVAILABLE), "{refused:?}");
        member.acquire_eventually(UNAVAILABLE);
        wait_until("the API accepts a token", || api.accepts(&member.acquire().unwrap()));
        member.end();
    }
    println!("Figure: {} outages of Redis", OUTAGES.len());
}

#[test]
fn nothing_is_sent_while_the_disk_is_full() {
    let sandbox = Sandbox::start(&[]);
    let disk = Disk::new("fleet-full-disk");
    let cache = Cache::Directory(disk.path().into());
    let fleet = Fleet::new(&sandbox, &cache);
    disk.fill();
    let mut members = fleet.start_many(10);
    for member in &mut members {
        member.tell("acquire");
    }
    for refused in members.iter_mut().map(|member| member.outcome().unwrap_err()) {
        assert_eq!(refused.status, UNAVAILABLE, "{refused:?}");
        assert!(refused.message.contains("No space left"), "{refused:?}");
    }
    assert_eq!(sandbox.token_requests(), 0);
    assert_eq!((cache.entry("record"), cache.entry("ledger"), cache.entry("tmp")), (None, None, None));

    disk.make_room();
    let tokens: BTreeSet<_> = members.iter_mut().map(|member| member.acquire_eventually(UNAVAILABLE)).collect();
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
}

#[test]
fn token_is_served_when_the_disk_fills_up_before_it_arrives_and_written_when_there_is_room() {
    let sandbox = Sandbox::start(&[]);
    let disk = Disk::new("fleet-filling-disk");
    let cache = Cache::Directory(disk.path().into());
    let fleet = Fleet::new(&sandbox, &cache);
    let mut member = fleet.start();
    sandbox.hold();
    member.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    disk.fill();
    let start = Instant::now();
    sandbox.release();
    let token = member.outcome().unwrap();
    assert!(start.elapsed() < PROMPTLY);
    assert_eq!((cache.entry("record"), cache.entry("tmp")), (None, None));

    disk.make_room();
    wait_until("the token is written", || {
        assert_eq!(member.acquire().unwrap(), token);
        cache.entry("record").is_some()
    });
    assert_eq!(fleet.start().acquire().unwrap(), token);
    assert_eq!(sandbox.token_requests(), 1);
    member.end();
}

/// Redis refuses writes while a replica is missing, for two seconds from before the token arrives.
#[test]
fn token_that_redis_refuses_for_two_seconds_is_written_before_callers_get_it() {
    let sandbox = Sandbox::start(&[]);
    let redis = Redis::start();
    let cache = Cache::Redis(&redis, "refusing:");
    // The lease of three seconds would end during the refusal.
    let fleet = Fleet::new(&sandbox, &cache).with("TANGO_ATTEMPT_TIMEOUT_MS", "2000");
    let mut member = fleet.start();
    sandbox.hold();
    member.tell("acquire");
    sandbox.wait_for("token_requests", 1);
    redis.refuse_writes();
    sandbox.release();
    sandbox.wait_for("tokens_issued", 1);
    // The length of the refusal.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(cache.entry("record"), None);
    redis.accept_writes();
    let token = member.outcome().unwrap();
    // As a program that ends right after its call.
    member.kill();
    assert!(cache.entry("record").is_some() && cache.lock_is_free_within(Duration::ZERO));
    assert_eq!(fleet.start().acquire().unwrap(), token);
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn dropped_connection_to_redis_costs_a_caller_nothing_but_a_moment() {
    let sandbox = Sandbox::start(&[]);
    let redis = Redis::start();
    let proxy = redis.proxy();
    let cache = Cache::RedisThrough(&redis, &proxy, "dropped:");
    proxy.drop_connections(2);
    let mut member = Fleet::new(&sandbox, &cache).start();
    member.acquire().unwrap();
    assert_eq!(sandbox.token_requests(), 1);
}

/// The lock is granted, but the response does not arrive.
#[test]
fn lock_whose_grant_is_lost_on_its_way_is_released_before_its_lease_ends() {
    let sandbox = Sandbox::start(&[]);
    let redis = Redis::start();
    let proxy = redis.proxy();
    let cache = Cache::RedisThrough(&redis, &proxy, "granted:");
    proxy.lose_responses_to("local owner");
    let mut member = Fleet::new(&sandbox, &cache).start();
    let refused = member.acquire().unwrap_err();
    assert_eq!((refused.status.as_str(), sandbox.token_requests()), (UNAVAILABLE, 0), "{refused:?}");
    assert!(redis.lock_expires_in("granted:").is_some());
    proxy.heal();
    let start = Instant::now();
    wait_until("the lock is released", || redis.lock_expires_in("granted:").is_none());
    // The lease takes 15 s.
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn read_only_directory_can_be_read() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let mut disk = Disk::new("fleet-read-only");
    let fleet = |directory: &str| Fleet::new(&sandbox, &Cache::Directory(disk.path().join(directory)));
    let token = fleet("used").start().acquire().unwrap();
    std::fs::create_dir(disk.path().join("empty")).unwrap();
    let (used, empty) = (fleet("used"), fleet("empty"));
    disk.make_read_only();
    assert_eq!(used.start().acquire().unwrap(), token);
    assert_eq!(sandbox.token_requests(), 1);

    let refused = empty.start().acquire().unwrap_err();
    assert_eq!((refused.status.as_str(), sandbox.token_requests()), (UNAVAILABLE, 1), "{refused:?}");
    assert!(refused.message.contains("Read-only file system"), "{refused:?}");
    empty.with("TANGO_ALLOW_FETCH_WITHOUT_CACHE", "true").start().acquire().unwrap();
}
