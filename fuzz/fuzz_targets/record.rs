//! The record of a token in the shared cache, which another process wrote. What is read is bounded, and stays the same
//! when it is written and read again. A sealed record that was changed is not opened.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use support::{log, reveal};
use tango_token::fuzzing::{open, read_record, seal};
use tango_token::{Algorithm, DpopKey};

const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
const SECRET: &str = "s3cret+of/the&client";

static KEY: LazyLock<DpopKey> = LazyLock::new(|| DpopKey::generate(Algorithm::Es256).expect("a key"));

fuzz_target!(|plain: &[u8]| {
    for key in [None, Some((&*KEY, false)), Some((&*KEY, true))] {
        let Ok((record, written)) = read_record(plain, key) else { continue };
        assert!(!record.access_token.is_empty() && record.access_token.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!record.scope.contains(char::is_control));
        assert!(!record.lifetime.is_zero() && record.lifetime <= MAX_LIFETIME);
        assert!(record.key.is_none() || key.is_some());
        assert!(record.key.is_some() || key.is_none_or(|(_, required)| !required));
        let (again, _) = read_record(&written, key).expect("what was written can be read");
        assert_eq!(again, record);
        if record.access_token.len() >= 24 {
            reveal::check_hidden(&[&record.access_token], [log::take().as_str()]);
        }
    }
    check_seal(plain);
});

fn check_seal(plain: &[u8]) {
    let sealed = seal(SECRET, "key", plain).expect("a record can be sealed");
    assert_eq!(open(SECRET, "key", &sealed).as_deref(), Some(plain));
    assert!(open(SECRET, "other key", &sealed).is_none() && open("other secret", "key", &sealed).is_none());
    let mut changed = sealed;
    let (at, bit) = (plain.len() * 7 % changed.len(), plain.len() % 8);
    changed[at] ^= 1 << bit;
    assert!(open(SECRET, "key", &changed).is_none());
    assert!(open(SECRET, "key", &changed[..at]).is_none());
    // A program that can write to the cache chooses the bytes.
    open(SECRET, "key", plain);
}
