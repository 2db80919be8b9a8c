//! A cache whose entries were cut off or changed, or whose server says what it should not: never a crash, never a wrong
//! token.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::json;
use support::redis::Redis;
use support::sandbox::Sandbox;
use support::{entry, fresh_folder};
use tango_token::{Client, Config, Error, Status, Token};

/// A folder with the two files that one fetch left there, and what was in them.
struct Shelf {
    config: Config,
    folder: PathBuf,
    record: (PathBuf, Vec<u8>),
    ledger: (PathBuf, Vec<u8>),
    token: String,
}

impl Shelf {
    fn filled(sandbox: &Sandbox, name: &str) -> Self {
        let folder = fresh_folder(name);
        let mut config = sandbox.config();
        config.cache(format!("file:{}", folder.display()));
        let token = Client::new(&config).unwrap().acquire().unwrap().value().to_owned();
        let [record, ledger] = ["record", "ledger"].map(|kind| {
            let path = entry(&folder, kind).unwrap();
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        });
        Self { config, folder, record, ledger, token }
    }

    /// The ledger as it is after a quota refusal, with which no request is sent.
    fn close_ledger(&mut self, sandbox: &Sandbox) {
        fs::remove_file(&self.record.0).unwrap();
        sandbox.script(&json!([{"status": 400, "body": "it has exceeded the daily rate limit"}]));
        assert_eq!(self.acquire().unwrap_err().status(), Status::QuotaRefused);
        self.ledger.1 = fs::read(&self.ledger.0).unwrap();
    }

    /// What a process gets that starts with these files.
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

/// Cut off at every length, and with one bit changed in every byte.
fn damaged(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let changed = (0..whole.len()).map(|index| {
        let mut bytes = whole.to_vec();
        bytes[index] ^= 1 << (index % 8);
        bytes
    });
    cut.chain(changed)
}

fn take(path: Option<PathBuf>) -> Option<Vec<u8>> {
    let path = path?;
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    Some(bytes)
}

fn rejected(folder: &Path) -> Option<Vec<u8>> {
    take(entry(folder, "rejected"))
}

#[test]
fn a_damaged_record_is_set_aside_and_no_token_comes_out_of_it() {
    let sandbox = Sandbox::start(&[]);
    let mut shelf = Shelf::filled(&sandbox, "damaged-record");
    shelf.close_ledger(&sandbox);
    let (record, ledger) = (&shelf.record.1, &shelf.ledger.1);
    for bytes in damaged(record) {
        let error = shelf.acquire_with(Some(&bytes), ledger).unwrap_err();
        assert_eq!(error.status(), Status::QuotaRefused);
        assert_eq!(rejected(&shelf.folder), Some(bytes), "as it was found");
    }
    assert_eq!(shelf.acquire_with(Some(record), ledger).unwrap().value(), shelf.token);
    assert_eq!((rejected(&shelf.folder), sandbox.token_requests()), (None, 1), "the refusal was the last request");
}

#[test]
fn a_damaged_record_is_replaced_where_a_token_can_be_had() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let shelf = Shelf::filled(&sandbox, "replaced-record");
    let (record, ledger) = (&shelf.record.1, &shelf.ledger.1);
    for bytes in damaged(record).step_by(101) {
        let before = sandbox.token_requests();
        let token = shelf.acquire_with(Some(&bytes), ledger).unwrap();
        assert_eq!(sandbox.token_requests(), before + 1);
        assert_eq!(rejected(&shelf.folder), Some(bytes));
        assert_eq!(shelf.acquire().unwrap().value(), token.value(), "the next process finds it");
        assert_eq!((rejected(&shelf.folder), sandbox.token_requests()), (None, before + 1));
    }
}

#[test]
fn a_damaged_ledger_keeps_nobody_from_the_token() {
    let sandbox = Sandbox::start(&[]);
    let shelf = Shelf::filled(&sandbox, "damaged-ledger");
    for bytes in damaged(&shelf.ledger.1) {
        let token = shelf.acquire_with(Some(&shelf.record.1), &bytes).unwrap();
        assert_eq!(token.value(), shelf.token, "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!((rejected(&shelf.folder), sandbox.token_requests()), (None, 1));
}

/// What it says can still be true, or it says nothing: then the server is asked.
#[test]
fn a_damaged_ledger_without_a_token_is_believed_or_ignored() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let mut shelf = Shelf::filled(&sandbox, "ignored-ledger");
    shelf.close_ledger(&sandbox);
    let (mut believed, mut ignored) = (0, 0);
    for bytes in damaged(&shelf.ledger.1).step_by(7) {
        let before = sandbox.statistic("tokens_issued");
        let sent = match shelf.acquire_with(None, &bytes) {
            Ok(_) => 1,
            Err(error) => {
                assert!(error.retry_after().is_some(), "{error:?}");
                0
            }
        };
        assert_eq!(sandbox.statistic("tokens_issued"), before + sent);
        (believed, ignored) = (believed + 1 - sent, ignored + sent);
    }
    assert!(believed > 0 && ignored > 0, "{believed} {ignored}");
}

#[test]
fn what_is_too_long_for_a_record_is_neither_read_nor_kept_whole() {
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
fn a_server_that_repeats_the_password_does_not_get_it_into_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 4096];
            while stream.read(&mut asked).is_ok_and(|length| length > 0) {
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
