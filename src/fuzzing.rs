//! The private functions that the targets in `fuzz/` call. cargo-fuzz, which sets `cfg(fuzzing)`, is the only one to
//! compile this. Each function takes what comes from outside, and returns what a target can compare.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::api::Origins;
use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::dpop::{NonceHeader, ServerClock};
use crate::secret::{HIDDEN, Redactor};
use crate::{pem, visible};

pub use crate::api::challenge::fuzzing::{Challenge, challenge};
pub use crate::config::fuzzing::{Proxy, Resolved, is_excepted, load, proxy, resolve};
pub use crate::dpop::fuzzing::{
    Arithmetic, arithmetic, fixed_length, htu, key_from_pem, key_from_pkcs8, normalised_url, proof_at, public_jwk,
    rsa_members,
};
pub use crate::endpoint::fuzzing::{
    Endpoint, Issued, Refused, decoded_body, decoded_text, is_daily_limit, leaf_elements, markup_text, read_json,
    repaired_json, retry_after, unescaped, unreadable,
};
pub use crate::store::fuzzing::{
    LedgerView, OpenRecord, RedisServers, open, read_ledger, read_record, redis_servers, seal,
};

/// The wall clock of all functions here, in seconds since 1970.
pub(crate) const NOW: i64 = 1_800_000_000;

/// Returns what takes the place of a string with a secret. This is no constant, because cbindgen would add one to the C
/// header.
pub fn hidden() -> &'static str {
    HIDDEN
}

/// Returns the wall clock of all functions here, in seconds since 1970.
pub fn now() -> i64 {
    NOW
}

/// Returns the string as the redactor lets a person see it.
pub fn redacted(secrets: &[&str], string: &str) -> String {
    let secrets: Vec<_> = secrets.iter().map(|&secret| SecretString::from(secret)).collect();
    Redactor::new(&secrets).clean(string)
}

/// Returns the string without invisible characters.
pub fn visible_text(string: &str) -> String {
    visible::text(string)
}

/// Returns the nonce in a `DPoP-Nonce` header.
pub fn nonce(header: &str) -> Option<&str> {
    match NonceHeader::of_value(Some(header)) {
        NonceHeader::Valid(nonce) => Some(nonce),
        _ => None,
    }
}

/// Returns an HTTP-date in seconds since 1970.
pub fn http_date(date: &str) -> Option<i64> {
    ServerClock::seconds_of(date)
}

/// Returns what the clock of a server shows, in seconds since 1970, after responses with these dates, each to a request
/// that was sent so many seconds before.
pub fn server_time<'a>(dates: impl IntoIterator<Item = (&'a str, u32)>) -> i64 {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let server = ServerClock::new(Arc::clone(&clock));
    for (date, age) in dates {
        let sent_at = crate::clock::BootTime::from_ms(clock.now().as_ms() - i64::from(age) * 1000);
        server.learn(date, sent_at, server.now());
    }
    server.now()
}

/// Returns the origin of a URL, or the error for a client that may send tokens to these URLs.
pub fn origin_of(url: &str, allowed: &[url::Url]) -> Result<String, crate::Error> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Origins::new(allowed, &clock).of(url).map(|origin| origin.name().to_owned())
}

/// Returns PEM in its strict form.
pub fn normalized_pem(content: &[u8]) -> Vec<u8> {
    pem::normalized(content).to_vec()
}

/// Returns the certificates in PEM.
pub fn certificates(content: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    Ok(pem::certificates(content)?.iter().map(|certificate| certificate.to_vec()).collect())
}

pub(crate) fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
