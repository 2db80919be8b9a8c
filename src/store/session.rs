//! The shared cache as a refresh uses it: reads and writes tokens and ledgers in any store.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tokio::time;

use super::clock_mapping::ClockMapping;
use super::ledger::{self, LedgerFile, Viewer};
use super::record::{self, Record, UnusableRecord};
use super::seal::{self, Seal};
use super::{Entry, Identity, Kind, Names, Store, StoreError, TokenType};
use crate::clock::Clock;
use crate::dpop::Binding;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::secret::Redactor;
use crate::token::{HeldToken, TokenHash};

/// The number of attempts, and the pauses between them, to release a lock whose state is not known: until a lease has
/// ended.
const MAX_RELEASES: u32 = 30;
const RELEASE_INTERVAL: Duration = Duration::from_millis(500);

/// The cache entries of one identity, open for one refresh or sync.
pub(crate) struct Session {
    pub(super) store: Box<dyn Store>,
    /// The client ID and the cache, for the log.
    pub(super) client: String,
    pub(super) place: String,
    pub(super) clock: Arc<dyn Clock>,
    bearer_seal: Seal,
    dpop_seal: Seal,
    /// The key of the identity's section of the ledger.
    section: String,
    binding: Option<Binding>,
    redactor: Redactor,
    /// Identifies the credentials, so that a refusal in the ledger is matched with them.
    fingerprint: Option<String>,
    pub(super) clock_mapping: ClockMapping,
    /// The mapping for tokens that are written. Its time is not later than the store's: a token must not seem to live
    /// longer.
    token_mapping: ClockMapping,
    pub(super) rejected_records: u64,
    /// The longest time that an operation under the lock has taken. A lease is longer by that.
    pub(super) latency: Duration,
    /// Whether the store may believe that this session holds the lock.
    pub(super) may_hold_lock: bool,
    /// The ledger when it was read last, with what belongs to other identities.
    pub(super) document: Map<String, Value>,
}

/// The content of the cache.
pub(crate) struct View {
    pub record: Option<Record>,
    /// Whether a record cannot be opened. Under the lock it was set aside.
    pub is_damaged: bool,
    /// Tokens that an API rejected and has not accepted since.
    pub suspects: Vec<TokenHash>,
    pub ledger: Option<Ledger>,
    /// The failure that holds requests back.
    pub failure: Option<Error>,
    /// The times that the clocks of some servers show now, by origin, in seconds since 1970.
    pub server_clocks: Vec<(String, i64)>,
}

impl Session {
    pub fn new(
        store: Box<dyn Store>,
        place: String,
        names: &Names,
        identity: &Identity<'_>,
        redactor: Redactor,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let clock_mapping = ClockMapping::of_machine(&*clock);
        Ok(Self {
            store,
            client: identity.client_id.to_owned(),
            place,
            token_mapping: clock_mapping.clone(),
            clock_mapping,
            clock,
            bearer_seal: Seal::new(identity.client_secret, names.key(TokenType::Bearer))?,
            dpop_seal: Seal::new(identity.client_secret, names.key(TokenType::Dpop))?,
            section: names.section().to_owned(),
            binding: identity.binding.cloned(),
            redactor,
            fingerprint: seal::fingerprint(identity.client_secret, identity.password.expose_secret().as_bytes()),
            rejected_records: 0,
            latency: Duration::ZERO,
            may_hold_lock: false,
            document: Map::new(),
        })
    }

    pub async fn read(&mut self) -> Result<View, StoreError> {
        self.read_entries().await.map(|entries| entries.view)
    }

    /// Releases a lock that may have been granted although the request for it failed, or that could not be released.
    pub async fn release_lock(mut self) {
        for _ in 0..MAX_RELEASES {
            if !self.may_hold_lock {
                return;
            }
            // The request for the lock can still be on its way.
            time::sleep(RELEASE_INTERVAL).await;
            match self.store.unlock().await {
                // A store that refuses once refuses again, and its lease ends by itself.
                Err(error) if !error.is_transient => return,
                released => self.may_hold_lock = released.is_err(),
            }
        }
    }

    pub(super) async fn read_entries(&mut self) -> Result<Entries, StoreError> {
        // The store reads its clock between `start` and now. Entries therefore seem older than they are, never younger.
        let start = self.clock.now();
        let loaded = self.store.load().await?;
        let mapping_at = |now| match loaded.unix_ms {
            Some(unix_ms) => ClockMapping::of_store(&*self.clock, now, unix_ms),
            None => ClockMapping::of_machine(&*self.clock),
        };
        (self.clock_mapping, self.token_mapping) = (mapping_at(start), mapping_at(self.clock.now()));
        let has_ledger = loaded.ledger.is_some();
        let file = loaded.ledger.and_then(|bytes| self.read_ledger(&bytes));
        let is_missing = file.is_none();
        let LedgerFile { ledger, failure, rejected_records, suspects, server_clocks, document } =
            file.unwrap_or_default();
        self.rejected_records = self.rejected_records.max(rejected_records);
        self.document = document;
        let (mut record, mut damaged, mut unusable) = (None, None, None);
        for (token_type, sealed) in loaded.records {
            match self.open(token_type, &sealed) {
                Ok(Ok(found)) => record = better(record, Some(found)),
                Ok(Err(reason)) => unusable = Some(reason.to_string()),
                Err(problem) => damaged = Some(Damaged { token_type, sealed, problem }),
            }
        }
        let (is_damaged, ledger) = (damaged.is_some(), (!is_missing).then_some(ledger));
        let view = View { record, is_damaged, suspects, ledger, failure, server_clocks };
        Ok(Entries { view, damaged, unusable, is_ledger_damaged: has_ledger && is_missing })
    }

    fn seal(&self, token_type: TokenType) -> &Seal {
        match token_type {
            TokenType::Bearer => &self.bearer_seal,
            TokenType::Dpop => &self.dpop_seal,
        }
    }

    pub(super) fn record_of(&self, held: &HeldToken) -> Result<Entry, StoreError> {
        let token = held.token();
        let token_type = if token.dpop_key().is_some() { TokenType::Dpop } else { TokenType::Bearer };
        let sealed = self.seal(token_type).seal(&record::write(held, &self.token_mapping))?;
        Ok(Entry { kind: Kind::Record(token_type), bytes: Some(sealed), keep: token.expires_in() })
    }

    pub(super) fn viewer(&self) -> Viewer<'_> {
        Viewer { section: &self.section, fingerprint: self.fingerprint.as_deref() }
    }

    fn read_ledger(&self, bytes: &[u8]) -> Option<LedgerFile> {
        let file = ledger::read(bytes, &self.clock_mapping, self.viewer(), &self.redactor);
        if file.is_none() {
            let (client, store) = (&*self.client, &*self.place);
            tracing::warn!(client, store, "the ledger in the shared cache cannot be read and counts as missing");
        }
        file
    }

    /// Opens a record, which can have a token that this client cannot use, but others can. Fails if it is damaged.
    fn open(&self, token_type: TokenType, bytes: &[u8]) -> Result<Result<Record, UnusableRecord>, String> {
        let plain = self.seal(token_type).open(bytes).map_err(|error| format!("cannot be opened: {error}"))?;
        match record::read(&plain, &self.clock_mapping, self.binding.as_ref()) {
            Ok(record) => Ok(Ok(record)),
            Err(UnusableRecord::Malformed) => Err("does not contain a valid token".into()),
            Err(unusable) => {
                let (client, store) = (&*self.client, &*self.place);
                tracing::warn!(client, store, "this client cannot use the token in the shared cache: {unusable}");
                Ok(Err(unusable))
            }
        }
    }
}

/// Returns the better of two tokens: one that the client has to replace only at its time, and of equal ones the later.
fn better(one: Option<Record>, another: Option<Record>) -> Option<Record> {
    [one, another].into_iter().flatten().max_by_key(|record| (!record.fitness.wants_another(), record.requested))
}

/// What was read from the store.
pub(super) struct Entries {
    pub view: View,
    pub damaged: Option<Damaged>,
    /// The reason why this client cannot use a record that it could open.
    pub unusable: Option<String>,
    /// Whether there is a ledger that counts as missing.
    pub is_ledger_damaged: bool,
}

/// A record that cannot be opened, with the reason.
pub(super) struct Damaged {
    pub token_type: TokenType,
    pub sealed: Vec<u8>,
    pub problem: String,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let advice = "no token is fetched without it unless allow_fetch_without_cache is set";
        Self::new(Status::CacheUnavailable, format!("the shared cache cannot be used: {error}; {advice}"))
    }
}
