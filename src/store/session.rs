//! The shared cache as a refresh uses it: reads and writes tokens and ledgers in any store.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::clock_mapping::ClockMapping;
use super::ledger::{self, LedgerFile};
use super::record::{self, Record, UnusableRecord};
use super::seal::{self, Seal};
use super::{Entry, Identity, Kind, Names, Store, StoreError};
use crate::clock::{BootTime, Clock};
use crate::dpop::Binding;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::secret::Redactor;
use crate::token::{Token, TokenHash};

/// Longer than a cool-down, and longer than the last issue matters.
const KEEP_LEDGER: Duration = Duration::from_secs(48 * 3600);
const KEEP_REJECTED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The cache entries of one identity, open for one refresh or sync.
pub(crate) struct Session {
    store: Box<dyn Store>,
    clock: Arc<dyn Clock>,
    seal: Seal,
    binding: Option<Binding>,
    redactor: Redactor,
    /// Identifies the credentials, so that a refusal in the ledger is matched with them.
    fingerprint: Option<String>,
    clock_mapping: ClockMapping,
    /// The mapping for tokens that are written. Its time is not later than the store's: a token must not seem to live
    /// longer.
    token_mapping: ClockMapping,
    /// The end of the lease, if this session took the lock. The process can be suspended beyond it.
    locked_until: Option<BootTime>,
    rejected_records: u64,
    /// The token in the cache at the last `load`.
    found: Option<TokenHash>,
}

/// The content of the cache.
pub(crate) struct View {
    pub record: Option<Record>,
    /// Whether a record cannot be opened. If the session held the lock, the record was set aside.
    pub is_damaged: bool,
    /// Tokens that an API rejected.
    pub rejected_tokens: Vec<TokenHash>,
    pub ledger: Option<Ledger>,
    /// The last failure in the ledger.
    pub failure: Option<Error>,
}

impl Session {
    pub fn new(
        store: Box<dyn Store>,
        names: &Names,
        identity: &Identity<'_>,
        redactor: Redactor,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let clock_mapping = ClockMapping::of_machine(&*clock);
        Ok(Self {
            store,
            token_mapping: clock_mapping.clone(),
            clock_mapping,
            clock,
            seal: Seal::new(identity.client_secret, names.key())?,
            binding: identity.binding.cloned(),
            redactor,
            fingerprint: seal::fingerprint(identity.client_secret, identity.password.expose_secret().as_bytes()),
            locked_until: None,
            rejected_records: 0,
            found: None,
        })
    }

    /// Returns whether this session holds the lock. After the lease has ended, another process may hold it.
    pub fn is_locked(&self) -> bool {
        self.locked_until.is_some_and(|until| self.clock.now() < until)
    }

    /// Takes the lock. Returns false if another session holds it.
    pub async fn lock(&mut self, lease: Duration) -> Result<bool, StoreError> {
        let start = self.clock.now();
        let is_taken = self.store.lock(lease).await?;
        self.locked_until = is_taken.then(|| start.after(lease));
        Ok(self.is_locked())
    }

    /// Extends the lock by `lease` from now. Returns false if the lock was lost even for a short time: what was read
    /// under it may have changed.
    pub async fn keep_lock(&mut self, lease: Duration) -> Result<bool, StoreError> {
        let start = self.clock.now();
        let extended = self.store.extend(lease).await;
        if extended == Ok(true) && self.is_locked() {
            self.locked_until = Some(start.after(lease));
            return Ok(true);
        }
        // A store that cannot tell that the lock was lost has taken it again.
        self.unlock().await;
        extended.map(|_| false)
    }

    /// Releases the lock if this session took it. If that fails, the lock is released when its lease ends.
    pub async fn unlock(&mut self) {
        if self.locked_until.take().is_some()
            && let Err(error) = self.store.unlock().await
        {
            tracing::warn!("the lock of the shared cache is released only when its lease ends: {error}");
        }
    }

    /// Reads the cache, and sets a damaged record aside if this session holds the lock.
    pub async fn load(&mut self) -> Result<View, StoreError> {
        // The store reads its clock between `start` and now. Entries therefore seem older than they are, never younger.
        let start = self.clock.now();
        let loaded = self.store.load().await?;
        let mapping_at = |now| match loaded.unix_ms {
            Some(unix_ms) => ClockMapping::of_store(&*self.clock, now, unix_ms),
            None => ClockMapping::of_machine(&*self.clock),
        };
        (self.clock_mapping, self.token_mapping) = (mapping_at(start), mapping_at(self.clock.now()));
        let file = loaded.ledger.and_then(|bytes| self.read_ledger(&bytes));
        let LedgerFile { ledger, failure, rejected_records, rejected_tokens } = file.clone().unwrap_or_default();
        self.rejected_records = self.rejected_records.max(rejected_records);
        let opened = loaded.record.as_deref().map_or(Ok(None), |sealed| self.open(sealed));
        if let (Err(problem), Some(sealed)) = (&opened, &loaded.record)
            && self.is_locked()
        {
            self.set_aside(sealed, problem).await;
        }
        let is_damaged = opened.is_err();
        let record = opened.ok().flatten();
        self.found = record.as_ref().map(Record::hash);
        Ok(View { record, is_damaged, rejected_tokens, ledger: file.map(|_| ledger), failure })
    }

    fn read_ledger(&self, bytes: &[u8]) -> Option<LedgerFile> {
        let file = ledger::read(bytes, &self.clock_mapping, self.fingerprint.as_deref(), &self.redactor);
        if file.is_none() {
            tracing::warn!("the ledger in the shared cache cannot be read and counts as missing");
        }
        file
    }

    /// Opens a record. Returns `None` for a token that this client cannot use, but others can.
    fn open(&self, bytes: &[u8]) -> Result<Option<Record>, String> {
        let plain = self.seal.open(bytes).map_err(|error| format!("cannot be opened: {error}"))?;
        match record::read(&plain, &self.clock_mapping, self.binding.as_ref()) {
            Ok(record) => Ok(Some(record)),
            Err(UnusableRecord::Malformed) => Err("does not contain a valid token".into()),
            Err(unusable) => {
                tracing::warn!("this client cannot use the token in the shared cache: {unusable}");
                Ok(None)
            }
        }
    }

    /// Moves a record that cannot be opened to another entry, where a person can examine it.
    async fn set_aside(&mut self, bytes: &[u8], problem: &str) {
        tracing::error!("a record in the shared cache {problem}; it is set aside and treated as missing");
        self.rejected_records = self.rejected_records.saturating_add(1);
        let copy = Entry { kind: Kind::Rejected, bytes: Some(bytes.to_vec()), keep: KEEP_REJECTED };
        let removal = Entry { kind: Kind::Record, bytes: None, keep: Duration::ZERO };
        if let Err(error) = self.write(&[copy, removal]).await {
            tracing::warn!("the record could not be set aside: {error}");
        }
    }

    /// Writes the ledger and, if given, the token; removes a rejected token. Returns false if the lock was lost before.
    pub async fn save(
        &mut self,
        token: Option<&Token>,
        ledger: &Ledger,
        failure: Option<&Error>,
        rejected_tokens: &[TokenHash],
    ) -> Result<bool, StoreError> {
        let record = match token {
            Some(token) => {
                let sealed = self.seal.seal(&record::write(token, &self.token_mapping))?;
                Some(Entry { kind: Kind::Record, bytes: Some(sealed), keep: token.expires_in() })
            }
            None if self.found.is_some_and(|found| rejected_tokens.contains(&found)) => {
                Some(Entry { kind: Kind::Record, bytes: None, keep: Duration::ZERO })
            }
            None => None,
        };
        let file = LedgerFile {
            ledger: ledger.clone(),
            failure: failure.cloned(),
            rejected_records: self.rejected_records,
            rejected_tokens: rejected_tokens.to_vec(),
        };
        let bytes = ledger::write(&file, &self.clock_mapping, self.fingerprint.as_deref());
        let ledger = Entry { kind: Kind::Ledger, bytes: Some(bytes), keep: KEEP_LEDGER };
        let entries: Vec<_> = record.into_iter().chain([ledger]).collect();
        self.write(&entries).await
    }

    /// Writes entries, unless the lock was lost: another process may have written since.
    async fn write(&mut self, entries: &[Entry]) -> Result<bool, StoreError> {
        let is_written = self.is_locked() && self.store.save(entries).await?;
        if !is_written {
            self.unlock().await;
        }
        Ok(is_written)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let advice = "no token is fetched without it unless allow_fetch_without_cache is set";
        Self::new(Status::CacheUnavailable, format!("the shared cache cannot be used: {error}; {advice}"))
    }
}
