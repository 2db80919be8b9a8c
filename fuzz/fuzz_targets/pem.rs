//! Private keys and certificates in PEM and DER. A key that is read is the same when it was written and read again; an
//! error repeats nothing of its input. Input that begins as DER is read in PEM of each kind, and as in the cache.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use support::keys;
use tango_token::Algorithm;
use tango_token::fuzzing::{certificates, key_from_pem, key_from_pkcs8, normalized_pem};

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::Es384, Algorithm::Eddsa, Algorithm::Rs256, Algorithm::Ps256];
const SEQUENCE: u8 = 0x30;

fuzz_target!(|content: &[u8]| {
    check_pem(content);
    if content.first() == Some(&SEQUENCE) {
        let base64 = STANDARD.encode(content);
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
            check_pem(format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").as_bytes());
        }
        let algorithm = ALGORITHMS[content.len() % ALGORITHMS.len()];
        match key_from_pkcs8(content, algorithm) {
            Ok(key) => assert_eq!(key.algorithm(), algorithm),
            Err(error) => keys::check_refusal(&error, &base64),
        }
    }
});

fn check_pem(content: &[u8]) {
    match key_from_pem(content, None) {
        Ok(key) => keys::check(&key),
        Err(error) => keys::check_refusal(&error, &String::from_utf8_lossy(content)),
    }
    let normalized = normalized_pem(content);
    // The memory of a key is not allocated again, which would leave a copy behind.
    assert!(normalized.len() <= content.len() + content.len() / 4 + 2);
    match certificates(content) {
        Ok(found) => assert!(!found.is_empty() && certificates(&normalized) == Ok(found)),
        Err(problem) => assert!(!problem.is_empty()),
    }
}
