//! Records, ledgers and addresses of the shared cache, for the fuzz targets.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::clock_mapping::ClockMapping;
use super::ledger::{self, Viewer};
use super::record::{self, Record};
use super::redis::RedisAddress;
use super::seal::Seal;
use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::dpop::{Binding, DpopKey};
use crate::error::{Error, Status};
use crate::fuzzing::exposed;
use crate::policy::TokenLifetime;
use crate::secret::Redactor;
use crate::token::HeldToken;

/// A record as its reader sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenRecord {
    /// The token.
    pub access_token: String,
    /// The thumbprint and the algorithm of the key that it is bound to.
    pub key: Option<(String, &'static str)>,
    /// Its scope.
    pub scope: String,
    /// How long ago it was requested.
    pub age: Duration,
    /// Its lifetime.
    pub lifetime: Duration,
    /// Whether the server ignored the proof.
    pub proof_ignored: bool,
}

/// Reads a record for a client with this key, which may require bound tokens. Returns it with its bytes when it is
/// written again, or why it cannot be used.
pub fn read_record(plain: &[u8], key: Option<(&DpopKey, bool)>) -> Result<(OpenRecord, Vec<u8>), String> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let binding = key.map(|(key, required)| Binding { key: key.clone(), required, is_configured: false });
    let mapping = ClockMapping::of_machine(&*clock);
    let read = record::read(plain, &mapping, binding.as_ref()).map_err(|unusable| unusable.to_string())?;
    let Record { access_token, key, scope, requested, lifetime, fitness } = read;
    let record = OpenRecord {
        access_token: exposed(&access_token),
        key: key.as_ref().map(|key| (key.thumbprint().into(), key.algorithm().name())),
        scope: scope.clone(),
        age: clock.now().since(requested),
        lifetime,
        proof_ignored: fitness == crate::token::Fitness::ProofIgnored,
    };
    let lifetime = TokenLifetime::new(requested, lifetime, 0.0);
    let held = HeldToken::new(&access_token, key, &scope, lifetime, clock).with_fitness(fitness);
    let written = record::write(&held, &mapping).to_vec();
    Ok((record, written))
}

/// Seals bytes.
pub fn seal(secret: &str, cache_key: &str, plain: &[u8]) -> Option<Vec<u8>> {
    Seal::new(&secret.into(), cache_key).ok()?.seal(plain).ok()
}

/// Opens sealed bytes.
pub fn open(secret: &str, cache_key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    Seal::new(&secret.into(), cache_key).ok()?.open(sealed).ok().map(|plain| plain.to_vec())
}

/// A ledger as its reader sees it. Times are milliseconds from now.
#[derive(Debug)]
pub struct LedgerView {
    /// Everything but the clocks of servers, to be compared.
    pub content: String,
    /// Past events.
    pub past: Vec<i64>,
    /// The ends of waits.
    pub ends: Vec<i64>,
    /// When it was changed.
    pub changed: Option<i64>,
    /// The failure that holds requests back.
    pub failure: Option<Error>,
    /// The number of suspect tokens.
    pub suspects: usize,
    /// How many seconds the clocks of servers differ.
    pub offsets: Vec<i64>,
    /// The ledger when it is written again.
    pub written: Vec<u8>,
}

/// Reads a ledger for a client with this secret.
pub fn read_ledger(bytes: &[u8], secret: &str) -> Option<LedgerView> {
    let clock = ManualClock::new();
    let mapping = ClockMapping::of_machine(&clock);
    let viewer = Viewer { section: "section", fingerprint: Some("fingerprint") };
    let redactor = Redactor::new(&[SecretString::from(secret)]);
    let file = ledger::read(bytes, &mapping, viewer, &redactor)?;
    let ledger = &file.ledger;
    let from_now = |time: crate::clock::BootTime| time.as_ms().saturating_sub(clock.now().as_ms());
    let times = |times: &[Option<crate::clock::BootTime>]| times.iter().flatten().copied().map(from_now).collect();
    // A failure that holds nothing back, or that this library would not have put where it was, is not kept.
    let is_kept = |failure: &&Error| {
        let is_quota = failure.status() == Status::QuotaRefused;
        ledger.closed_until().is_some() && is_quota == ledger.is_closed_by_the_quota()
    };
    let failure = file.failure.as_ref().filter(is_kept);
    Some(LedgerView {
        content: format!("{ledger:?} {failure:?} {} {:?}", file.rejected_records, file.suspects),
        past: times(&[
            ledger.last_issue,
            ledger.own_issue,
            ledger.replaced,
            ledger.in_flight.map(|in_flight| in_flight.at),
            ledger.possibly_spent,
        ]),
        ends: times(&[ledger.cool_down_until, ledger.back_off_until, ledger.closed_until()]),
        changed: ledger.changed.map(from_now),
        suspects: file.suspects.len(),
        offsets: file.server_clocks.iter().map(|(_, time)| time - clock.wall_seconds()).collect(),
        written: ledger::write(&file, &mapping, viewer),
        failure: file.failure,
    })
}

/// The servers of a Redis address.
#[derive(Debug)]
pub struct RedisServers {
    /// The address as messages and the log show it.
    pub shown: String,
    /// The number of servers.
    pub count: usize,
    /// The passwords, for redaction.
    pub passwords: Vec<String>,
    /// The password that is sent.
    pub sent_password: Option<String>,
    /// Whether it has TLS.
    pub has_tls: bool,
    /// The prefix of keys.
    pub prefix: String,
}

/// Parses a Redis address.
pub fn redis_servers(address: &str) -> Result<RedisServers, &'static str> {
    let address = RedisAddress::parse(address)?;
    let info = address.info().map_err(|_| "cannot be converted, although it was parsed")?;
    Ok(RedisServers {
        shown: format!("{address} {address:?}"),
        count: address.nodes().len(),
        passwords: address.passwords().map(|password| password.expose_secret().to_owned()).collect(),
        sent_password: info.redis_settings().password().map(Into::into),
        has_tls: address.has_tls(),
        prefix: address.prefix().into(),
    })
}
