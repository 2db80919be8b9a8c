//! Custom shared caches in Rust: one that works, and others that fail.

mod support;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
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

/// The error of a caller whose cache cannot be read or locked. A cache that cannot be written does not matter.
fn expected(operation: Operation, failure: Failure) -> Option<&'static str> {
    match (operation, failure) {
        (Operation::Save | Operation::Unlock, _) => None,
        (_, Failure::Error) => Some("the table does not exist"),
        (_, Failure::Panic) => Some("ended unexpectedly"),
        (_, Failure::Hang) => Some("did not answer within 5 s"),
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
fn failing_cache_is_an_error_only_if_it_cannot_be_read_or_locked() {
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
