//! The content of the shared cache, for a person or a program that looks at it. It contains no secret.

use std::time::SystemTime;

use crate::config::CacheKind;
use crate::dpop::DpopMode;
use crate::error::Error;
use crate::store::LockState;

/// The content of the shared cache, as the client that reads it understands it ([`Client::cache_status`]).
///
/// All times are on the clock of the cache, which shows `now`. That is the clock of the Redis server, or the wall clock
/// of this machine.
///
/// [`Client::cache_status`]: crate::Client::cache_status
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheStatus {
    /// The kind of the cache.
    pub kind: CacheKind,
    /// The place of the cache, without passwords: `memory`, `file:` and the directory, `redis:` and the servers, or
    /// `custom`.
    pub place: String,
    /// Whose token the cache holds.
    pub identity: CacheIdentity,
    /// The time on the clock of the cache.
    pub now: SystemTime,
    /// The token.
    pub record: CachedRecord,
    /// The state of the lock.
    pub lock: LockState,
    /// The outcomes of earlier requests.
    pub ledger: CachedLedger,
    /// No request is sent before this time; `None` if one may be sent now.
    pub next_request: Option<SystemTime>,
    /// The error that callers without a token get until then.
    pub refusal: Option<Error>,
    /// When the daily limit allows the next token, as far as it is known; `None` if it allows one now, or if the cache
    /// does not know when the last token was issued.
    pub quota_resets: Option<SystemTime>,
}

impl CacheStatus {
    /// Returns the token if callers can be served it: it has not expired. A suspect token is served while there can be
    /// no other.
    pub fn usable_token(&self) -> Option<&CachedToken> {
        match &self.record {
            CachedRecord::Token(token) if self.now < token.expires => Some(token),
            _ => None,
        }
    }
}

/// Everything that decides which token is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheIdentity {
    /// The token endpoint.
    pub token_url: String,
    /// The client ID.
    pub client_id: String,
    /// The user name of the service account.
    pub username: String,
    /// The requested scope.
    pub scope: String,
    /// The audience as it is sent.
    pub audience: String,
    /// The DPoP mode.
    pub dpop: DpopMode,
}

/// The record of the shared cache, which holds the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CachedRecord {
    /// There is no record of this identity.
    Missing,
    /// There is no record that the client secret of this client can open, but there is one of the same identity that is
    /// sealed with another secret.
    OtherSecret,
    /// The record cannot be opened, for this reason. The next process that takes the lock sets it aside.
    Damaged(String),
    /// This client cannot use the token in the record, for this reason. Other clients can.
    Unusable(String),
    /// The token, which can have expired.
    Token(CachedToken),
}

/// The token in the shared cache, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedToken {
    /// `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// The granted scope.
    pub scope: String,
    /// The thumbprint (RFC 7638) of the key that the token is bound to; `None` for a Bearer token.
    pub key_thumbprint: Option<String>,
    /// When the token was requested. Its lifetime starts then.
    pub requested: SystemTime,
    /// When the token expires.
    pub expires: SystemTime,
    /// When the first process refreshes the token. A time that has passed means that the next call starts the refresh.
    pub refresh_from: SystemTime,
    /// When the last process in use refreshes the token: each process chooses a time between both.
    pub refresh_until: SystemTime,
    /// Whether an API rejected the token and has not accepted it since.
    pub is_suspect: bool,
    /// The reason why this client replaces the token as soon as the daily limit allows another one.
    pub replaced_early: Option<&'static str>,
}

/// The ledger of the shared cache: the outcomes of earlier requests.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CachedLedger {
    /// Whether there is a ledger that can be read. Otherwise the other fields are empty.
    pub state: LedgerState,
    /// When the ledger was last changed.
    pub changed: Option<SystemTime>,
    /// When the last token of this client that arrived was requested, for whichever identity.
    pub last_issue: Option<SystemTime>,
    /// When the last token of this identity was requested.
    pub own_issue: Option<SystemTime>,
    /// The number of tokens that were issued, as far as the ledger knows.
    pub issues: u64,
    /// When a request was about to be sent whose outcome is not written yet.
    pub in_flight_since: Option<SystemTime>,
    /// When a request was sent whose response was lost: it may have been granted the token of the day.
    pub possibly_spent: Option<SystemTime>,
    /// When the wait after a refusal by the daily limit ends or ended.
    pub cool_down_until: Option<SystemTime>,
    /// The number of these refusals since the last token.
    pub quota_refusals: u32,
    /// Whether two tokens were issued in less time than the daily limit allows, so that it is not believed any more.
    pub is_quota_disproved: bool,
    /// When the wait after another failure of this identity ends or ended.
    pub back_off_until: Option<SystemTime>,
    /// The number of failures of this identity since the last token.
    pub failures: u32,
    /// The failure that requests are or were held back for.
    pub failure: Option<Error>,
    /// When a token that an API had rejected was last replaced.
    pub replaced: Option<SystemTime>,
    /// The SHA-256, in base64url, of tokens that an API rejected and has not accepted since, the latest first.
    pub suspect_tokens: Vec<String>,
    /// The number of records that were set aside because they could not be opened.
    pub rejected_records: u64,
    /// By token URL or origin of the API: the seconds by which the clock of that server is ahead of that of the cache.
    pub server_clock_offsets: Vec<(String, i64)>,
}

/// Whether the ledger can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerState {
    /// There is no ledger: no request of this client was recorded, or the cache was emptied.
    #[default]
    Missing,
    /// There is a ledger that cannot be read, or is from more than an hour in the future. It counts as missing.
    Damaged,
    /// The ledger was read.
    Read,
}
