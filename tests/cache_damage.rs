//! A shared cache whose entries are truncated or changed, or whose server repeats a secret. The client never crashes
//! and never returns a wrong token.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::json;
use support::redis::Redis;
use support::sandbox::Sandbox;
use support::{entry, fresh_directory};
use tango_token::{Client, Config, Error, Status, Token};

/// A cache directory after one refresh: its two files and their contents.
struct FilledCache {
    config: Config,
    directory: PathBuf,
    record: (PathBuf, Vec<u8>),
    ledger: (PathBuf, Vec<u8>),
    token: String,
}

impl FilledCache {
    fn make(sandbox: &Sandbox, name: &str) -> Self {
        let directory = fresh_directory(name);
        let mut config = sandbox.config();
        config.cache(format!("file:{}", directory.display()));
        let token = Client::new(&config).unwrap().acquire().unwrap().value().to_owned();
        let [record, ledger] = ["record", "ledger"].map(|kind| {
            let path = entry(&directory, kind).unwrap();
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        });
        Self { config, directory, record, ledger, token }
    }

    /// Leaves a ledger with a quota refusal, after which no request is sent.
    fn fill_ledger_with_quota_refusal(&mut self, sandbox: &Sandbox) {
        fs::remove_file(&self.record.0).unwrap();
        sandbox.script(&json!([{"status": 400, "body": "it has exceeded the daily rate limit"}]));
        assert_eq!(self.acquire().unwrap_err().status(), Status::QuotaRefused);
        self.ledger.1 = fs::read(&self.ledger.0).unwrap();
    }

    /// Acquires as a new process that finds these files.
    fn acquire_with(&self, record: Option<&[u8]>, ledger: &[u8]) -> Result<Token, Error> {
        fs::write(&self.ledger.0, ledger).unwrap();
        match record {
            Some(record) => fs::write(&self.record.0, record).unwrap(),
            None => drop(fs::remove_file(&self.record.0)),
        }
        self.acquire()
    }

    fn acquire(&self) -> Result<Token, Error> {
        Client::new(&self.config).unwrap().acquire()
    }
}

/// Truncates the bytes at every length, and flips one bit in every byte. A test reads each `step`th of them.
fn damaged(whole: &[u8], step: usize) -> impl Iterator<Item = Vec<u8>> {
    println!("Figure: {} damaged records and ledgers", (2 * whole.len()).div_ceil(step));
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let changed = (0..whole.len()).map(|index| {
        let mut bytes = whole.to_vec();
        bytes[index] ^= 1 << (index % 8);
        bytes
    });
    cut.chain(changed).step_by(step)
}

fn take(path: Option<PathBuf>) -> Option<Vec<u8>> {
    let path = path?;
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    Some(bytes)
}

fn rejected(directory: &Path) -> Option<Vec<u8>> {
    take(entry(directory, "rejected"))
}

#[test]
fn damaged_record_is_set_aside_and_yields_no_token() {
    let sandbox = Sandbox::start(&[]);
    let mut cache = FilledCache::make(&sandbox, "damaged-record");
    cache.fill_ledger_with_quota_refusal(&sandbox);
    let (record, ledger) = (&cache.record.1, &cache.ledger.1);
    for bytes in damaged(record, 1) {
        let error = cache.acquire_with(Some(&bytes), ledger).unwrap_err();
        assert_eq!(error.status(), Status::QuotaRefused);
        assert_eq!(rejected(&cache.directory), Some(bytes), "unchanged");
    }
    assert_eq!(cache.acquire_with(Some(record), ledger).unwrap().value(), cache.token);
    assert_eq!((rejected(&cache.directory), sandbox.token_requests()), (None, 1), "the refusal was the last request");
}

#[test]
fn damaged_record_is_replaced_when_a_token_is_granted() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let cache = FilledCache::make(&sandbox, "replaced-record");
    let (record, ledger) = (&cache.record.1, &cache.ledger.1);
    for bytes in damaged(record, 101) {
        let before = sandbox.token_requests();
        let token = cache.acquire_with(Some(&bytes), ledger).unwrap();
        assert_eq!(sandbox.token_requests(), before + 1);
        assert_eq!(rejected(&cache.directory), Some(bytes));
        assert_eq!(cache.acquire().unwrap().value(), token.value(), "the next process finds the new record");
        assert_eq!((rejected(&cache.directory), sandbox.token_requests()), (None, before + 1));
    }
}

#[test]
fn damaged_ledger_does_not_hide_the_token() {
    let sandbox = Sandbox::start(&[]);
    let cache = FilledCache::make(&sandbox, "damaged-ledger");
    for bytes in damaged(&cache.ledger.1, 1) {
        let token = cache.acquire_with(Some(&cache.record.1), &bytes).unwrap();
        assert_eq!(token.value(), cache.token, "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!((rejected(&cache.directory), sandbox.token_requests()), (None, 1));
}

/// A damaged ledger that can still be parsed is believed; any other is ignored, and a request is sent.
#[test]
fn damaged_ledger_without_a_token_is_believed_or_ignored() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let mut cache = FilledCache::make(&sandbox, "ignored-ledger");
    cache.fill_ledger_with_quota_refusal(&sandbox);
    let (mut believed, mut ignored) = (0, 0);
    for bytes in damaged(&cache.ledger.1, 7) {
        let before = sandbox.statistic("tokens_issued");
        let sent = match cache.acquire_with(None, &bytes) {
            Ok(_) => 1,
            Err(error) => {
                assert!(error.message().contains("nothing is sent for another"), "{error:?}");
                0
            }
        };
        assert_eq!(sandbox.statistic("tokens_issued"), before + sent);
        (believed, ignored) = (believed + 1 - sent, ignored + sent);
    }
    assert!(believed > 0 && ignored > 0, "{believed} {ignored}");
}

#[test]
fn oversized_record_is_neither_read_nor_set_aside_whole() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let redis = Redis::start();
    let client = || {
        let mut config = sandbox.config();
        config.cache(redis.variables("huge:").remove(0).1);
        Client::new(&config).unwrap()
    };
    client().acquire().unwrap();
    let record = redis.keys("huge:").into_iter().find(|key| key.ends_with("record")).unwrap();
    redis.command::<()>(&["SET", &record, &"x".repeat(20_000_000)]);
    client().acquire().unwrap();
    let rejected = redis.entry("huge:", "rejected").unwrap();
    assert!(rejected.len() < 1_000_000, "{}", rejected.len());
    assert_eq!(sandbox.token_requests(), 2);
}

#[test]
fn cache_password_repeated_by_the_server_does_not_reach_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            while stream.read(&mut request).is_ok_and(|length| length > 0) {
                let _ =
                    stream.write_all(b"-ERR unknown command 'AUTH', with args beginning with: 'me' 'hush-hush'\r\n");
            }
        }
    });
    let sandbox = Sandbox::start(&[]);
    let mut config = sandbox.config();
    config.cache(format!("redis://me:hush-hush@{address}"));
    let error = Client::new(&config).unwrap().acquire().unwrap_err();
    assert_eq!(error.status(), Status::CacheUnavailable);
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
}
