//! The shared cache goes away, comes back, and is empty, slow, full or read-only: whose token is in memory notices nothing.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::api::Caller;
use support::disk::Disk;
use support::fleet::{Cache, Fleet, Member, wait_until};
use support::redis::Redis;
use support::sandbox::Sandbox;

const UNAVAILABLE: &str = "TANGO_STATUS_CACHE_UNAVAILABLE";
/// Far more than the five seconds that it may take, and less than what a caller waits who is told nothing.
const AT_ONCE: Duration = Duration::from_secs(15);

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
fn without_redis_a_token_in_memory_is_served_and_who_has_none_is_told_at_once() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let api = Api::of(&sandbox);
    let mut redis = Redis::start();
    let cache = |redis: &Redis| Fleet::new(&sandbox, &Cache::Redis(redis, "outage:"));
    let mut old = cache(&redis).threads(4).start();
    let token = old.acquire().unwrap();
    assert!(api.accepts(&token));
    old.serve();
    for outage in OUTAGES {
        (outage.begins)(&mut redis);
        let mut young = cache(&redis).start();
        let mut bold = cache(&redis).with("TANGO_ALLOW_FETCH_WITHOUT_CACHE", "true").start();
        let asked = Instant::now();
        young.tell("acquire");
        bold.tell("acquire");
        let refused = young.outcome().unwrap_err();
        assert_eq!(refused.status, UNAVAILABLE, "{refused:?}");
        assert!(refused.retry_after_seconds > 0 && asked.elapsed() < AT_ONCE, "{refused:?}");
        assert!(api.accepts(&bold.outcome().unwrap()));
        (outage.ends)(&mut redis);
        assert!(api.accepts(&young.acquire_in_the_end(UNAVAILABLE)));
        assert_eq!(cache(&redis).start().acquire().unwrap(), young.acquire().unwrap(), "all is as it was");
        young.end();
        bold.end();
    }
    redis.flush();
    assert!(api.accepts(&cache(&redis).start().acquire().unwrap()));
    let (served, refused) = old.rest();
    assert!(served > 0 && refused.is_empty(), "{refused:?}");
    assert_eq!(old.acquire().unwrap(), token);
    old.end();
}

/// Tokens of three seconds, so that each process needs the cache again and again.
#[test]
fn under_load_the_outages_of_redis_cost_nothing_but_their_own_time() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0", "--token-lifetime-seconds", "3"]);
    let api = Api::of(&sandbox);
    let mut redis = Redis::start();
    let fleet = Fleet::new(&sandbox, &Cache::Redis(&redis, "load:")).with("TANGO_ATTEMPT_TIMEOUT_MS", "5000");
    let mut members = fleet.start_many(6);
    members.iter_mut().for_each(Member::serve);
    for outage in OUTAGES {
        thread::sleep(Duration::from_millis(700));
        redis.flush();
        (outage.begins)(&mut redis);
        members.push(fleet.start());
        members.last_mut().unwrap().serve();
        thread::sleep(Duration::from_millis(1500));
        (outage.ends)(&mut redis);
    }
    for mut member in members {
        let (_, refused) = member.rest();
        assert!(refused.iter().all(|status| status == UNAVAILABLE), "{refused:?}");
        member.acquire_in_the_end(UNAVAILABLE);
        wait_until("a token is not at its end", || api.accepts(&member.acquire().unwrap()));
        member.end();
    }
}

#[test]
fn on_a_full_disk_the_token_is_served_from_memory_and_written_once_there_is_room() {
    let sandbox = Sandbox::start(&[]);
    let disk = Disk::new("fleet-full-disk");
    let cache = Cache::Folder(disk.path().into());
    let fleet = Fleet::new(&sandbox, &cache);
    disk.fill();
    let mut member = fleet.start();
    let token = member.acquire().unwrap();
    assert_eq!((cache.entry("record"), cache.entry("ledger"), cache.entry("tmp")), (None, None, None));

    disk.make_room();
    wait_until("the token is written", || {
        assert_eq!(member.acquire().unwrap(), token);
        cache.entry("record").is_some()
    });
    assert_eq!(fleet.start().acquire().unwrap(), token);
    assert_eq!(sandbox.token_requests(), 1);
    member.end();
}

#[test]
fn a_read_only_folder_is_good_for_reading() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let mut disk = Disk::new("fleet-read-only");
    let fleet = |folder: &str| Fleet::new(&sandbox, &Cache::Folder(disk.path().join(folder)));
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
