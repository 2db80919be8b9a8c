//! Custom shared caches in Rust: one that works, and others that fail.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use support::sandbox::Sandbox;
use tango_token::{CacheError, Client, Config, Error, SharedCache, Status, Token};

/// More than the number of threads on which the library resolves host names and calls caches.
const MANY: usize = 40;

/// A minimal cache. Its locks never expire, because no process dies here.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    values: HashMap<String, Vec<u8>>,
    owners: HashMap<String, String>,
}

impl SharedCache for Shared {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.0.lock().unwrap().values.get(name).cloned())
    }

    fn save(&self, name: &str, value: Option<&[u8]>, _keep: Duration) -> Result<(), CacheError> {
        let values = &mut self.0.lock().unwrap().values;
        match value {
            Some(value) => values.insert(name.into(), value.into()),
            None => values.remove(name),
        };
        Ok(())
    }

    fn lock(&self, name: &str, owner: &str, _lease: Duration) -> Result<bool, CacheError> {
        let owners = &mut self.0.lock().unwrap().owners;
        Ok(owners.entry(name.into()).or_insert_with(|| owner.into()) == owner)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        self.0.lock().unwrap().owners.retain(|locked, holder| locked != name || holder != owner);
        Ok(())
    }
}

fn config(sandbox: &Sandbox, cache: impl SharedCache) -> Config {
    let mut config = sandbox.config();
    config.custom_cache(cache);
    config
}

#[test]
fn clients_with_one_custom_cache_send_one_token_request() {
    let sandbox = Sandbox::start(&["--latency-ms", "100"]);
    let shared = Shared::default();
    let clients: Vec<_> = (0..8).map(|_| Client::new(&config(&sandbox, shared.clone())).unwrap()).collect();
    let tokens: BTreeSet<_> = thread::scope(|scope| {
        let clients = clients.iter().flat_map(|client| [client; 4]);
        let threads: Vec<_> = clients.map(|client| scope.spawn(|| client.acquire().unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().value().to_owned()).collect()
    });
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
    assert!(shared.0.lock().unwrap().owners.is_empty(), "the lock is free");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Load,
    Save,
    Lock,
    Unlock,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Error,
    Panic,
    Hang,
}

/// A cache with one operation that fails.
struct Broken {
    shared: Shared,
    operation: Operation,
    failure: Failure,
    end_of_test: EndOfTest,
}

impl Broken {
    fn fails(&self, operation: Operation) -> Result<(), CacheError> {
        match self.failure {
            _ if operation != self.operation => Ok(()),
            Failure::Error => Err(CacheError("the table does not exist".into())),
            Failure::Panic => panic!("on purpose"),
            Failure::Hang => {
                self.end_of_test.wait();
                Ok(())
            }
        }
    }
}

impl SharedCache for Broken {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.fails(Operation::Load).and_then(|()| self.shared.load(name))
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        self.fails(Operation::Save).and_then(|()| self.shared.save(name, value, keep))
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        self.fails(Operation::Lock).and_then(|()| self.shared.lock(name, owner, lease))
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        self.fails(Operation::Unlock).and_then(|()| self.shared.unlock(name, owner))
    }
}

/// The error of a caller whose cache fails: the callback's own reason. Only a lock that cannot be released does not matter.
fn expected(operation: Operation, failure: Failure) -> Option<&'static str> {
    match (operation, failure) {
        (Operation::Unlock, _) => None,
        (_, Failure::Error) => Some("the table does not exist"),
        (_, Failure::Panic) => Some("its code panicked: on purpose"),
        (_, Failure::Hang) => Some("the custom cache did not respond within 5 s"),
    }
}

/// The time until which operations hang.
#[derive(Clone, Default)]
struct EndOfTest(Arc<(Mutex<bool>, Condvar)>);

impl EndOfTest {
    fn wait(&self) {
        let (ended, changed) = &*self.0;
        drop(changed.wait_while(ended.lock().unwrap(), |ended| !*ended).unwrap());
    }

    fn begin(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

fn check(outcome: Result<Token, Error>, expected: Option<&str>) {
    match (outcome, expected) {
        (Ok(_), None) => {}
        (Err(error), Some(reason)) => {
            assert_eq!(error.status(), Status::CacheUnavailable);
            assert!(error.message().contains(reason), "{error}");
        }
        (outcome, _) => panic!("{outcome:?} instead of {expected:?}"),
    }
}

#[test]
fn failing_cache_is_an_error_with_its_own_reason_and_nothing_is_sent() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let end_of_test = EndOfTest::default();
    thread::scope(|scope| {
        for operation in [Operation::Load, Operation::Save, Operation::Lock, Operation::Unlock] {
            for failure in [Failure::Error, Failure::Panic, Failure::Hang] {
                let new_config = || {
                    config(
                        &sandbox,
                        Broken { shared: Shared::default(), operation, failure, end_of_test: end_of_test.clone() },
                    )
                };
                let (strict, mut lenient) = (new_config(), new_config());
                lenient.allow_fetch_without_cache(true);
                for (config, expected) in [(strict, expected(operation, failure)), (lenient, None)] {
                    scope.spawn(move || {
                        let start = Instant::now();
                        check(Client::new(&config).unwrap().acquire(), expected);
                        assert!(start.elapsed() < Duration::from_secs(25), "{operation:?} {failure:?}");
                    });
                }
            }
        }
    });
    end_of_test.begin();
}

/// A cache that acquires from its own client, which waits for this cache.
#[derive(Clone, Default)]
struct Reentrant {
    shared: Shared,
    client: Arc<OnceLock<Client>>,
    first_status: Arc<Mutex<Option<Status>>>,
}

impl SharedCache for Reentrant {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let outcome = self.client.get().unwrap().acquire();
        self.first_status.lock().unwrap().get_or_insert(outcome.unwrap_err().status());
        self.shared.load(name)
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        self.shared.save(name, value, keep)
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        self.shared.lock(name, owner, lease)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        self.shared.unlock(name, owner)
    }
}

#[test]
fn cache_that_acquires_from_its_own_client_gets_would_block() {
    let sandbox = Sandbox::start(&[]);
    let cache = Reentrant::default();
    let client = Client::new(&config(&sandbox, cache.clone())).unwrap();
    cache.client.set(client.clone()).unwrap();
    check(client.acquire(), None);
    assert_eq!(*cache.first_status.lock().unwrap(), Some(Status::WouldBlock));
}

#[test]
fn hanging_caches_do_not_block_other_clients() {
    let sandbox = Sandbox::start(&[]);
    let end_of_test = EndOfTest::default();
    thread::scope(|scope| {
        for _ in 0..MANY {
            let (operation, failure, end_of_test) = (Operation::Load, Failure::Hang, end_of_test.clone());
            let hanging = config(&sandbox, Broken { shared: Shared::default(), operation, failure, end_of_test });
            scope.spawn(move || check(Client::new(&hanging).unwrap().acquire(), expected(operation, failure)));
        }
    });
    let outcome = Client::new(&sandbox.config()).unwrap().acquire();
    end_of_test.begin();
    check(outcome, None);
}

/// A cache whose leases end, and which is slow or hangs when it saves.
#[derive(Clone, Default)]
struct Slow {
    shared: Shared,
    leases: Arc<Mutex<HashMap<String, (String, Instant)>>>,
    save_takes: Duration,
    /// From this save on it hangs until the end of the test.
    hangs_from: Option<usize>,
    saves: Arc<AtomicUsize>,
    end_of_test: EndOfTest,
}

impl SharedCache for Slow {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.shared.load(name)
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        let number = self.saves.fetch_add(1, SeqCst);
        if self.hangs_from.is_some_and(|first| number >= first) {
            self.end_of_test.wait();
        }
        thread::sleep(self.save_takes);
        self.shared.save(name, value, keep)
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        let (mut leases, now) = (self.leases.lock().unwrap(), Instant::now());
        let is_held_by_another = leases.get(name).is_some_and(|(holder, until)| holder != owner && now < *until);
        if !is_held_by_another {
            leases.insert(name.into(), (owner.into(), now + lease));
        }
        Ok(!is_held_by_another)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        self.leases.lock().unwrap().retain(|locked, (holder, _)| locked != name || holder != owner);
        Ok(())
    }
}

/// The limit of one call of a cache, and some time for a slow machine.
const STORE_LIMIT: Duration = Duration::from_secs(7);

#[test]
fn token_that_has_arrived_is_served_within_one_limit_though_the_cache_hangs_or_is_slow() {
    thread::scope(|scope| {
        for (hangs_from, save_takes) in [(Some(1), Duration::ZERO), (None, Duration::from_secs(2))] {
            scope.spawn(move || {
                let sandbox = Sandbox::start(&[]);
                sandbox.hold();
                let cache = Slow { save_takes, hangs_from, ..Slow::default() };
                let end_of_test = cache.end_of_test.clone();
                let client = Client::new(&config(&sandbox, cache)).unwrap();
                let waiting = thread::spawn(move || client.acquire());
                sandbox.wait_for("token_requests", 1);
                let start = Instant::now();
                sandbox.release();
                check(waiting.join().unwrap(), None);
                assert!(start.elapsed() < STORE_LIMIT, "{hangs_from:?}: {:?}", start.elapsed());
                end_of_test.begin();
            });
        }
    });
}

/// The ledger is written so slowly that the lease would end during the request.
#[test]
fn lease_covers_the_request_though_the_write_before_it_took_long() {
    let sandbox = Sandbox::start(&["--latency-ms", "700"]);
    // The lease is 1.8 s.
    let cache = Slow { save_takes: Duration::from_millis(1500), ..Slow::default() };
    let client = || {
        let mut config = config(&sandbox, cache.clone());
        config.attempt_timeout(Duration::from_millis(800));
        Client::new(&config).unwrap()
    };
    let tokens: BTreeSet<_> = thread::scope(|scope| {
        let threads = [client(), client(), client()].map(|client| scope.spawn(move || client.acquire().unwrap()));
        threads.into_iter().map(|thread| thread.join().unwrap().value().to_owned()).collect()
    });
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
}

/// A cache that the system or a database unlocks when the owner of the lock ends.
#[derive(Clone, Default)]
struct WithoutLeases(Shared);

impl SharedCache for WithoutLeases {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        self.0.load(name)
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        self.0.save(name, value, keep)
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        self.0.lock(name, owner, lease)
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        self.0.unlock(name, owner)
    }

    fn has_leases(&self) -> bool {
        false
    }
}

#[test]
fn cache_without_leases_keeps_its_clients_to_one_token_request() {
    let sandbox = Sandbox::start(&["--latency-ms", "100"]);
    let cache = WithoutLeases::default();
    let clients: Vec<_> = (0..4).map(|_| Client::new(&config(&sandbox, cache.clone())).unwrap()).collect();
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| check(client.acquire(), None));
        }
    });
    assert_eq!(sandbox.token_requests(), 1);
}

/// An empty cache whose destructor tells that it runs, and then waits.
struct WaitsInDrop {
    dropping: mpsc::Sender<()>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl SharedCache for WaitsInDrop {
    fn load(&self, _name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(None)
    }

    fn save(&self, _name: &str, _value: Option<&[u8]>, _keep: Duration) -> Result<(), CacheError> {
        Ok(())
    }

    fn lock(&self, _name: &str, _owner: &str, _lease: Duration) -> Result<bool, CacheError> {
        Ok(true)
    }

    fn unlock(&self, _name: &str, _owner: &str) -> Result<(), CacheError> {
        Ok(())
    }

    fn has_leases(&self) -> bool {
        false
    }
}

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        self.dropping.send(()).unwrap();
        self.gate.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn destructor_of_a_cache_that_hangs_delays_no_request() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let (dropping, is_dropping) = mpsc::channel();
    let (opened, gate) = mpsc::channel();
    let cache = WaitsInDrop { dropping, gate: Mutex::new(gate) };
    let client = Client::new(&config(&sandbox, cache)).unwrap();
    sandbox.hold();
    let mut acquiring = Box::pin(async move { client.acquire_async().await });
    assert!(acquiring.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    sandbox.wait_for("token_requests", 1);
    // The refresh goes on. Its end drops the client, and with it the cache.
    drop(acquiring);
    sandbox.release();
    is_dropping.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(Client::new(&sandbox.config()).unwrap().acquire().is_ok());
    opened.send(()).unwrap();
}
