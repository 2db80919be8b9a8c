//! The shared cache as one fetch uses it: tokens and ledgers go in and come out, whatever the store.

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

/// Longer than any cool-down, and than the span in which the last issue matters.
const KEEP_LEDGER: Duration = Duration::from_secs(48 * 3600);
const KEEP_REJECTED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The cache of one set of credentials, open for one fetch.
pub(crate) struct Session {
    store: Box<dyn Store>,
    clock: Arc<dyn Clock>,
    seal: Seal,
    binding: Option<Binding>,
    redactor: Redactor,
    /// Whose credentials these are, for those who were refused.
    who: Option<String>,
    clock_mapping: ClockMapping,
    /// The same for tokens that are written. It shows no later time than the store does, or they would seem to live longer.
    for_tokens: ClockMapping,
    /// Until when the lock is this session's, if it took it. Its process can be stopped for longer.
    locked_until: Option<BootTime>,
    rejected_records: u64,
    /// The token that was there at the last look.
    found: Option<TokenHash>,
}

/// What the cache holds.
pub(crate) struct View {
    pub record: Option<Record>,
    /// There is a record that cannot be opened. Under the lock it was set aside.
    pub is_damaged: bool,
    /// Tokens that an API refused.
    pub refused: Vec<TokenHash>,
    pub ledger: Option<Ledger>,
    /// The refusal that closed the ledger.
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
            for_tokens: clock_mapping.clone(),
            clock_mapping,
            clock,
            seal: Seal::new(identity.client_secret, names.key())?,
            binding: identity.binding.cloned(),
            redactor,
            who: seal::fingerprint(identity.client_secret, identity.password.expose_secret().as_bytes()),
            locked_until: None,
            rejected_records: 0,
            found: None,
        })
    }

    /// Whether the lock is this session's. Not when its lease is over: another process may have it.
    pub fn is_locked(&self) -> bool {
        self.locked_until.is_some_and(|until| self.clock.now() < until)
    }

    /// Takes the lock. False if another has it.
    pub async fn lock(&mut self, lease: Duration) -> Result<bool, StoreError> {
        let asked = self.clock.now();
        let is_taken = self.store.lock(lease).await?;
        self.locked_until = is_taken.then(|| asked.after(lease));
        Ok(self.is_locked())
    }

    /// Keeps the lock for another `lease`. False if it was lost, be it for a moment: what was read under it may have changed.
    pub async fn keep_lock(&mut self, lease: Duration) -> Result<bool, StoreError> {
        let asked = self.clock.now();
        let extended = self.store.extend(lease).await;
        if extended == Ok(true) && self.is_locked() {
            self.locked_until = Some(asked.after(lease));
            return Ok(true);
        }
        // Where the store cannot tell it was taken anew.
        self.unlock().await;
        extended.map(|_| false)
    }

    /// Opens the lock if it was taken. Where that fails it opens by itself.
    pub async fn unlock(&mut self) {
        if self.locked_until.take().is_some()
            && let Err(trouble) = self.store.unlock().await
        {
            tracing::warn!("the lock of the shared cache opens only when its lease ends: {trouble}");
        }
    }

    pub async fn load(&mut self) -> Result<View, StoreError> {
        // The store's clock is read between the two. What was written seems older by that, and never younger.
        let asked = self.clock.now();
        let loaded = self.store.load().await?;
        let timeline_at = |now| match loaded.unix_ms {
            Some(unix_ms) => ClockMapping::of_store(&*self.clock, now, unix_ms),
            None => ClockMapping::of_machine(&*self.clock),
        };
        (self.clock_mapping, self.for_tokens) = (timeline_at(asked), timeline_at(self.clock.now()));
        let page = loaded.ledger.and_then(|bytes| self.read_ledger(&bytes));
        let LedgerFile { ledger, failure, rejected_records, refused } = page.clone().unwrap_or_default();
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
        Ok(View { record, is_damaged, refused, ledger: page.map(|_| ledger), failure })
    }

    fn read_ledger(&self, bytes: &[u8]) -> Option<LedgerFile> {
        let page = ledger::read(bytes, &self.clock_mapping, self.who.as_deref(), &self.redactor);
        if page.is_none() {
            tracing::warn!("the ledger in the shared cache cannot be read and counts as missing");
        }
        page
    }

    /// `None` for a token that others can use and this client cannot.
    fn open(&self, bytes: &[u8]) -> Result<Option<Record>, String> {
        let plain = self.seal.open(bytes).map_err(|unreadable| format!("cannot be opened ({unreadable:?})"))?;
        match record::read(&plain, &self.clock_mapping, self.binding.as_ref()) {
            Ok(record) => Ok(Some(record)),
            Err(UnusableRecord::Malformed) => Err("does not hold a whole token".into()),
            Err(unusable) => {
                tracing::warn!("the token in the shared cache is of no use to this client: {unusable}");
                Ok(None)
            }
        }
    }

    /// A record that cannot be opened counts as missing, and is kept elsewhere for somebody to look at.
    async fn set_aside(&mut self, bytes: &[u8], problem: &str) {
        tracing::error!("a record in the shared cache {problem}; it is set aside and counts as missing");
        self.rejected_records = self.rejected_records.saturating_add(1);
        let aside = Entry { kind: Kind::Rejected, bytes: Some(bytes.to_vec()), keep: KEEP_REJECTED };
        let removal = Entry { kind: Kind::Record, bytes: None, keep: Duration::ZERO };
        if let Err(trouble) = self.write(&[aside, removal]).await {
            tracing::warn!("it could not be set aside: {trouble}");
        }
    }

    /// Writes what is known, and a token if there is a new one; a token that an API refused is removed. False if the lock was
    /// lost before.
    pub async fn save(
        &mut self,
        token: Option<&Token>,
        ledger: &Ledger,
        failure: Option<&Error>,
        refused: &[TokenHash],
    ) -> Result<bool, StoreError> {
        let record = match token {
            Some(token) => {
                let sealed = self.seal.seal(&record::write(token, &self.for_tokens))?;
                Some(Entry { kind: Kind::Record, bytes: Some(sealed), keep: token.expires_in() })
            }
            None if self.found.is_some_and(|found| refused.contains(&found)) => {
                Some(Entry { kind: Kind::Record, bytes: None, keep: Duration::ZERO })
            }
            None => None,
        };
        let page = LedgerFile {
            ledger: ledger.clone(),
            failure: failure.cloned(),
            rejected_records: self.rejected_records,
            refused: refused.to_vec(),
        };
        let bytes = ledger::write(&page, &self.clock_mapping, self.who.as_deref());
        let ledger = Entry { kind: Kind::Ledger, bytes: Some(bytes), keep: KEEP_LEDGER };
        let entries: Vec<_> = record.into_iter().chain([ledger]).collect();
        self.write(&entries).await
    }

    /// Nothing is written by who has lost the lock: another process may have written meanwhile.
    async fn write(&mut self, entries: &[Entry]) -> Result<bool, StoreError> {
        let is_written = self.is_locked() && self.store.save(entries).await?;
        if !is_written {
            self.unlock().await;
        }
        Ok(is_written)
    }
}

impl From<StoreError> for Error {
    fn from(trouble: StoreError) -> Self {
        let advice = "nothing is fetched without it, unless allow_fetch_without_cache is set";
        Self::new(Status::CacheUnavailable, format!("the shared cache cannot be used: {trouble}; {advice}"))
    }
}
