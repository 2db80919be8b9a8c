//! The shared cache as a refresh uses it: reads and writes tokens and ledgers in any store.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tokio::time::{self, Instant};

use super::clock_mapping::ClockMapping;
use super::ledger::{self, LedgerFile, Viewer};
use super::record::{self, Record, UnusableRecord};
use super::seal::{self, Seal};
use super::{Entry, Identity, Kind, Names, OPERATION_TIMEOUT, Store, StoreError, TokenType};
use crate::clock::{BootTime, Clock};
use crate::deadline;
use crate::dpop::Binding;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::secret::Redactor;
use crate::token::{HeldToken, TokenHash};

/// Longer than a cool-down, and longer than the last issue matters.
const KEEP_LEDGER: Duration = Duration::from_secs(48 * 3600);
const KEEP_REJECTED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often, and after which pauses, a lock is released whose state is not known: until a lease has ended.
const MAX_RELEASES: u32 = 30;
const RELEASE_INTERVAL: Duration = Duration::from_millis(500);

/// The cache entries of one identity, open for one refresh or sync.
pub(crate) struct Session {
    store: Box<dyn Store>,
    clock: Arc<dyn Clock>,
    bearer_seal: Seal,
    dpop_seal: Seal,
    /// The key of the identity's section of the ledger.
    section: String,
    binding: Option<Binding>,
    redactor: Redactor,
    /// Identifies the credentials, so that a refusal in the ledger is matched with them.
    fingerprint: Option<String>,
    clock_mapping: ClockMapping,
    /// The mapping for tokens that are written. Its time is not later than the store's: a token must not seem to live
    /// longer.
    token_mapping: ClockMapping,
    rejected_records: u64,
    /// The longest time that an operation under the lock has taken. A lease is longer by that.
    latency: Duration,
    /// Whether the store may believe that this session holds the lock.
    may_hold_lock: bool,
    /// The ledger when it was read last, with what belongs to other identities.
    document: Map<String, Value>,
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
    /// What the clocks of some servers show now, by their origins, in seconds since 1970.
    pub server_clocks: Vec<(String, i64)>,
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
        self.read_entries().await.map(|(view, _)| view)
    }

    /// Takes the lock. Returns `None` if another session holds it.
    pub async fn try_lock(&mut self, lease: Duration) -> Result<Option<Locked<'_>>, StoreError> {
        let start = self.clock.now();
        let lease = lease + self.latency;
        // A request that fails here can still be granted there.
        self.may_hold_lock = true;
        if !self.store.lock(lease).await? {
            self.may_hold_lock = false;
            return Ok(None);
        }
        let lock = Locked { held: Held::since(start, lease, &*self.store), session: self };
        Ok(lock.is_held().then_some(lock))
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

    /// What the cache holds, and a record that cannot be opened with the reason.
    async fn read_entries(&mut self) -> Result<(View, Option<Damaged>), StoreError> {
        // The store reads its clock between `start` and now. Entries therefore seem older than they are, never younger.
        let start = self.clock.now();
        let loaded = self.store.load().await?;
        let mapping_at = |now| match loaded.unix_ms {
            Some(unix_ms) => ClockMapping::of_store(&*self.clock, now, unix_ms),
            None => ClockMapping::of_machine(&*self.clock),
        };
        (self.clock_mapping, self.token_mapping) = (mapping_at(start), mapping_at(self.clock.now()));
        let file = loaded.ledger.and_then(|bytes| self.read_ledger(&bytes));
        let is_missing = file.is_none();
        let LedgerFile { ledger, failure, rejected_records, suspects, server_clocks, document } =
            file.unwrap_or_default();
        self.rejected_records = self.rejected_records.max(rejected_records);
        self.document = document;
        let (mut record, mut damaged) = (None, None);
        for (token_type, sealed) in loaded.records {
            match self.open(token_type, &sealed) {
                Ok(found) => record = better(record, found),
                Err(problem) => damaged = Some(Damaged { token_type, sealed, problem }),
            }
        }
        let (is_damaged, ledger) = (damaged.is_some(), (!is_missing).then_some(ledger));
        Ok((View { record, is_damaged, suspects, ledger, failure, server_clocks }, damaged))
    }

    fn seal(&self, token_type: TokenType) -> &Seal {
        match token_type {
            TokenType::Bearer => &self.bearer_seal,
            TokenType::Dpop => &self.dpop_seal,
        }
    }

    fn record_of(&self, held: &HeldToken) -> Result<Entry, StoreError> {
        let token = held.token();
        let token_type = if token.dpop_key().is_some() { TokenType::Dpop } else { TokenType::Bearer };
        let sealed = self.seal(token_type).seal(&record::write(held, &self.token_mapping))?;
        Ok(Entry { kind: Kind::Record(token_type), bytes: Some(sealed), keep: token.expires_in() })
    }

    fn viewer(&self) -> Viewer<'_> {
        Viewer { section: &self.section, fingerprint: self.fingerprint.as_deref() }
    }

    fn read_ledger(&self, bytes: &[u8]) -> Option<LedgerFile> {
        let file = ledger::read(bytes, &self.clock_mapping, self.viewer(), &self.redactor);
        if file.is_none() {
            tracing::warn!("the ledger in the shared cache cannot be read and counts as missing");
        }
        file
    }

    /// Opens a record. Returns `None` for a token that this client cannot use, but others can.
    fn open(&self, token_type: TokenType, bytes: &[u8]) -> Result<Option<Record>, String> {
        let plain = self.seal(token_type).open(bytes).map_err(|error| format!("cannot be opened: {error}"))?;
        match record::read(&plain, &self.clock_mapping, self.binding.as_ref()) {
            Ok(record) => Ok(Some(record)),
            Err(UnusableRecord::Malformed) => Err("does not contain a valid token".into()),
            Err(unusable) => {
                tracing::warn!("this client cannot use the token in the shared cache: {unusable}");
                Ok(None)
            }
        }
    }
}

/// Returns the better of two tokens: one that the client has to replace only at its time, and of equal ones the later.
fn better(one: Option<Record>, another: Option<Record>) -> Option<Record> {
    [one, another].into_iter().flatten().max_by_key(|record| (!record.fitness.wants_another(), record.requested))
}

/// A record that cannot be opened.
struct Damaged {
    token_type: TokenType,
    sealed: Vec<u8>,
    problem: String,
}

/// What a process knows and the cache is to hold.
pub(crate) struct Write<'a> {
    /// A token that the cache lacks.
    pub token: Option<&'a HeldToken>,
    pub ledger: &'a Ledger,
    pub failure: Option<&'a Error>,
    /// Tokens that an API rejected and has not accepted since.
    pub suspects: &'a [TokenHash],
    /// What the clocks of some servers show now, by their origins, in seconds since 1970.
    pub server_clocks: &'a [(String, i64)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    Written,
    /// Nothing was written: another process may have the lock, and may have written.
    LockLost,
}

/// The lock of the cache. What may only be done under it takes it as an argument.
pub(crate) struct Locked<'a> {
    session: &'a mut Session,
    held: Held,
}

/// How long the lock is held.
#[derive(Clone, Copy)]
enum Held {
    /// Another process may have it.
    Lost,
    /// The end of the lease. The process can be suspended for longer.
    Until(BootTime),
    /// The system keeps it for this process.
    UntilReleased,
}

impl Held {
    fn since(start: BootTime, lease: Duration, store: &dyn Store) -> Self {
        if store.has_leases() { Self::Until(start.after(lease)) } else { Self::UntilReleased }
    }
}

impl Locked<'_> {
    /// Whether no other process can have the lock.
    pub fn is_held(&self) -> bool {
        self.is_held_for(Duration::from_millis(1))
    }

    /// Whether no other process can have the lock in this span.
    pub fn is_held_for(&self, span: Duration) -> bool {
        match self.held {
            Held::Lost => false,
            Held::Until(until) => self.session.clock.now().after(span) <= until,
            Held::UntilReleased => true,
        }
    }

    /// Reads the cache, and sets a record aside that cannot be opened.
    pub async fn read(&mut self) -> Result<View, StoreError> {
        let (view, damaged) = self.session.read_entries().await?;
        if let Some(damaged) = damaged.filter(|_| self.is_held()) {
            self.set_aside(damaged).await;
        }
        Ok(view)
    }

    /// Extends the lock by `lease` from now. Returns false if the lock was lost even for a short time: what was read
    /// under it may have changed. After an error the lock is held until its lease ends.
    pub async fn extend(&mut self, lease: Duration) -> Result<bool, StoreError> {
        let start = self.session.clock.now();
        let lease = lease + self.session.latency;
        let extended = self.session.store.extend(lease).await;
        self.note_latency(start);
        let is_kept = extended? && self.is_held();
        if is_kept {
            self.held = Held::since(start, lease, &*self.session.store);
        } else {
            // A store that cannot tell that the lock was lost has taken it again.
            self.release().await;
        }
        Ok(is_kept)
    }

    fn note_latency(&mut self, start: BootTime) {
        self.session.latency = self.session.latency.max(self.session.clock.now().since(start)).min(OPERATION_TIMEOUT);
    }

    /// Writes what is known.
    pub async fn save(&mut self, write: &Write<'_>) -> Result<Saved, StoreError> {
        let session = &*self.session;
        let record = write.token.map(|held| session.record_of(held)).transpose()?;
        let file = LedgerFile {
            ledger: write.ledger.clone(),
            failure: write.failure.cloned(),
            rejected_records: session.rejected_records,
            suspects: write.suspects.to_vec(),
            server_clocks: write.server_clocks.to_vec(),
            document: session.document.clone(),
        };
        let bytes = ledger::write(&file, &session.clock_mapping, session.viewer());
        let ledger = Entry { kind: Kind::Ledger, bytes: Some(bytes), keep: KEEP_LEDGER };
        let entries: Vec<_> = record.into_iter().chain([ledger]).collect();
        self.write(&entries).await
    }

    /// Releases the lock. If that takes longer or fails, [`Session::release_lock`] tries again.
    pub async fn unlock(mut self, deadline: Instant) {
        deadline::until(deadline, self.release()).await;
    }

    async fn release(&mut self) {
        if matches!(mem::replace(&mut self.held, Held::Lost), Held::Lost) {
            return;
        }
        match self.session.store.unlock().await {
            Ok(()) => self.session.may_hold_lock = false,
            Err(error) => tracing::warn!("the lock of the shared cache could not be released: {error}"),
        }
    }

    /// Moves a record that cannot be opened to another entry, where a person can examine it.
    async fn set_aside(&mut self, damaged: Damaged) {
        let Damaged { token_type, sealed, problem } = damaged;
        tracing::error!("a record in the shared cache {problem}; it is set aside and treated as missing");
        self.session.rejected_records = self.session.rejected_records.saturating_add(1);
        let copy = Entry { kind: Kind::Rejected, bytes: Some(sealed), keep: KEEP_REJECTED };
        let removal = Entry { kind: Kind::Record(token_type), bytes: None, keep: Duration::ZERO };
        if let Err(error) = self.write(&[copy, removal]).await {
            tracing::warn!("the record could not be set aside: {error}");
        }
    }

    async fn write(&mut self, entries: &[Entry]) -> Result<Saved, StoreError> {
        let start = self.session.clock.now();
        if self.is_held() {
            let saved = self.session.store.save(entries).await;
            self.note_latency(start);
            if saved? {
                return Ok(Saved::Written);
            }
        }
        self.release().await;
        Ok(Saved::LockLost)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let advice = "no token is fetched without it unless allow_fetch_without_cache is set";
        Self::new(Status::CacheUnavailable, format!("the shared cache cannot be used: {error}; {advice}"))
    }
}
