//! A cache of the program's own, in Rust: one that works, and others that do not.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use support::sandbox::Sandbox;
use tango_token::{CacheError, Client, Config, Error, SharedCache, Status, Token};

/// More than the threads on which the library resolves names and asks caches.
const MANY: usize = 40;

/// The least that it has to be: no lock opens by itself, because nobody dies here.
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
fn clients_that_share_a_cache_cost_one_request() {
    let sandbox = Sandbox::start(&["--latency-ms", "100"]);
    let shared = Shared::default();
    let clients: Vec<_> = (0..8).map(|_| Client::new(&config(&sandbox, shared.clone())).unwrap()).collect();
    let tokens: BTreeSet<_> = thread::scope(|scope| {
        let asking = clients.iter().flat_map(|client| [client; 4]);
        let asking: Vec<_> = asking.map(|client| scope.spawn(|| client.acquire().unwrap())).collect();
        asking.into_iter().map(|thread| thread.join().unwrap().value().to_owned()).collect()
    });
    assert_eq!((tokens.len(), sandbox.token_requests()), (1, 1));
    assert!(shared.0.lock().unwrap().owners.is_empty(), "the lock is open");
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

/// A cache of which one operation fails.
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
            Failure::Error => Err(CacheError("the table is gone".into())),
            Failure::Panic => panic!("the cache panics, as the test wants it"),
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

/// What a caller is told whose cache cannot be asked; who cannot write into it has a token nevertheless.
fn expected(operation: Operation, failure: Failure) -> Option<&'static str> {
    match (operation, failure) {
        (Operation::Save | Operation::Unlock, _) => None,
        (_, Failure::Error) => Some("the table is gone"),
        (_, Failure::Panic) => Some("ended unexpectedly"),
        (_, Failure::Hang) => Some("did not answer within 5 s"),
    }
}

/// Until then hangs what hangs.
#[derive(Clone, Default)]
struct EndOfTest(Arc<(Mutex<bool>, Condvar)>);

impl EndOfTest {
    fn wait(&self) {
        let (ended, changed) = &*self.0;
        drop(changed.wait_while(ended.lock().unwrap(), |ended| !*ended).unwrap());
    }

    fn has_come(&self) {
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
fn a_cache_that_fails_costs_a_token_only_where_it_has_to_be_asked_and_never_much_time() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let end_of_test = EndOfTest::default();
    thread::scope(|scope| {
        for operation in [Operation::Load, Operation::Save, Operation::Lock, Operation::Unlock] {
            for failure in [Failure::Error, Failure::Panic, Failure::Hang] {
                let of_its_own = || {
                    config(
                        &sandbox,
                        Broken { shared: Shared::default(), operation, failure, end_of_test: end_of_test.clone() },
                    )
                };
                let (careful, mut bold) = (of_its_own(), of_its_own());
                bold.allow_fetch_without_cache(true);
                for (config, expected) in [(careful, expected(operation, failure)), (bold, None)] {
                    scope.spawn(move || {
                        let asked = Instant::now();
                        check(Client::new(&config).unwrap().acquire(), expected);
                        assert!(asked.elapsed() < Duration::from_secs(25), "{operation:?} {failure:?}");
                    });
                }
            }
        }
    });
    end_of_test.has_come();
}

/// A cache that asks its own client for a token, which waits for this cache.
#[derive(Clone, Default)]
struct InCircles {
    shared: Shared,
    client: Arc<OnceLock<Client>>,
    told: Arc<Mutex<Option<Status>>>,
}

impl SharedCache for InCircles {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let outcome = self.client.get().unwrap().acquire();
        self.told.lock().unwrap().get_or_insert(outcome.unwrap_err().status());
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
fn a_cache_that_waits_for_its_own_client_is_told_at_once() {
    let sandbox = Sandbox::start(&[]);
    let cache = InCircles::default();
    let client = Client::new(&config(&sandbox, cache.clone())).unwrap();
    cache.client.set(client.clone()).unwrap();
    check(client.acquire(), None);
    assert_eq!(*cache.told.lock().unwrap(), Some(Status::WouldBlock));
}

#[test]
fn caches_that_hang_keep_no_other_client_from_its_token() {
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
    end_of_test.has_come();
    check(outcome, None);
}
